"""The three networks of this question, the pictures they see, and their parameters. Standard library only."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Shape:
    """What is trained.

    Attributes:
        height: of the pictures.
        width: likewise.
        channels: 1 or 3.
        classes: outputs of the last layer; 1 is a sigmoid.
        batch: pictures a step.
        steps: in an epoch: a few seconds of work.
        parameters: what every peer's network must have.
    """

    height: int
    width: int
    channels: int
    classes: int
    batch: int
    steps: int
    parameters: int


SHAPES = {
    "convnet16": Shape(80, 60, 1, 55, batch=128, steps=32, parameters=88_375),
    "convnet32": Shape(28, 28, 1, 10, batch=128, steps=64, parameters=93_322),
    "convnet128": Shape(150, 150, 3, 1, batch=32, steps=16, parameters=3_453_121),
}

EPOCHS = 6
"""The first one is left out: it traces, compiles and allocates."""


def images_per_s(seconds: list[float], shape: Shape) -> float:
    """Return the speed of the median epoch, without the first."""
    timed = sorted(seconds[1:])
    middle = len(timed) // 2
    median = timed[middle] if len(timed) % 2 else (timed[middle - 1] + timed[middle]) / 2
    return shape.batch * shape.steps / median
