"""Stratified sampling: what to hold out so that each class gives its share, in whole groups where there are any.

All of it works on positions in plain arrays: a million pictures take a second or two and a few arrays of that length,
and a million groups 12 µs each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]

TOGGLE_PASSES = 3
"""How often the greedy choice of groups is gone over again."""

TOGGLE_BELOW = 20_000
"""With more groups than this, single groups are too small for going over them again to matter."""


def shares(counts: NDArray[np.int64], fraction: float, *, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how many of each class to hold out: the largest remainder, with one of each class left over.

    Args:
        counts: (C,) pictures of each class.
        fraction: of all pictures, 0 to 1.
        rng: breaks ties between equal remainders.

    Returns:
        (C,) int64; each is its exact share rounded down or up, save that no class is emptied, and that at least one
        picture is held out where any class can spare one.

    Source: A. Hamilton's method of apportionment, 1792.

    Example:
        >>> shares(np.array([10, 6, 1]), 0.2, rng=np.random.default_rng(0)).tolist()
        [2, 1, 0]
    """
    exact = counts * fraction
    spare = np.maximum(counts - 1, 0)
    taken = np.minimum(np.floor(exact + 1e-9).astype(np.int64), spare)
    wanted = max(int(np.floor(counts.sum() * fraction + 0.5)), 1 if fraction > 0 else 0)
    missing = wanted - int(taken.sum())
    # Only classes whose floor lies below the exact share are rounded up, and none beyond what it can spare.
    remainder = np.where(taken < spare, exact - taken, -1.0)
    order = np.lexsort((rng.random(len(counts)), -remainder))
    up = order[: max(missing, 0)]
    up = up[(remainder[up] > 1e-9) & (remainder[up] < 1 + 1e-9)]
    out: NDArray[np.int64] = taken
    out[up] += 1
    return out


def pick(labels: NDArray[np.int64], fraction: float, *, classes: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a mask of the pictures to hold out, stratified by class.

    Args:
        labels: (n,) classes, 0 to ``classes`` − 1.
        fraction: of the pictures, 0 to 1.
        classes: how many classes there are.
        rng: the source of chance.

    Returns:
        (n,) bool.

    Example:
        >>> mask = pick(np.array([0] * 10 + [1] * 5), 0.2, classes=2, rng=np.random.default_rng(0))
        >>> mask[:10].sum(), mask[10:].sum()
        (np.int64(2), np.int64(1))
    """
    counts = np.bincount(labels, minlength=classes)
    take = shares(counts, fraction, rng=rng)
    # A stable sort of 16-bit numbers counts them; of longer ones it compares.
    narrow = labels.astype(np.uint16) if classes <= 2**16 else labels
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(narrow[shuffled], kind="stable")]
    first = np.cumsum(counts) - counts
    chosen = [by_class[start : start + n] for start, n in zip(first.tolist(), take.tolist(), strict=True)]
    mask = np.zeros(len(labels), dtype=bool)
    mask[np.concatenate(chosen)] = True
    return mask


def pick_groups(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    fraction: float,
    *,
    classes: int,
    rng: np.random.Generator,
    locked: NDArray[np.bool_],
    at_least_one: bool = True,
) -> NDArray[np.bool_]:
    """Return a mask of the pictures to hold out, in whole groups, as close to stratified as groups allow.

    Groups are met in random order, and one is held out where that brings the classes' counts nearer to their shares
    (least squares, each class weighted by one over its count); then all are gone over again to correct.

    Args:
        labels: (n,) classes, 0 to ``classes`` − 1.
        groups: (n,) group numbers, 0 to G − 1.
        fraction: of the pictures, 0 to 1.
        classes: how many classes there are.
        rng: the source of chance.
        locked: (G,) groups that must not be held out.
        at_least_one: whether the group that costs least is held out where none brings the counts nearer.

    Returns:
        (n,) bool; all False where no group can be held out without emptying a class.

    Example:
        >>> labels, groups = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
        >>> mask = pick_groups(labels, groups, 0.3, classes=2, rng=np.random.default_rng(0), locked=np.zeros(3, bool))
        >>> mask.sum(), len(set(groups[mask]) & set(groups[~mask]))
        (np.int64(2), 0)
    """
    choice = _GroupChoice(labels, groups, fraction, classes=classes, locked=locked)
    order = rng.permutation(len(locked))
    choice.sweep(order)
    if at_least_one and not choice.held.any():
        choice.force(order)
    if len(locked) <= TOGGLE_BELOW:
        for _ in range(TOGGLE_PASSES):
            choice.sweep(rng.permutation(len(locked)))
    return choice.held[groups]


class _GroupChoice:
    """Which groups are held out, and how far the classes are from their shares."""

    def __init__(
        self,
        labels: NDArray[np.int64],
        groups: NDArray[np.int64],
        fraction: float,
        *,
        classes: int,
        locked: NDArray[np.bool_],
    ) -> None:
        counts = np.bincount(labels, minlength=classes)
        cells, self.sizes = np.unique(groups * classes + labels, return_counts=True)
        self.classes = cells % classes
        self.bounds = np.searchsorted(cells // classes, np.arange(len(locked) + 1))
        self.locked = locked
        self.weight = 1.0 / np.maximum(counts, 1)
        self.lacking = counts * fraction
        self.left = counts.copy()
        self.held = np.zeros(len(locked), dtype=bool)

    def sweep(self, order: Positions) -> None:
        """Toggle each group where that lowers the cost and empties no class."""
        for group in order.tolist():
            gain, allowed = self._toggling(group)
            # One held-out group at the least stays held out.
            if gain < -1e-12 and allowed and not (self.held[group] and self.held.sum() == 1):
                self._toggle(group)

    def force(self, order: Positions) -> None:
        """Hold out the one group that costs least, where any may be."""
        costs = [(gain, group) for group in order.tolist() for gain, allowed in [self._toggling(group)] if allowed]
        if costs:
            self._toggle(min(costs)[1])

    def _cells(self, group: int) -> slice:
        return slice(int(self.bounds[group]), int(self.bounds[group + 1]))

    def _toggling(self, group: int) -> tuple[float, bool]:
        where = self._cells(group)
        classes, sizes = self.classes[where], self.sizes[where]
        if self.held[group]:
            return float((self.weight[classes] * sizes * (sizes + 2 * self.lacking[classes])).sum()), True
        allowed = not self.locked[group] and bool((self.left[classes] > sizes).all())
        return float((self.weight[classes] * sizes * (sizes - 2 * self.lacking[classes])).sum()), allowed

    def _toggle(self, group: int) -> None:
        where = self._cells(group)
        change = self.sizes[where] * (-1 if self.held[group] else 1)
        self.lacking[self.classes[where]] -= change
        self.left[self.classes[where]] -= change
        self.held[group] = not self.held[group]


def balanced_sample(labels: NDArray[Any], count: int, *, seed: int) -> NDArray[np.int64]:
    """Return positions of at most ``count`` pictures, rising, as alike in number a class as can be.

    Where there are more classes than that, chance decides which of them have one.

    Example:
        >>> labels = np.array([0] * 90 + [1] * 5)
        >>> np.bincount(labels[balanced_sample(labels, 20, seed=0)]).tolist()
        [15, 5]
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = np.argsort(labels[order], kind="stable")
    ordered = labels[order][by_class]
    turn = np.empty(len(labels), dtype=np.int64)
    turn[by_class] = np.arange(len(labels)) - np.searchsorted(ordered, ordered)  # the so-many-th of its class
    return np.sort(order[np.argsort(turn, kind="stable")[:count]]).astype(np.int64)
