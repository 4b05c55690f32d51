"""tellapart's own engine on random pictures: ``tellapart train`` on an array file, its history read."""

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

import numpy as np

from benchmarks.harness.result import say
from benchmarks.step.shapes import EPOCHS, SHAPES, Shape


def write_pictures(path: Path, shape: Shape) -> None:
    """Write random pictures: after a fifth for validation and one per class for the test, enough for an epoch."""
    rng = np.random.default_rng(0)
    count = round(shape.batch * shape.steps / 0.8 / 0.95)
    images = rng.integers(0, 256, (count, shape.height, shape.width, shape.channels), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(count) % max(2, shape.classes))


def recipe(net: str, shape: Shape, epochs: int) -> str:
    """Return the recipe, TOML: the network, float32, Adam at 0.001, nothing else."""
    return f"""
baselines = []

[data]
image_size = [{shape.height}, {shape.width}]
channels = {shape.channels}
validation_fraction = 0.2
test_fraction = 0.05
leaks = "allow"

[net]
name = "{net}"
sigmoid = {str(shape.classes == 1).lower()}

[training]
epochs = {epochs}
batch_size = {shape.batch}
schedule = "constant"
label_smoothing = 0.0
averaging = 0.0
precision = "float32"

[training.optimizer]
name = "adam"
learning_rate = 0.001

[training.augment]
"""


def main() -> None:
    """Train, and say how fast."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", choices=SHAPES, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    shape = SHAPES[options.net]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "pictures.npz", shape)
        (folder / "recipe.toml").write_text(recipe(options.net, shape, options.epochs), encoding="utf-8")
        program = str(Path(sys.executable).with_name("tellapart"))
        command = [program, "train", str(folder / "pictures.npz"), "--recipe", str(folder / "recipe.toml")]
        variables = {**os.environ, "TELLAPART_CACHE": str(folder / "cache")}
        done = subprocess.run([*command, "--out", str(folder / "run")], env=variables, check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
        lines = (folder / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    speeds = [float(json.loads(line)["train_pictures_per_second"]) for line in lines]
    versions = {name: version(name) for name in ("tellapart", "torch")}
    say(figures={"images_per_s": statistics.median(speeds[1:])}, versions=versions, notes="tellapart train")


if __name__ == "__main__":
    main()
