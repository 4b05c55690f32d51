"""Groups: which pictures belong together, as flat arrays, so that a million groups are two Python objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]

POSITIONS_AT_ONCE = 1 << 16
"""Positions that are looked at together."""


class Groups(Sequence[Positions]):
    """Groups of positions.

    Args:
        members: (M,) positions, group after group.
        bounds: (G + 1,) where each group begins in ``members``, and where the last ends.

    Example:
        >>> groups = Groups(np.array([4, 7, 8]), np.array([0, 2, 3]))
        >>> len(groups), groups[0].tolist(), [len(group) for group in groups]
        (2, [4, 7], [2, 1])
    """

    def __init__(self, members: Positions, bounds: Positions) -> None:
        self.members = members
        self.bounds = bounds

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @overload
    def __getitem__(self, index: int) -> Positions: ...

    @overload
    def __getitem__(self, index: slice) -> Groups: ...

    def __getitem__(self, index: int | slice) -> Positions | Groups:
        if isinstance(index, slice):
            return self.chosen(np.arange(len(self))[index])
        index = range(len(self))[index]  # IndexError ends an iteration
        return self.members[self.bounds[index] : self.bounds[index + 1]]

    @property
    def sizes(self) -> Positions:
        """(G,) members of each group."""
        return np.diff(self.bounds)

    def chosen(self, which: NDArray[np.bool_] | Positions) -> Groups:
        """Return those groups: by a mask, or by their numbers."""
        sizes = self.sizes[which]
        bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        within = np.arange(int(bounds[-1])) - np.repeat(bounds[:-1], sizes)
        return Groups(self.members[np.repeat(self.bounds[:-1][which], sizes) + within], bounds)


def groups_of(labels: Positions) -> Groups:
    """Return the groups of two or more with equal labels, by their first member.

    Args:
        labels: (N,) for each position the first position of its group: itself where it stands alone.

    Example:
        >>> [group.tolist() for group in groups_of(np.array([0, 1, 0, 3, 1, 0]))]
        [[0, 2, 5], [1, 4]]
    """
    repeated = np.flatnonzero(labels != np.arange(len(labels)))
    heads = np.unique(labels[repeated])
    members = np.concatenate([heads, repeated])
    labels = np.concatenate([heads, labels[repeated]])
    order = np.lexsort((members, labels))
    members, labels = members[order], labels[order]
    return Groups(members, np.append(np.flatnonzero(np.diff(labels, prepend=-1)), len(labels)))


def first_of_equal(*keys: NDArray[np.uint64]) -> Positions:
    """Return (N,) for each position the first at which all keys, (N,) each, are equal to its own.

    Example:
        >>> first_of_equal(np.array([7, 8, 7], dtype=np.uint64)).tolist()
        [0, 1, 0]
    """
    out = np.arange(len(keys[0]))
    some = _repeated(keys[0])  # few, so that the rest takes little memory
    keys = tuple(key[some] for key in keys)
    order = np.lexsort(keys)
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = False
    for key in keys:
        fresh[1:] |= key[order[1:]] != key[order[:-1]]
    starts = np.arange(len(order))
    starts[~fresh] = 0
    np.maximum.accumulate(starts, out=starts)
    out[some[order]] = some[order[starts]]
    return out


def _repeated(key: NDArray[np.uint64]) -> Positions:
    """Return the positions, rising, whose number stands at another one, too."""
    ordered = np.sort(key)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    found = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(key) if len(twice) else 0, POSITIONS_AT_ONCE):
        part = key[start : start + POSITIONS_AT_ONCE]
        found.append(start + np.flatnonzero(twice[np.searchsorted(twice, part).clip(max=len(twice) - 1)] == part))
    return np.concatenate(found)
