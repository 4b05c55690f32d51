"""The pictures that a report shows, kept small in the run folder."""

from __future__ import annotations

import numpy as np

from ..errors import UnreadableImageError
from ..images.dataset import Dataset
from ..report import save_thumbnails, wanted_pictures
from ..run import Run


def keep_thumbnails(run: Run, *datasets: Dataset) -> None:
    """Load the pictures that the report wants and keep them small in the run folder; unreadable ones have none."""
    wanted = set(wanted_pictures(run))
    found = {}
    for dataset in datasets:
        ids = dataset.ids.tolist()
        for index in [i for i, name in enumerate(ids) if name in wanted and name not in found]:
            try:
                found[ids[index]] = np.ascontiguousarray(dataset.images.load(index).pixels)
            except UnreadableImageError:
                continue  # the audit lists it with its reason
    save_thumbnails(run, found)
