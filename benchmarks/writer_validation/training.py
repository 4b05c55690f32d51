"""One training, its validation pictures chosen at random or by writer, then its run folder, read."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.harness.result import say
from benchmarks.writer_validation.__main__ import WRITER


def command(pictures: Path, *, run: Path, validation: str, seed: int, more: list[str]) -> list[str]:
    """Return the command: told which pictures, which seed, and who wrote them where that is asked for."""
    seeds = ["--seed", str(seed), "--split-seed", str(seed)]
    grouped = ["--group-by", WRITER] if validation == "writers" else []
    program = str(Path(sys.executable).with_name("tellapart"))
    return [program, "train", str(pictures), "--out", str(run), "--no-baselines", *seeds, *grouped, *more]


def read_run(run: Path) -> dict[str, float]:
    """Return the figures of a finished run folder; intervals respect the writers, whoever chose the validation."""
    from tellapart import Run
    from tellapart.evaluation import Predictions, calibration_error, proportion_of

    opened = Run.open(run)
    temperature = float(opened.load("evaluation")["temperature"])
    figures = {"epochs": float(len(opened.history)), "temperature": temperature}
    for split in ("validation", "test"):
        said = Predictions.load(run / "predictions" / f"{split}.npz")
        accuracy = proportion_of(said.correct(), groups=writers(said.ids.tolist()))
        scaled = calibration_error(said, temperature=temperature)
        figures |= {
            f"{split}_pictures": float(len(said)),
            f"{split}_accuracy": accuracy.value or 0.0,
            f"{split}_low": accuracy.low or 0.0,
            f"{split}_high": accuracy.high or 0.0,
            f"{split}_unscaled": calibration_error(said).value or 0.0,
            f"{split}_calibration": scaled.value or 0.0,
        }
    return figures | {"gap": figures["validation_accuracy"] - figures["test_accuracy"]}


def writers(ids: list[str]) -> np.ndarray:
    """Return the number of each picture's writer."""
    found = [re.search(WRITER, one) for one in ids]
    return np.array([int(match[1]) for match in found if match], dtype=np.int64)


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line: what stands behind ``--`` is for tellapart, as it is."""
    end = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--validation", choices=["random", "writers"], required=True)
    parser.add_argument("--seed", type=int, required=True)
    return parser.parse_args(given[:end], argparse.Namespace(more=given[end + 1 :]))


def main() -> None:
    """Train, and say what came out."""
    options = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        variables = {**os.environ, "TELLAPART_CACHE": str(Path(folder) / "cache")}
        asked = command(options.pictures, run=run, validation=options.validation, seed=options.seed, more=options.more)
        # A child's status is passed on, so that the harness fails as loudly as the command did.
        done = subprocess.run(asked, env=variables, check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
        figures = read_run(run)
    say(figures=figures, versions={name: version(name) for name in ("tellapart", "torch", "numpy", "pillow")})


if __name__ == "__main__":
    main()
