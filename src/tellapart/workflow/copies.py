"""Copies: of training pictures in an external set, which prove nothing; of one picture, which say less than many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..images.audit import find_repeats
from ..images.audit.remember import repeats_of
from ..images.cache import Scan
from ..images.cache_folder import cache_folder
from ..images.dataset import Dataset
from ..images.joined import JoinedImages, joined_facts
from ..images.split import belonging
from ..progress import TO_LOG, Progress
from .own_pictures import OwnPictures

COPIED = 0.05
"""Of a split's pictures: where more than that are copies of others in it, the copies of one picture are a group."""


def copies_of_training(
    own: OwnPictures, dataset: Dataset, scanned: Scan, *, progress: Progress = TO_LOG
) -> NDArray[np.bool_]:
    """Return which pictures, (N,), also stand among those that a run was trained or validated on, changed ones too.

    Args:
        own: the run's pictures.
        dataset: N external pictures.
        scanned: what was found of them.
        progress: is told of the pictures that are compared.
    """
    seen = np.sort(np.concatenate([own.splits.train, own.splits.validation]))
    both = JoinedImages(own.dataset.images.select(seen), dataset.images)
    sides = np.repeat([0, 1], [len(seen), len(dataset)])
    facts = joined_facts(own.facts, scanned.facts, rows=seen, folder=cache_folder())
    ids = np.concatenate([own.dataset.ids[seen], dataset.ids])
    found = find_repeats(both, facts, sides=sides, ids=ids, progress=progress)
    known = np.zeros(len(both), dtype=bool)
    known[np.unique(found.family[: len(seen)])] = True
    return known[found.family[len(seen) :]]


def families_of(dataset: Dataset, scanned: Scan, *, progress: Progress = TO_LOG) -> NDArray[np.int64]:
    """Return (N,) numbers, equal for copies of one picture; each its own where they could not be looked for.

    Args:
        dataset: N external pictures.
        scanned: what was found of them.
        progress: is told of the pictures that are compared, and of what could not be.
    """
    try:
        return repeats_of(dataset, scanned, progress=progress).family
    except DataError as error:
        progress.warn(f"{error}; until then copies among these pictures count as different ones")
        return np.arange(len(dataset))


def groups_at(dataset: Dataset, positions: NDArray[np.int64], *, family: NDArray[np.int64]) -> NDArray[np.str_] | None:
    """Return the names of the groups of some pictures, None where each stands for itself.

    Copies say less than as many different pictures, so that intervals and tests had better know them. A few of them
    change nothing, and are not worth methods that can show less.

    Args:
        dataset: N pictures.
        positions: (n,) which of them.
        family: (N,) numbers, equal for copies of one picture.
    """
    if len(positions) - len(np.unique(family[positions])) > COPIED * len(positions):
        together = belonging(dataset, together=family)
        return None if together is None else np.char.add("copies ", together[positions].astype(np.str_))
    return None if dataset.groups is None else dataset.groups[positions]
