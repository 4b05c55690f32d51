"""Which fold each picture is held out in: the classes' shares alike, groups whole."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def deal(labels: Numbers, groups: Numbers | None, *, folds: int, seed: int) -> Numbers:
    """Return the fold of each picture, 0 to ``folds`` − 1.

    Groups of several pictures are dealt first, and those that stand alone fill up what is missing. To deal them as
    groups of one would take a table of all pictures by all classes, and minutes for a million.

    Args:
        labels: (n,) integers of 0 and above.
        groups: (n,) integers; None where each picture stands alone.
        folds: at least 2, and at most as many as there are groups, and as the largest class has pictures.
        seed: below 2³².

    Example:
        >>> deal(np.array([0, 0, 0, 0, 1, 1]), np.array([7, 7, 1, 2, 3, 4]), folds=2, seed=0).tolist()
        [0, 0, 1, 1, 1, 0]
    """
    if groups is None:
        return _stratified(labels, None, folds=folds, seed=seed)
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    joined = sizes[codes] > 1
    if not joined.any() or joined.all():
        return _stratified(labels, codes if joined.any() else None, folds=folds, seed=seed)
    rng = np.random.default_rng(seed)
    out = np.empty(len(labels), dtype=np.int64)
    several, many = labels[joined], np.count_nonzero(sizes > 1) >= folds
    if many and np.bincount(several).max() >= folds:
        out[joined] = _stratified(several, codes[joined], folds=folds, seed=seed)
    else:
        out[joined] = _in_turn(codes[joined], folds=folds, rng=rng)
    counts = np.zeros((int(labels.max()) + 1, folds), dtype=np.int64)
    np.add.at(counts, (several, out[joined]), 1)
    out[~joined] = _filled_up(labels[~joined], counts, rng=rng)
    return out


def _stratified(labels: Numbers, groups: Numbers | None, *, folds: int, seed: int) -> Numbers:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    out = np.empty(len(labels), dtype=np.int64)
    with warnings.catch_warnings():
        # A class with fewer pictures than folds is missing from some: thin_classes says which.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        split = kind(n_splits=folds, shuffle=True, random_state=seed).split
        for fold, (_, held_out) in enumerate(split(np.zeros(len(labels)), labels, groups)):
            out[held_out] = fold
    return out


def _in_turn(codes: Numbers, *, folds: int, rng: np.random.Generator) -> Numbers:
    """Deal groups that are too few to look at their classes, the largest first."""
    _, place, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    order = np.lexsort((rng.random(len(sizes)), -sizes))
    fold = np.empty(len(sizes), dtype=np.int64)
    fold[order] = np.arange(len(sizes)) % folds
    return fold[place]


def _filled_up(labels: Numbers, counts: Numbers, *, rng: np.random.Generator) -> Numbers:
    """Deal single pictures so that each class is spread over the folds as evenly as what is dealt already allows.

    Args:
        labels: (n,) of the pictures to deal.
        counts: (classes, folds) what each fold holds already.
        rng: which picture goes where.
    """
    out = np.empty(len(labels), dtype=np.int64)
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    bounds = np.searchsorted(labels[by_class], np.arange(len(counts) + 1))
    whole = counts.sum(axis=0)
    for held, first, end in zip(counts, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        given = _shares(held, end - first, whole=whole, rng=rng)
        out[by_class[first:end]] = np.repeat(np.arange(len(given)), given)
        whole += given
    return out


def _shares(held: Numbers, count: int, *, whole: Numbers, rng: np.random.Generator) -> Numbers:
    """Return how many of a class's pictures each fold gets: those with the fewest first, by size where it is a draw."""
    ordered = np.sort(held)
    level = int(held.min())
    for lowest in range(1, len(held) + 1):  # the height to which so many folds are filled up by so many pictures
        level = (int(ordered[:lowest].sum()) + count) // lowest
        if lowest == len(held) or level <= ordered[lowest]:
            break
    given = np.maximum(level - held, 0)
    left = count - int(given.sum())
    low = np.flatnonzero(held <= level)
    given[low[np.lexsort((rng.random(len(low)), (whole + given)[low]))[:left]]] += 1
    return given
