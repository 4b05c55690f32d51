"""Drift: how external pictures differ from one's own in size, brightness, contrast, stroke width, ..."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .figure import finite_or_none
from .intervals import Floats

STATISTICS = ("width", "height", "brightness", "contrast", "entropy", "colour")
"""The columns of ``images.facts.FACTS`` that are compared; the aspect ratio is made of the first two."""

_WORDS = {
    "width": ("wider", "narrower"),
    "height": ("taller", "lower"),
    "aspect ratio": ("broader in shape", "slimmer in shape"),
    "brightness": ("brighter", "darker"),
    "contrast": ("of more contrast", "of less contrast"),
    "entropy": ("richer in grey values", "poorer in grey values"),
    "colour": ("more colourful", "less colourful"),
    "stroke width": ("drawn with thicker strokes", "drawn with thinner strokes"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Shift:
    """How one statistic of the pictures differs between two sets.

    Attributes:
        name: of the statistic.
        own: its mean over one's own pictures.
        other: its mean over the others.
        difference: the change in standard deviations (of both sets pooled); None where neither set varies but their
            means differ.
        overlap_gap: the Kolmogorov–Smirnov statistic: the largest gap between the two distributions, 0 (the same) to 1
            (they do not overlap).
        p_value: how often chance alone would part two samples of one distribution so far.
        own_count: pictures with this statistic.
        other_count: likewise.
    """

    name: str
    own: float
    other: float
    difference: float | None
    overlap_gap: float
    p_value: float
    own_count: int
    other_count: int

    def __str__(self) -> str:
        return self.sentence(by_chance=self.p_value >= 0.01)

    def sentence(self, *, by_chance: bool) -> str:
        """Say it in words, and whether it may be chance."""
        more, less = _WORDS.get(self.name, (f"of larger {self.name}", f"of smaller {self.name}"))
        shift = None if self.difference is None else round(self.difference, 1) + 0.0  # no −0.0
        if self.other == self.own or shift == 0:
            direction = "spread differently" if self.overlap_gap > 0 else "alike"
        else:
            direction = more if self.other > self.own else less
        size = "" if shift is None else f", {shift:+.1f} standard deviations".replace("-", "−")
        chance = "; may be chance" if by_chance else ""
        return (
            f"{direction}: {self.name} {self.own:.4g} to {self.other:.4g}{size} "
            f"(distributions differ by {self.overlap_gap:.0%}{chance})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)


def picture_statistics(facts: NDArray[np.void], *, extra: Mapping[str, ArrayLike] | None = None) -> dict[str, Floats]:
    """Return the statistics of the readable pictures by name, (n,) float64 each.

    Args:
        facts: (N,) rows of ``images.facts.FACTS``.
        extra: further statistics, (N,) numbers each, such as ``{"stroke width": ...}``; NaN where there is none.

    Raises:
        DataError: an extra statistic has not one number per picture.
    """
    readable = facts["readable"].astype(bool)
    out = {name: facts[name][readable].astype(np.float64) for name in STATISTICS}
    out["aspect ratio"] = out["width"] / np.maximum(out["height"], 1)
    for name, values in (extra or {}).items():
        numbers = np.asarray(values, dtype=np.float64)
        if numbers.shape != readable.shape:
            raise DataError(
                f"{name!r} must have one number per picture, got {numbers.shape} for {len(readable)} pictures"
            )
        out[name] = numbers[readable & np.isfinite(numbers)]
    return out


def compare_pictures(own: Mapping[str, Floats], other: Mapping[str, Floats]) -> tuple[Shift, ...]:
    """Return how two sets of pictures differ, the statistic whose distributions part the most first.

    Args:
        own: statistics of one's own pictures by name, as ``picture_statistics`` gives them.
        other: of the external pictures; statistics that one side lacks are left out.

    Raises:
        DataError: a statistic has no numbers on one side.

    Example:
        >>> import numpy as np
        >>> own, other = {"brightness": np.array([180.0, 200.0])}, {"brightness": np.array([100.0, 120.0])}
        >>> print(compare_pictures(own, other)[0])
        darker: brightness 190 to 110, −8.0 standard deviations (distributions differ by 100%; may be chance)
    """
    shifts = [_shift(name, own[name], other[name]) for name in own if name in other]
    return tuple(sorted(shifts, key=lambda shift: (-shift.overlap_gap, -abs(shift.difference or 0.0), shift.name)))


def _shift(name: str, own: Floats, other: Floats) -> Shift:
    from scipy.stats import ks_2samp

    if not len(own) or not len(other):
        raise DataError(f"{name!r} must have numbers on both sides, got {len(own)} and {len(other)}")
    gap = float(other.mean() - own.mean())
    deviation = float(np.sqrt((own.var() + other.var()) / 2))
    # A spread of rounding alone is no spread.
    if deviation <= 1e-9 * max(abs(float(own.mean())), abs(float(other.mean()))):
        deviation = 0.0
    difference = finite_or_none(gap / deviation) if deviation else (0.0 if gap == 0 else None)
    test = ks_2samp(own, other, method="asymp" if min(len(own), len(other)) > 100 else "auto")
    return Shift(
        name, float(own.mean()), float(other.mean()), difference, float(test.statistic), float(test.pvalue),
        len(own), len(other),
    )  # fmt: skip
