"""Two processes give what one gives with the same batches, batch normalisation, dropout and uneven parts included."""

import importlib.util
import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tellapart.errors import ProcessLostError
from tellapart.training.fabric import Processes, backend, lost

SCRIPT = Path(__file__).with_name("several.py")
spec = importlib.util.spec_from_file_location("several", SCRIPT)
several = importlib.util.module_from_spec(spec)
spec.loader.exec_module(several)


def start(folder, names, *, count=2):
    """Train the named cases in several processes; return those."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    return [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder), str(rank), str(count), str(port), json.dumps(names)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """A folder with what two processes made of each case."""
    folder = tmp_path_factory.mktemp("together")
    for process in start(folder, list(several.cases())):
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert said == "", "no process says anything, warnings included"
    return folder


def figures(run):
    timing = {"seconds", "train_seconds", "train_pictures_per_second"}
    lines = (run / "history.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in timing} for line in lines]


ROUNDING = {"adamw": 1e-4, "muon": 2e-3}
"""How far weights may differ, 5e-6 for others: these take steps as long in directions with hardly any gradient."""


@pytest.mark.parametrize("name", [name for name in several.cases() if name != "bfloat16"])
def test_two_processes_give_what_one_gives(together, tmp_path, name):
    several.train(name, tmp_path)
    ours, theirs = (load_file(folder / name / "model.safetensors") for folder in (tmp_path, together))
    assert ours.keys() == theirs.keys()
    for tensor in ours:
        assert ours[tensor] == pytest.approx(theirs[tensor], abs=ROUNDING.get(name, 5e-6)), tensor
    start_weights = {k: v.numpy() for k, v in several.prepare(name)[0].state_dict().items()}
    moved = max(np.abs(ours[k] - start_weights[k]).max() for k in ours if ours[k].dtype == np.float32)
    assert moved > max(5e-4, 5 * ROUNDING.get(name, 0)), "nothing was learnt, so that nothing was compared"
    mine, its = figures(tmp_path / name), figures(together / name)
    assert len(mine) == len(its)
    for one, other in zip(mine, its, strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_in_bfloat16_two_processes_differ_from_one_by_what_bfloat16_rounds(together, tmp_path):
    def weights(folder, name):
        found = load_file(folder / name / "model.safetensors")
        return np.concatenate([value.ravel() for value in found.values() if value.dtype == np.float32])

    several.train("bfloat16", tmp_path)
    exact, two, one = weights(together, "float32"), weights(together, "bfloat16"), weights(tmp_path, "bfloat16")
    assert 0 < np.linalg.norm(two - one) < 1.5 * np.linalg.norm(one - exact)


def test_pytorch_s_own_words_are_told_where_a_process_is_lost():
    with (
        pytest.raises(ProcessLostError, match=r"cannot be reached.*\(PyTorch says: gloo: connection refused\)"),
        lost(),
    ):
        raise RuntimeError("gloo: connection refused\nat some place")
    with pytest.raises(RuntimeError, match="something else"), lost():
        raise RuntimeError("something else")


@pytest.mark.parametrize(
    ("started_by", "given", "wished", "expected"),
    [
        ("slurm", "8", 32, 8),
        ("slurm", "8", 4, 4),
        ("slurm", "8", None, 8),
        ("slurm", "", 32, 16),
        ("torchrun", "8", 32, 16),
    ],
)
def test_slurm_gives_each_process_its_own_processors(monkeypatch, started_by, given, wished, expected):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", given)
    devices = Processes.__new__(Processes)
    devices._started_by, devices.here = started_by, 2
    assert devices.threads(wished) == expected


def test_gpus_talk_over_nccl_where_there_is_one(monkeypatch):
    for there, expected in ((True, "cpu:gloo,cuda:nccl"), (False, "gloo")):
        monkeypatch.setattr("torch.distributed.is_nccl_available", lambda there=there: there)
        assert (backend("cuda"), backend("cpu")) == (expected, "gloo")
