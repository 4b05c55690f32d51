"""Folds: every picture is held out once; figures as mean and deviation over the folds."""

from __future__ import annotations

import dataclasses
import statistics
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, SplitError
from .figure import Figure


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
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    wanted = np.asarray(labels, dtype=np.int64)
    where = np.flatnonzero(wanted >= 0)
    known = wanted[where]
    keys = None if groups is None else _codes(groups, size=len(wanted))[where]
    _check(known, keys, folds=folds)
    kind = StratifiedKFold if keys is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        # A class with fewer pictures than folds is missing from some: thin_classes says which.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = list(kind(n_splits=folds, shuffle=True, random_state=seed).split(np.zeros(len(known)), known, keys))
    return tuple(Fold(where[train], where[held_out]) for train, held_out in parts)


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
    out = []
    for label, name in enumerate(class_names):
        no_train = sum(not (known[fold.train] == label).any() for fold in folds)
        no_test = sum(not (known[fold.held_out] == label).any() for fold in folds)
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
            training's figure varies; it is no interval, as the folds share their training pictures.
        values: one a fold in which it is defined.
        count: pictures in all folds.
        unit: as in Figure.
    """

    name: str
    mean: float | None
    deviation: float | None
    values: tuple[float, ...]
    count: int
    unit: str = ""

    def __str__(self) -> str:
        mean = Figure(self.mean, unit=self.unit).short()
        spread = "" if self.deviation is None else f" ± {Figure(self.deviation, unit='').short()}"
        if self.deviation is not None and self.unit in ("%", "points"):
            spread = f" ± {100 * self.deviation:.1f}"
        return f"{mean}{spread} ({len(self.values)} folds, {self.count:,} pictures)"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)


def summarize_folds(figures: Sequence[Figure]) -> FoldSummary:
    """Return mean and deviation of one figure over the folds.

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
    return FoldSummary(
        figures[0].name,
        statistics.fmean(values) if values else None,
        statistics.stdev(values) if len(values) > 1 else None,
        values,
        sum(figure.count for figure in figures),
        figures[0].unit,
    )


def _codes(groups: ArrayLike, *, size: int) -> NDArray[np.int64]:
    keys = np.asarray(groups)
    if keys.shape != (size,):
        raise SplitError(f"groups must have one entry a picture, got {keys.shape} for {size} pictures")
    codes: NDArray[np.int64] = np.unique(keys, return_inverse=True)[1].astype(np.int64)
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
