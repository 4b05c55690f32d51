"""Copies of training pictures among pictures from elsewhere: what was learned by heart proves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TellapartError
from ..images.audit import find_repeats
from ..images.cache import Scan, scan
from ..images.dataset import Dataset
from ..images.joined import joined
from ..images.preprocessing import Preprocessing
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
    splits = run.load("splits")
    seen = np.flatnonzero(np.isin(own.ids, [*splits["train"], *splits["validation"]]))
    facts = own_scanned.facts
    both = joined(own.select(seen), dataset)
    sides = np.repeat([0, 1], [len(seen), len(dataset)])
    found = find_repeats(both, np.concatenate([facts[seen], scanned.facts]), sides=sides, progress=progress)
    known = np.zeros(len(both), dtype=bool)
    known[np.unique(found.family[: len(seen)])] = True
    return known[found.family[len(seen) :]]
