"""Figure: one number with what it rests on: its interval and its count."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One number of an evaluation.

    Attributes:
        value: the number; None where it is not defined, such as the recall of a class without pictures.
        low: the interval's lower end; None where there is no interval.
        high: the interval's upper end.
        count: how many pictures it was computed from.
        name: what it is: ``"accuracy"``.
        unit: ``"%"`` for a proportion (kept as 0 to 1, printed in per cent), ``"points"`` for a difference of two
            proportions (likewise), ``""`` for a plain number.
        level: the interval's confidence level, 0 to 1.
        method: where the interval comes from: ``"Wilson"``, ``"bootstrap"``, ``""`` where there is none.

    Example:
        >>> print(Figure(0.833, 0.824, 0.841, count=7677, name="accuracy", unit="%"))
        83.3% (82.4 to 84.1, 7,677 pictures)
        >>> print(Figure(0.5124, count=12, name="loss"))
        0.512 (12 pictures)
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0
    name: str = ""
    unit: str = ""
    level: float = 0.95
    method: str = ""

    def __str__(self) -> str:
        pictures = f"{self.count:,} picture{'' if self.count == 1 else 's'}"
        if self.low is None or self.high is None or self.value is None:
            return f"{self.short()} ({pictures})"
        return f"{self.short()} ({self._number(self.low)} to {self._number(self.high)}, {pictures})"

    def short(self) -> str:
        """Return the number alone: ``"83.3%"``, and ``"–"`` where it is not defined."""
        if self.value is None:
            return "–"
        return self._number(self.value) + {"%": "%", "points": " points"}.get(self.unit, "")

    def interval(self) -> str:
        """Return the interval alone: ``"82.4 to 84.1"``, and ``""`` where there is none."""
        return "" if self.low is None or self.high is None else f"{self._number(self.low)} to {self._number(self.high)}"

    def complement(self, name: str) -> Figure:
        """Return the share of the others: of a proportion of mistakes, that of what is right.

        Example:
            >>> print(Figure(0.25, 0.125, 0.5, count=8, name="error", unit="%").complement("accuracy"))
            75.0% (50.0 to 87.5, 8 pictures)
        """
        value, low, high = (None if one is None else 1 - one for one in (self.value, self.high, self.low))
        return dataclasses.replace(self, value=value, low=low, high=high, name=name)

    def among(self, intervals: int) -> Figure:
        """Return it with an interval as wide as it takes for so many to hold together (Bonferroni's correction).

        Args:
            intervals: how many are looked at, 1 or more.

        Example:
            >>> one = Figure(-0.3, -0.55, -0.05, name="change", unit="points")  # 1.96 standard errors each way
            >>> one.among(20).interval()  # 3.02
            '−68.6 to 8.6'
        """
        if self.value is None or self.low is None or self.high is None:
            return self
        level, normal = 1 - (1 - self.level) / intervals, NormalDist()
        factor = normal.inv_cdf(0.5 + level / 2) / normal.inv_cdf(0.5 + self.level / 2)
        low, high = (self.value + factor * (end - self.value) for end in (self.low, self.high))
        return dataclasses.replace(self, low=low, high=high, level=level)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; ``from_dict`` gives the same figure back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Figure:
        """Return the figure that ``to_dict`` described."""
        return cls(**data)

    def _number(self, value: float) -> str:
        if self.unit not in ("%", "points"):
            return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
        percent = 100 * value
        digits = 1
        # 99.97% is not all of them, and a change of 0.03 points is one: more digits until that shows.
        ends = (0.0, 100.0) if self.unit == "%" else (0.0,)
        while digits < 4 and _looks_whole(percent, digits, ends=ends):
            digits += 1
        digits = 1 if self.unit == "points" and _looks_whole(percent, digits, ends=ends) else digits
        return f"{round(percent, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: nothing is "−0.0"


def _looks_whole(percent: float, digits: int, *, ends: tuple[float, ...]) -> bool:
    """Return whether rounding turns almost none into none, or almost all into all."""
    return any(float(f"{percent:.{digits}f}") == end and not math.isclose(percent, end, abs_tol=1e-9) for end in ends)


def finite_or_none(value: float) -> float | None:
    """Return the value, None where it is not a finite number, which JSON cannot hold."""
    return float(value) if math.isfinite(value) else None
