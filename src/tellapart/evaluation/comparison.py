"""Comparison: whether one classifier is better than another on the same pictures, or whether that was luck."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import DataError
from .figure import Figure
from .groups import Floats, group_sums
from .intervals import bootstrap_interval, bootstrap_means, is_interval, normal_quantile, wilson_interval
from .predictions import Predictions

AT_ONCE = 1000
"""Patterns of signs that are held at once."""


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Two classifiers on the same pictures.

    Attributes:
        first: the first one's name.
        second: the second one's name.
        count: pictures.
        both_right: by both.
        only_first: right by the first alone.
        only_second: right by the second alone.
        both_wrong: by neither.
        difference: accuracy of the second less that of the first, with its interval by the paired bootstrap.
        p_value: McNemar's exact test, two-sided: how often chance alone would part them so far; where the pictures
            have groups, the sign-flip test over the groups.
    """

    first: str
    second: str
    count: int
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    difference: Figure
    p_value: float

    @property
    def better(self) -> str | None:
        """The better one's name; None where no difference can be shown by both the test and the interval."""
        low, high = self.difference.low or 0.0, self.difference.high or 0.0
        if self.p_value >= 1 - self.difference.level or low <= 0 <= high:
            return None
        return self.second if low > 0 else self.first

    def __str__(self) -> str:
        level = f"{100 * self.difference.level:g}% interval"
        better = self.better
        if better is None:
            return (
                f"no difference can be shown between {self.first} and {self.second}: {self.second} less {self.first} "
                f"is {self.difference.short()} ({level} {self.difference.interval()}, {self.count:,} pictures)"
            )
        figure = self.difference if better == self.second else _turned(self.difference)
        worse = self.first if better == self.second else self.second
        return (
            f"{better} is better than {worse} by {figure.short()} "
            f"({level} {figure.interval()}, {self.count:,} pictures)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)


def compare(
    first: Predictions, second: Predictions, *, names: tuple[str, str] = ("A", "B"), confidence_level: float = 0.95,
    resamples: int = 10_000, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Compare two classifiers on the same pictures; pictures are matched by id, classes by name.

    Where the pictures have groups (one writer, one video), the bootstrap draws whole groups, and the test turns the
    two classifiers around group by group, in place of McNemar's.

    Args:
        first: predictions of the first.
        second: of the second, of the same pictures in any order.
        names: what to call them.
        confidence_level: of the interval; the test's level is 1 less this.
        resamples: bootstrap samples.
        seed: of the bootstrap.

    Raises:
        DataError: the pictures or their labels are not the same, or none is labelled.
        ClassMismatchError: the classes are not the same.

    Source: Q. McNemar, Psychometrika 12 (1947); B. Efron and R. Tibshirani, "An introduction to the bootstrap" (1993).

    Example:
        >>> ids, labels, names = [str(i) for i in range(10)], [0] * 10, ("cat", "dog")
        >>> a = Predictions(ids, [[0, 1]] * 10, labels, names)
        >>> b = Predictions(ids, [[1, 0]] * 10, labels, names)
        >>> print(compare(a, a))
        no difference can be shown between A and B: B less A is 0.0 points
        (95% interval −27.8 to 27.8, 10 pictures)
        >>> compare(a, b).p_value
        0.001953125
    """
    normal_quantile(confidence_level)
    first, second = first.labelled(), matched(first.labelled(), second.labelled())
    right, also = first.correct(), second.correct()
    cells = np.array([(right & also).sum(), (right & ~also).sum(), (~right & also).sum(), (~right & ~also).sum()])
    count = len(first)
    value = float(cells[2] - cells[1]) / count
    groups = first.group_numbers()
    groups = second.group_numbers() if groups is None else groups
    gains = also.astype(np.float64) - right
    if groups is not None:
        samples = bootstrap_means(gains[:, None], groups=groups, resamples=resamples, seed=seed)[:, 0]
    else:
        drawn = np.random.default_rng(seed).multinomial(count, cells / count, size=resamples)
        samples = (drawn[:, 2] - drawn[:, 1]) / count
    drawn_from = None if groups is None else int(groups.max()) + 1
    ends = bootstrap_interval(samples, value, confidence_level=confidence_level, groups=drawn_from, bounds=(-1.0, 1.0))
    low, high = (float(end) for end in ends)
    if not is_interval(low, high):
        low, high = _without_samples(value, drawn_from or count, confidence_level)
    figure = Figure(value, low, high, count, "difference in accuracy", "points", confidence_level, "bootstrap")
    both, only_first, only_second, neither = (int(cell) for cell in cells)
    if groups is None:
        p_value = mcnemar_test(only_first, only_second)
    else:
        p_value = sign_flip_test(group_sums(gains[:, None], groups)[:, 0], resamples=resamples, seed=seed)
    return Comparison(names[0], names[1], count, both, only_first, only_second, neither, figure, p_value)


def _without_samples(value: float, units: int, confidence_level: float) -> tuple[float, float]:
    """Return the interval where resampling knows one outcome alone: what Wilson allows for an event never seen.

    The event moves a difference of 0 by up to 1 either way; one of 1 or −1, or of a single group, by up to 2.
    """
    unseen = float(wilson_interval(0, units, confidence_level=confidence_level)[1])
    low, high = (value - unseen, value + unseen) if value == 0 else (value - 2 * unseen, value + 2 * unseen)
    return max(-1.0, low), min(1.0, high)


def mcnemar_test(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value that pictures on which two classifiers differ fall so unevenly by chance.

    Args:
        only_first: pictures that the first alone has right.
        only_second: pictures that the second alone has right.

    Example:
        >>> round(mcnemar_test(1, 5), 6), mcnemar_test(0, 0)
        (0.21875, 1.0)
    """
    from scipy.special import bdtr

    together = only_first + only_second
    return 1.0 if together == 0 else min(1.0, 2 * float(bdtr(min(only_first, only_second), together, 0.5)))


def sign_flip_test(gains: Floats, *, resamples: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value that the groups' gains add up so far by chance: each may have any sign.

    Args:
        gains: (G,) what one classifier has right more than the other, a number a group.
        resamples: random sign patterns.
        seed: of the generator.

    Source: R. A. Fisher, "The design of experiments" (1935), section 21.

    Example:
        >>> sign_flip_test(np.zeros(5)), sign_flip_test(np.ones(20)) < 0.001
        (1.0, True)
    """
    # Of groups with one size of gain it matters how many of them are turned, not which.
    sizes, counts = np.unique(np.abs(gains[gains != 0]), return_counts=True)
    generator, reached = np.random.default_rng(seed), 0
    for start in range(0, resamples, AT_ONCE):
        turned = generator.binomial(counts, 0.5, size=(min(AT_ONCE, resamples - start), len(counts)))
        reached += int((np.abs((2 * turned - counts) @ sizes) >= abs(gains.sum()) - 1e-6).sum())
    return (1 + reached) / (1 + resamples)


def matched(first: Predictions, second: Predictions) -> Predictions:
    """Return the second's predictions in the order of the first's pictures and classes.

    Raises:
        DataError: the pictures or their labels are not the same.
        ClassMismatchError: the classes are not the same.
    """
    mine, theirs = first.ids.tolist(), second.ids.tolist()
    where = {one: i for i, one in enumerate(theirs)}
    if len(set(mine)) != len(mine) or len(where) != len(theirs):
        raise DataError("ids must differ within each set of predictions: some pictures are listed twice")
    here, there = len(set(mine) - set(theirs)), len(set(theirs) - set(mine))
    if here or there:
        raise DataError(
            f"the pictures must be the same ones: {here:,} of {len(mine):,} are in the first alone, "
            f"{there:,} of {len(theirs):,} in the second alone: predict the same labelled pictures with both"
        )
    if not mine:
        raise DataError("there is no labelled picture to compare on")
    second = second.select([where[one] for one in mine]).with_class_names(first.class_names)
    differing = int((first.labels != second.labels).sum())
    if differing:
        raise DataError(f"the labels of {differing:,} of {len(mine):,} pictures differ: use the same labels for both")
    return second


def _turned(figure: Figure) -> Figure:
    value, low, high = figure.value or 0.0, figure.low or 0.0, figure.high or 0.0
    return dataclasses.replace(figure, value=-value, low=-high, high=-low)
