"""Copies of training pictures among pictures from elsewhere: what was learned by heart proves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TellapartError
from ..images.audit import find_repeats
from ..images.cache import Scan, cache_folder, scan
from ..images.dataset import Dataset
from ..images.joined import joined, joined_facts
from ..images.preprocessing import Preprocessing
from ..images.split_ids import from_ids, read_ids
from ..progress import SILENT, Progress
from ..run import Run
from .prepare import check_same_pictures, open_run_source


def copies_of_training(
    run: Run, dataset: Dataset, scanned: Scan, *, preprocessing: Preprocessing, progress: Progress = SILENT
) -> NDArray[np.bool_] | None:
    """Return which pictures also stand among those that the run was trained or validated on, changed ones included.

    Args:
        run: whose pictures are opened again.
        dataset: N pictures from elsewhere.
        scanned: what was found of them.
        preprocessing: the model's: its pixels lie in the cache.
        progress: is told of the pictures that are read and compared.

    Returns:
        (N,) bool; None where the run's own pictures cannot be had any more, or have changed, which is said.
    """
    try:
        own = open_run_source(run)
        own_scanned = scan(own, preprocessing, progress=progress)
        check_same_pictures(run, own, own_scanned)
    except TellapartError as error:
        progress.warn(f"copies of training pictures were not looked for: {error}")
        return None
    splits = from_ids(own, read_ids(run.path / "splits.json"))
    seen = np.sort(np.concatenate([splits.train, splits.validation]))
    both, sides = joined(own.select(seen), dataset), np.repeat([0, 1], [len(seen), len(dataset)])
    facts = joined_facts(own_scanned.facts, scanned.facts, rows=seen, folder=cache_folder())
    found = find_repeats(both, facts, sides=sides, progress=progress)
    known = np.zeros(len(both), dtype=bool)
    known[np.unique(found.family[: len(seen)])] = True
    return known[found.family[len(seen) :]]
