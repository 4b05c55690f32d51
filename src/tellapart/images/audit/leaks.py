"""Leaks: one picture in two splits, so that what is measured was also learned."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..dataset import SPLIT_NAMES, Dataset, Splits
from .near import Repeats


@dataclasses.dataclass(frozen=True)
class Leak:
    """A picture that stands in another split too.

    Attributes:
        drop: its position: in training, or in validation where the other is in test.
        keep: the position of the other picture, in test, or in validation where this one trains.
        splits: the names of the splits of the two.
        kind: ``"exact"`` for equal bytes or pixels, ``"near"`` for a re-encoded, resized or trimmed copy.
        ids: of the two.
        two_labels: whether they stand under different labels.
    """

    drop: int
    keep: int
    splits: tuple[str, str]
    kind: Literal["exact", "near"]
    ids: tuple[str, str]
    two_labels: bool


def find_leaks(dataset: Dataset, repeats: Repeats, splits: Splits) -> tuple[Leak, ...]:
    """Return one leak for each picture that stands in a later split too; test stays whole, then validation.

    Args:
        dataset: N pictures.
        repeats: what ``find_repeats`` found among them.
        splits: who trains and who tests.
    """
    rank = np.full(len(dataset), -1, dtype=np.int64)
    for number, name in enumerate(SPLIT_NAMES):
        rank[splits[name]] = number
    leaks: list[Leak] = []
    for family in repeats.families():
        placed = family[rank[family] >= 0]
        if len(placed) < 2 or rank[placed].min() == rank[placed].max():
            continue
        winners = placed[rank[placed] == rank[placed].max()]
        leaks.extend(_leak(dataset, repeats, rank, int(p), winners) for p in placed if rank[p] < rank[winners[0]])
    return tuple(leaks)


def leaking(repeats: Repeats, splits: Splits) -> NDArray[np.int64]:
    """Return the positions to drop so that no picture stands in two splits and the test set stays whole."""
    dropped = []
    later: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    for name in reversed(SPLIT_NAMES):
        here = splits[name]
        dropped.append(here[np.isin(repeats.family[here], later)])
        later = np.concatenate([later, repeats.family[here]])
    return np.sort(np.concatenate(dropped))


def _leak(dataset: Dataset, repeats: Repeats, rank: NDArray[np.int64], drop: int, winners: NDArray[np.int64]) -> Leak:
    equal = winners[repeats.exact[winners] == repeats.exact[drop]]
    keep = int(equal[0]) if len(equal) else int(winners[0])
    return Leak(
        drop=drop,
        keep=keep,
        splits=(SPLIT_NAMES[rank[drop]], SPLIT_NAMES[rank[keep]]),
        kind="exact" if len(equal) else "near",
        ids=(str(dataset.ids[drop]), str(dataset.ids[keep])),
        two_labels=bool(dataset.labels[drop] != dataset.labels[keep]),
    )
