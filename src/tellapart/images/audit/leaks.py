"""Leaks: one picture in two splits, so that what is measured was also learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, overload

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


class Leaks(Sequence[Leak]):
    """Leaks, as arrays: each is made when it is asked for.

    Attributes:
        pairs: (L, 2) int64, the position to drop and the one to keep of each.
        ranks: (L, 2) int8, the positions of their splits in SPLIT_NAMES.
        exact: (L,) whether the two are equal.
    """

    def __init__(
        self, dataset: Dataset, pairs: NDArray[np.int64], *, ranks: NDArray[np.int8], exact: NDArray[np.bool_]
    ) -> None:
        self._dataset = dataset
        self.pairs = pairs
        self.ranks = ranks
        self.exact = exact

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, index: int) -> Leak: ...

    @overload
    def __getitem__(self, index: slice) -> list[Leak]: ...

    def __getitem__(self, index: int | slice) -> Leak | list[Leak]:
        numbers = range(len(self))[index]
        return self._made(numbers) if isinstance(numbers, int) else [self._made(number) for number in numbers]

    def _made(self, number: int) -> Leak:
        (drop, keep), (low, high) = self.pairs[number].tolist(), self.ranks[number].tolist()
        labels, ids = self._dataset.labels, self._dataset.ids
        return Leak(
            drop=drop,
            keep=keep,
            splits=(SPLIT_NAMES[low], SPLIT_NAMES[high]),
            kind="exact" if self.exact[number] else "near",
            ids=(str(ids[drop]), str(ids[keep])),
            two_labels=bool(labels[drop] != labels[keep]),
        )

    def between(self) -> dict[tuple[str, str], int]:
        """Return how many there are by the splits of the two, sorted by those."""
        kinds, counts = np.unique(self.ranks, axis=0, return_counts=True)
        named = {(SPLIT_NAMES[low], SPLIT_NAMES[high]): int(n) for (low, high), n in zip(kinds, counts, strict=True)}
        return dict(sorted(named.items()))


def find_leaks(dataset: Dataset, repeats: Repeats, splits: Splits) -> Leaks:
    """Return one leak for each picture that stands in a later split too; test stays whole, then validation.

    Args:
        dataset: N pictures.
        repeats: what ``find_repeats`` found among them.
        splits: who trains and who tests.
    """
    rank = np.full(len(dataset), -1, dtype=np.int8)
    for number, name in enumerate(SPLIT_NAMES):
        rank[splits[name]] = number
    families = repeats.families()
    members = families.members
    latest = np.maximum.reduceat(rank[members], families.bounds[:-1]) if len(families) else rank[:0]
    latest = np.repeat(latest, families.sizes)
    winners = members[rank[members] == latest]
    drop = members[(rank[members] >= 0) & (rank[members] < latest)]
    keep, equal = _kept(repeats, winners=winners, drop=drop)
    pairs = np.stack([drop, keep], axis=1)
    return Leaks(dataset, pairs, ranks=rank[pairs].reshape(-1, 2), exact=equal)


def _kept(
    repeats: Repeats, *, winners: NDArray[np.int64], drop: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return which winner of its family stays for each picture that is dropped, an equal one first; and which are."""
    by_exact, by_family = (np.full(len(repeats.exact), -1, dtype=np.int64) for _ in range(2))
    backwards = np.sort(winners)[::-1]  # of several the first is written last
    by_exact[repeats.exact[backwards]] = backwards
    by_family[repeats.family[backwards]] = backwards
    equal = by_exact[repeats.exact[drop]]
    return np.where(equal >= 0, equal, by_family[repeats.family[drop]]), equal >= 0


def leaking(repeats: Repeats, splits: Splits) -> NDArray[np.int64]:
    """Return the positions to drop so that no picture stands in two splits and the test set stays whole."""
    dropped = []
    later: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    for name in reversed(SPLIT_NAMES):
        here = splits[name]
        dropped.append(here[np.isin(repeats.family[here], later)])
        later = np.concatenate([later, repeats.family[here]])
    return np.sort(np.concatenate(dropped))
