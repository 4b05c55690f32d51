"""The learning rate's course over a training, as a factor of the highest one."""

from __future__ import annotations

import math

WARMUP = 0.25
"""The share of a one-cycle training that the learning rate rises."""


def learning_rate_factor(schedule: str, *, share: float) -> float:
    """Return the factor, 0 to 1, of the highest learning rate at some point of a training.

    Args:
        schedule: "constant"; "cosine", from 1 down to 0; "one-cycle", up in a line from 0.04 to 1 over the first
            quarter, then down in a cosine to nearly 0 (L. N. Smith and N. Topin, "Super-convergence", 2018).
        share: of the training that is done, 0 to 1.

    Example:
        >>> [round(learning_rate_factor("one-cycle", share=eighth / 8), 2) for eighth in range(9)]
        [0.04, 0.52, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
        >>> learning_rate_factor("constant", share=0.5)
        1.0
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share))
    if share <= WARMUP:
        return 0.04 + 0.96 * share / WARMUP
    return max(1e-4, 0.5 * (1 + math.cos(math.pi * (share - WARMUP) / (1 - WARMUP))))


def share_done(*, epoch: int, epochs: int, step: int, steps: int) -> float:
    """Return the share of a training that is done in the middle of a step, 0 to 1: each epoch counts the same.

    So an epoch that is made shorter or longer than the others, to end in time, squeezes or stretches its part of a
    schedule, which ends low in any case.

    Args:
        epoch: from 1.
        epochs: in the whole training.
        step: of this epoch, from 0.
        steps: that this epoch has.

    Example:
        >>> [share_done(epoch=2, epochs=2, step=step, steps=2) for step in range(2)]
        [0.625, 0.875]
    """
    return (epoch - 1 + (step + 0.5) / steps) / epochs
