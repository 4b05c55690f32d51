"""Take docs/pictures/mistakes.png and labels.png, two sections of the report of a run with wrong labels, in Chromium.

Needs Chromium and a minute, so that it is no part of ``python -m docs.make``:

python -m docs.make.mistakes
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from tellapart import Recipe
from tellapart.images import open_dataset
from tellapart.workflow import train

from . import report

PICTURES, WRONG, EPOCHS = 12_000, 0.03, 12


def save_changed(path: Path) -> None:
    """Write pictures of Fashion-MNIST as an array file, some of their labels changed to any other class."""
    dataset, draw = open_dataset("fashion-mnist"), np.random.default_rng(0)
    chosen = np.sort(draw.permutation(len(dataset))[:PICTURES])
    labels, classes = dataset.labels[chosen].copy(), len(dataset.class_names)
    changed = draw.permutation(PICTURES)[: round(WRONG * PICTURES)]
    labels[changed] = (labels[changed] + draw.integers(1, classes, len(changed))) % classes
    pixels = np.stack([np.asarray(dataset.images.load(position).image) for position in chosen.tolist()])
    np.savez(path, x=pixels, y=labels, class_names=np.array(dataset.class_names))


def main() -> None:
    """Make the pictures, train on them, and take both sections of the report."""
    with tempfile.TemporaryDirectory() as folder:
        save_changed(Path(folder, "fashion.npz"))
        run = train(Path(folder, "fashion.npz"), Recipe.make(training={"epochs": EPOCHS}), out=Path(folder, "run"))
        for section in ("mistakes", "labels"):
            report.main(run.path, section)


if __name__ == "__main__":
    main()
