"""Folds: every picture is held out once; figures as means over the folds, with intervals that fit folds."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, SplitError
from ..images.dealing import deal
from .figure import Figure
from .intervals import is_interval, wilson_interval


class Fold(NamedTuple):
    """One fold: sorted positions of the pictures to train on and of those that are held out."""

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]


def make_folds(
    labels: ArrayLike, *, folds: int = 5, groups: ArrayLike | None = None, seed: int = 0
) -> tuple[Fold, ...]:
    """Divide pictures into folds with the classes' shares alike in each, and no group on both sides.

    Args:
        labels: (N,) integers; pictures with −1 (unknown) are in no fold.
        folds: how many, at least 2.
        groups: (N,) of anything that compares equal: the writer, the patient; None where there are none.
        seed: of the shuffling.

    Returns:
        One Fold each; every labelled picture is held out in exactly one.

    Raises:
        SplitError: there are fewer labelled pictures, or fewer groups, than folds, or no class has so many pictures.

    Example:
        >>> [len(fold.held_out) for fold in make_folds([0, 0, 1, 1], folds=2)]
        [2, 2]
    """
    wanted = np.asarray(labels, dtype=np.int64)
    where = np.flatnonzero(wanted >= 0)
    known = wanted[where]
    keys = None if groups is None else _codes(groups, size=len(wanted))[where]
    _check(known, keys, folds=folds)
    number = deal(known, keys, folds=folds, seed=seed % 2**64)
    return tuple(Fold(where[number != fold], where[number == fold]) for fold in range(folds))


def thin_classes(labels: ArrayLike, folds: Sequence[Fold], *, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return one sentence for each class that some fold cannot train on or cannot measure.

    Args:
        labels: (N,) integers, as for ``make_folds``.
        folds: what it made.
        class_names: the classes' names.

    Example:
        >>> labels = [0, 0, 0, 1]
        >>> print(*thin_classes(labels, make_folds(labels, folds=2), class_names=("cat", "dog")))
        “dog” has no picture to train on in 1 of 2 folds, none held out in 1
    """
    known = np.asarray(labels, dtype=np.int64)
    no_train_of, no_test_of = np.zeros((2, len(class_names)), dtype=np.int64)
    for fold in folds:
        for side, lacking in ((fold.train, no_train_of), (fold.held_out, no_test_of)):
            lacking += np.bincount(known[side], minlength=len(class_names)) == 0
    out = []
    for name, no_train, no_test in zip(class_names, no_train_of.tolist(), no_test_of.tolist(), strict=True):
        if no_train or no_test:
            out.append(
                f"“{name}” has no picture to train on in {no_train} of {len(folds)} folds, none held out in {no_test}"
            )
    return tuple(out)


@dataclasses.dataclass(frozen=True, slots=True)
class FoldSummary:
    """One figure over the folds.

    Attributes:
        name: of the figure.
        mean: over the folds, each weighing the same; None where it is defined in none.
        deviation: the sample standard deviation over the folds; None for fewer than two. It says how much one
            training's figure varies.
        values: one a fold in which it is defined.
        count: pictures in all folds.
        unit: as in Figure.
        low: the lower end of the mean's 95% interval; None for fewer than two folds.
        high: the upper end.
    """

    name: str
    mean: float | None
    deviation: float | None
    values: tuple[float, ...]
    count: int
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def figure(self) -> Figure:
        """The mean with its interval."""
        return Figure(self.mean, self.low, self.high, self.count, self.name, self.unit, LEVEL, "corrected t")

    def __str__(self) -> str:
        mean = Figure(self.mean, unit=self.unit).short()
        spread = "" if self.deviation is None else f" ± {Figure(self.deviation, unit='').short()}"
        if self.deviation is not None and self.unit in ("%", "points"):
            spread = f" ± {100 * self.deviation:.1f}"
        return f"{mean}{spread} ({len(self.values)} folds, {self.count:,} pictures)"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)


LEVEL = 0.95
"""Of the means' intervals."""


def summarize_folds(
    figures: Sequence[Figure], *, pooled: Figure | None = None, ratio: float | None = None
) -> FoldSummary:
    """Return mean, deviation and the mean's interval of one figure over the folds.

    Folds share most of their training pictures, so that their figures vary less than those of trainings on pictures of
    their own would; no unbiased estimate of the mean's variance exists. The interval is Student's with the variance
    corrected for that: s² · (1/K + ratio), which is wide rather than narrow. It is never narrower than what the count
    of pictures alone allows; where neither shows any spread there is none.

    Args:
        figures: one a fold, of the pictures that it held out.
        pooled: the same figure over the pictures of all folds at once, with its interval. Where it is None, that of a
            figure in % is Wilson's, of the mean and of all pictures, which is right for accuracy.
        ratio: pictures held out over those trained on; 1 / (K − 1) where None.

    Source: C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52 (2003); Y. Bengio and
        Y. Grandvalet, "No unbiased estimator of the variance of k-fold cross-validation", JMLR 5 (2004).

    Raises:
        DataError: there are none, or they are different figures.

    Example:
        >>> folds = [Figure(value, count=100, name="accuracy", unit="%") for value in (0.92, 0.94)]
        >>> print(summarize_folds(folds))
        93.0% ± 1.4 (2 folds, 200 pictures)
    """
    if not figures:
        raise DataError("there must be a figure of at least one fold, got none")
    if len({(figure.name, figure.unit) for figure in figures}) > 1:
        raise DataError(f"the figures must be the same one, got {sorted({figure.name for figure in figures})}")
    values = tuple(figure.value for figure in figures if figure.value is not None)
    low, high = _interval(values, ratio=ratio, unit=figures[0].unit)
    if pooled is not None and None not in (low, high, pooled.low, pooled.high):
        low, high = min(low or 0.0, pooled.low or 0.0), max(high or 0.0, pooled.high or 0.0)
    elif pooled is None and values and figures[0].unit == "%":
        total = sum(figure.count for figure in figures)
        ends = wilson_interval(statistics.fmean(values) * total, total, confidence_level=LEVEL)
        low, high = (None, None) if low is None else (min(low, float(ends[0])), max(high or 0.0, float(ends[1])))
    if low is not None and high is not None and not is_interval(low, high):
        low = high = None  # folds that are all alike do not tell how wide it is
    return FoldSummary(
        figures[0].name,
        statistics.fmean(values) if values else None,
        statistics.stdev(values) if len(values) > 1 else None,
        values,
        sum(figure.count for figure in figures),
        figures[0].unit,
        low,
        high,
    )


def _interval(values: Sequence[float], *, ratio: float | None, unit: str) -> tuple[float | None, float | None]:
    from scipy.special import stdtrit

    count = len(values)
    if count < 2:
        return None, None
    share = 1 / (count - 1) if ratio is None else ratio
    mean, spread = statistics.fmean(values), statistics.stdev(values) * math.sqrt(1 / count + share)
    half = float(stdtrit(count - 1, 0.5 + LEVEL / 2)) * spread
    low, high = mean - half, mean + half
    # Shares, losses and scores are never negative, differences may be.
    return (low if unit == "points" else max(0.0, low)), (min(1.0, high) if unit == "%" else high)


def _codes(groups: ArrayLike, *, size: int) -> NDArray[np.int64]:
    keys = np.asarray(groups)
    if keys.shape != (size,):
        raise SplitError(f"groups must have one entry per picture, got {keys.shape} for {size} pictures")
    codes: NDArray[np.int64] = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    if keys.dtype.kind in "UTO":
        alone = np.flatnonzero(keys == "")
        codes[alone] = len(keys) + np.arange(len(alone))
    return codes


def _check(known: NDArray[np.int64], keys: NDArray[np.int64] | None, *, folds: int) -> None:
    if folds < 2:
        raise SplitError(f"folds must be at least 2, got {folds}")
    largest = int(np.bincount(known).max()) if len(known) else 0
    if largest < folds:
        raise SplitError(
            f"{folds} folds need a class with at least {folds} pictures, the largest has {largest}: use fewer folds"
        )
    if keys is not None and len(np.unique(keys)) < folds:
        raise SplitError(f"{folds} folds need at least {folds} groups, there are {len(np.unique(keys))}: use fewer")
