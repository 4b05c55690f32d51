"""One training, as a person types it, with an empty cache; its run folder, read."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.harness.result import say
from benchmarks.hwdb55.tellapart_peer import history_figures

NOVELTY = "novelty."
"""How the tensors of a model file are called that tell strange pictures."""

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""How those of batch normalisation end that are not learnt."""


def command(source: str, run: Path, *, seed: int, more: list[str]) -> list[str]:
    """Return the command; copies between the splits are taken out of what is trained on."""
    base = [str(Path(sys.executable).with_name("tellapart")), "train", source, "--out", str(run)]
    return [*base, "--seed", str(seed), "--drop-leaks", *more]


def read_run(run: Path) -> dict[str, float]:
    """Return the figures of a finished run folder."""
    history = [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    splits = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))["splits"]
    training = json.loads((run / "training.json").read_text(encoding="utf-8"))
    test = splits["test"]["figures"]
    return {
        **history_figures(history),
        "best_epoch": float(training["best_epoch"]),
        "validation_accuracy": float(splits["validation"]["figures"]["accuracy"]["value"]),
        "test_accuracy": float(test["accuracy"]["value"]),
        "calibration_error": float(test["calibration_error"]["value"]),
        "parameters": float(parameters(run / "model.safetensors")),
    }


PARTS = {
    "read_s": "data.json",
    "audit_s": "splits.json",
    "baselines_s": "baselines/softmax/training.json",
    "plan_s": "time.json",
    "epochs_s": "history.jsonl",
    "predict_s": "model.safetensors",
    "figures_s": "evaluation.json",
    "page_s": "report.html",
}
"""The parts of a training in a given time, in their order, and the file that each writes at its end."""


def part_seconds(run: Path, *, started: float) -> dict[str, float]:
    """Return how long each part of a run took, by the times of its files; 0 where a part has none."""
    taken, before = {}, started
    for part, name in PARTS.items():
        after = (run / name).stat().st_mtime if (run / name).exists() else before
        taken[part], before = after - before, after
    return taken


def parameters(model: Path) -> int:
    """Return how many parameters a model file has: its tensors but batch normalisation's statistics and novelty's."""
    content = model.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    total = 0
    for name, tensor in header.items():
        kept = name.startswith(("__metadata__", NOVELTY)) or name.endswith(STATISTICS)
        if not kept:
            size = 1
            for side in tensor["shape"]:
                size *= side
            total += size
    return total


def arguments(given: list[str]) -> argparse.Namespace:
    """Read ``SOURCE --seed N -- --time 1m``: what stands behind ``--`` is for ``tellapart train``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--seed", type=int, required=True)
    end = given.index("--") if "--" in given else len(given)
    return parser.parse_args(given[:end], argparse.Namespace(more=given[end + 1 :]))


def main() -> None:
    """Train, and say what came out."""
    options = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        started = time.time()  # of the wall clock, as files' times are
        variables = {**os.environ, "TELLAPART_CACHE": str(Path(folder) / "cache")}
        # A child's status is passed on, so that the harness fails as loudly as the command did.
        done = subprocess.run(
            command(options.source, run, seed=options.seed, more=options.more), env=variables, check=False
        )
        if done.returncode != 0:
            sys.exit(done.returncode)
        saved = (run / "model.safetensors").stat().st_mtime - started
        figures = {**read_run(run), "saved_s": saved, **part_seconds(run, started=started)}
    say(figures=figures, versions={name: version(name) for name in ("tellapart", "torch", "numpy", "pillow")})


if __name__ == "__main__":
    main()
