"""Which fold each picture is held out in: the classes' shares alike, groups whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def deal(labels: Numbers, groups: Numbers | None, *, folds: int, seed: int) -> Numbers:
    """Return the fold of each picture, 0 to ``folds`` − 1, with each class and all together spread evenly.

    Groups of several pictures are dealt first, the largest first, and those that stand alone fill up what is missing.

    Args:
        labels: (n,) integers of 0 and above.
        groups: (n,) integers; None where each picture stands alone.
        folds: at least 1.
        seed: of the chance that decides between equals.

    Example:
        >>> deal(np.array([0, 0, 0, 0, 1, 1]), np.array([7, 7, 1, 2, 3, 4]), folds=2, seed=0).tolist()
        [0, 0, 1, 1, 1, 0]
    """
    rng = np.random.default_rng(seed)
    out = np.full(len(labels), -1, dtype=np.int64)
    held = np.zeros((int(labels.max(initial=-1)) + 1, folds), dtype=np.int64)
    if groups is not None:
        _deal_groups(labels, groups, held, out=out, rng=rng)
    alone = out < 0
    out[alone] = _filled_up(labels[alone], held, rng=rng)
    return out


def _deal_groups(labels: Numbers, groups: Numbers, held: Numbers, *, out: Numbers, rng: np.random.Generator) -> None:
    """Put each group of several pictures into the fold that has the fewest of its classes, by size where it is a draw.

    Args:
        labels: (n,) of all pictures.
        groups: (n,) likewise.
        held: (classes, folds) what each fold holds, counted up in place.
        out: (n,) the folds, set in place for the pictures of these groups.
        rng: decides between groups of one size.
    """
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    several = np.flatnonzero(sizes > 1)
    by_group, bounds = np.argsort(codes, kind="stable"), np.concatenate([[0], np.cumsum(sizes)])
    whole = held.sum(axis=0)
    for group in several[np.lexsort((rng.random(len(several)), -sizes[several]))].tolist():
        pictures = by_group[bounds[group] : bounds[group + 1]]
        own, counts = np.unique(labels[pictures], return_counts=True)
        fold = int(np.lexsort((whole, held[own].sum(axis=0)))[0])
        held[own, fold] += counts
        whole[fold] += len(pictures)
        out[pictures] = fold


def _filled_up(labels: Numbers, held: Numbers, *, rng: np.random.Generator) -> Numbers:
    """Deal single pictures so that each class is spread over the folds as evenly as what is dealt already allows.

    Args:
        labels: (n,) of the pictures to deal.
        held: (classes, folds) what each fold holds already.
        rng: which picture goes where.
    """
    out = np.empty(len(labels), dtype=np.int64)
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    bounds = np.searchsorted(labels[by_class], np.arange(len(held) + 1))
    whole = held.sum(axis=0)
    for there, first, end in zip(held, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        given = _shares(there, end - first, whole=whole, rng=rng)
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
