"""Repeats are found once for the same pictures, and kept beside their cached pixels."""

from __future__ import annotations

import zipfile

import numpy as np

from ...progress import SILENT, Progress
from ...run import whole
from ..cache import Scan
from ..dataset import Dataset
from .near import Repeats, find_repeats

FILE = "repeats.npz"


def repeats_of(dataset: Dataset, scan: Scan, *, progress: Progress = SILENT) -> Repeats:
    """Return the repeats among the pictures of a scan: kept ones, or new ones that are kept from now on.

    Args:
        dataset: what was scanned.
        scan: its folder's name changes with the pictures, so that nothing stale is found there.
        progress: is told of the pairs that are compared.
    """
    file = scan.folder / FILE
    if file.exists():
        try:
            with np.load(file, allow_pickle=False) as kept:
                return Repeats(exact=kept["exact"], pairs=kept["pairs"], family=kept["family"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            file.unlink()
    found = find_repeats(dataset, scan.facts, progress=progress)
    with whole(file) as beside, beside.open("wb") as opened:
        np.savez(opened, exact=found.exact, pairs=found.pairs, family=found.family)
    return found
