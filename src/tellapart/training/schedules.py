"""The learning rate's course over a training, as a factor of the highest one."""

from __future__ import annotations

import math

WARMUP = 0.25
"""The share of a one-cycle training that the learning rate rises."""


def learning_rate_factor(schedule: str, *, step: int, steps: int) -> float:
    """Return the factor, 0 to 1, of the highest learning rate at one step.

    Args:
        schedule: "constant"; "cosine", from 1 down to 0; "one-cycle", up in a line from 0.04 to 1 over the first
            quarter, then down in a cosine to nearly 0 (L. N. Smith and N. Topin, "Super-convergence", 2018).
        step: from 0 to steps − 1.
        steps: in the whole training.

    Example:
        >>> [round(learning_rate_factor("one-cycle", step=s, steps=9), 2) for s in range(9)]
        [0.04, 0.52, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
        >>> learning_rate_factor("constant", step=5, steps=9)
        1.0
    """
    share = step / max(1, steps - 1)
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share))
    if share <= WARMUP:
        return 0.04 + 0.96 * share / WARMUP
    return max(1e-4, 0.5 * (1 + math.cos(math.pi * (share - WARMUP) / (1 - WARMUP))))
