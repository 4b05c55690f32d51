"""tellapart's features, as a training sees them: from uint8 pixels, a batch to each processor."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from benchmarks.backbone.work import MEAN, SIDE, STD, measure, network, options, pictures
from benchmarks.harness.result import say
from tellapart.images.preprocessing import Preprocessing
from tellapart.machine import usable_processors
from tellapart.training.lanes import BATCH, Lanes


def main() -> None:
    """Say how fast, and the sum of the features, which both sides must agree on."""
    pixels, net = pictures(), network(options().net)
    spec = Preprocessing(image_size=(SIDE, SIDE), channels=3, mean=(MEAN,) * 3, std=(STD,) * 3)
    with Lanes(net, spec) as lanes:
        figures = measure(lambda: np.concatenate(list(lanes.over(pixels, np.arange(len(pixels))))))
    versions = {name: version(name) for name in ("tellapart", "torch")}
    say(
        figures=figures, versions=versions, notes=f"{usable_processors()} threads with batches of {BATCH} each, float32"
    )


if __name__ == "__main__":
    main()
