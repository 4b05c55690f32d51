"""tellapart's side of hwdb55: the command that a person types, then its run folder, read."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.harness.result import say

FOLDER = Path(__file__).resolve().parent


def command(pictures: Path, settings: str, run: Path, *, epochs: int, seed: int) -> list[str]:
    """Return the command: the course's recipe file, or our default, which is told nothing but the pictures."""
    base = [str(Path(sys.executable).with_name("tellapart")), "train", str(pictures), "--out", str(run)]
    base += ["--seed", str(seed)]
    if settings == "default":
        return base
    return [*base, "--recipe", str(FOLDER / f"{settings}.toml"), "--epochs", str(epochs)]


def read_run(run: Path) -> dict[str, float]:
    """Return the figures of a finished run folder."""
    history = [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    evaluation = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    return {**history_figures(history), **evaluation_figures(evaluation)}


def history_figures(history: list[dict[str, Any]]) -> dict[str, float]:
    """Return epochs, their seconds, and the training part's images/s: the median epoch, without the first."""
    speeds = [float(record["train_pictures_per_second"]) for record in history]
    seconds = sum(float(record["seconds"]) for record in history)
    figures = {"epochs": len(history), "train_s": seconds, "images_per_s": statistics.median(speeds[1:] or speeds)}
    return {name: float(value) for name, value in figures.items()}


def evaluation_figures(evaluation: dict[str, Any]) -> dict[str, float]:
    """Return accuracy and top-5 of both splits."""
    keys = {"accuracy": "accuracy", "top_5": "top5"}
    return {
        f"{split}_{name}": float(evaluation["splits"][split]["figures"][key]["value"])
        for split in ("validation", "test")
        for key, name in keys.items()
    }


def main() -> None:
    """Train with an empty cache, and say what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--settings", choices=["course-softmax", "course-convnet16", "default"], required=True)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        variables = {**os.environ, "TELLAPART_CACHE": str(Path(folder) / "cache")}
        # A child's status is passed on, so that the harness fails as loudly as the command did.
        typed = command(options.pictures, options.settings, run, epochs=options.epochs, seed=options.seed)
        done = subprocess.run(typed, env=variables, check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
        figures = read_run(run)
    versions = {name: version(name) for name in ("tellapart", "torch", "numpy", "pillow")}
    say(figures=figures, versions=versions, notes=options.settings)


if __name__ == "__main__":
    main()
