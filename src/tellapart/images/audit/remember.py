"""Repeats are found once for the same pictures, and kept beside their cached pixels."""

from __future__ import annotations

import contextlib

import numpy as np

from ...files import ARRAY_DAMAGE, whole
from ...progress import TO_LOG, Progress
from ..cache import Scan
from ..dataset import Dataset
from .near import Repeats, find_repeats

FILE = "repeats-2.npz"
"""The number is raised when other repeats are found in the same pictures, so that nothing stale is served."""


def repeats_of(dataset: Dataset, scan: Scan, *, progress: Progress = TO_LOG) -> Repeats:
    """Return the repeats among the pictures of a scan: kept ones, or new ones that are kept from now on.

    Args:
        dataset: what was scanned.
        scan: its folder's name changes with the pictures, so that nothing stale is found there.
        progress: is told of the pairs that are compared.
    """
    file = scan.folder / FILE
    # None yet, or damaged: it is found anew, and replaced.
    with (
        contextlib.suppress(*ARRAY_DAMAGE),
        np.load(file, allow_pickle=False) as kept,
    ):
        return Repeats(exact=kept["exact"], pairs=kept["pairs"], family=kept["family"])
    found = find_repeats(dataset.images, scan.facts, ids=dataset.ids, progress=progress)
    # A cache of another person, or a full disk: it is found anew the next time.
    with contextlib.suppress(OSError), whole(file) as beside, beside.open("wb") as opened:
        np.savez(opened, exact=found.exact, pairs=found.pairs, family=found.family)
    return found
