"""The commands for several machines are ones that bash, torchrun and tellapart understand."""

import re
import shlex
import subprocess
from pathlib import Path

import typer

from tellapart.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")


def commands(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def check(words):
    """Parse what stands behind ``tellapart``."""
    verb, *rest = words
    group = typer.main.get_command(app)
    group.commands[verb].make_context(verb, rest)


def test_torchrun_takes_its_command():
    from torch.distributed.run import get_args_parser

    lines = [line for code in commands("shell") for line in code.replace("\\\n", " ").splitlines()]
    found = [shlex.split(line)[1:] for line in lines if line.startswith("torchrun")]
    assert len(found) == 2
    for rank, words in enumerate(found):
        parsed = get_args_parser().parse_args(words)
        assert (parsed.nnodes, parsed.nproc_per_node, parsed.node_rank, parsed.module) == ("2", "4", rank, True)
        assert parsed.training_script == "tellapart"
        check(parsed.training_script_args)


def test_the_slurm_script_is_bash_and_starts_the_program():
    (script,) = commands("bash")
    assert script.startswith("#!/bin/bash\n#SBATCH")
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=True).stderr == ""
    assert "--ntasks-per-node" in script, "without it the processes of a machine cannot be counted"
    srun = shlex.split(script.splitlines()[-1])
    assert srun[0] == "srun"
    check(srun[srun.index("tellapart") + 1 :])
