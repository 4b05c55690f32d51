"""Medians, ranges and ratios over the rounds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Spread:
    """The median of several measurements with the smallest and the largest."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the range of at least one value."""
    if not values:
        raise ValueError("a spread needs at least one value, got none")
    return Spread(statistics.median(values), min(values), max(values), len(values))


def ratios(values: Sequence[float], *, reference: Sequence[float]) -> Spread:
    """Return the spread of value / reference, round by round.

    A machine's speed drifts by more than what is compared. The two halves of a round lie next to each other in
    time, so their ratio hardly drifts, and the ratio of two medians from different rounds does. Where one side has
    run once, each value of the other is compared with that.
    """
    rounds = max(len(values), len(reference))
    values, reference = ([*side] * rounds if len(side) == 1 else side for side in (values, reference))
    if len(values) != len(reference):
        raise ValueError(f"ratios need as many values as references, got {len(values)} and {len(reference)}")
    if any(number == 0 for number in reference):
        raise ValueError("a ratio to a figure of 0 has no meaning")
    return spread([value / number for value, number in zip(values, reference, strict=True)])
