"""The pictures that a report shows, kept small in the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError, UnreadableImageError
from ..images.dataset import Dataset, positions_of
from ..report import save_thumbnails, wanted_pictures
from ..run import Run


def keep_thumbnails(run: Run, dataset: Dataset, *, external: str | None = None) -> None:
    """Load the pictures that the report wants and keep them small in the run folder; unreadable ones have none.

    Args:
        run: evaluated.
        dataset: where the pictures are.
        external: the external set that ``dataset`` is; the run's own where None.
    """
    save_thumbnails(run, _loaded(dataset, wanted_pictures(run, external=external)), external=external)


def _loaded(dataset: Dataset, wanted: Sequence[str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for name, index in sorted(zip(wanted, positions_of(dataset.ids, wanted).tolist(), strict=True), key=lambda p: p[1]):
        if index >= 0:
            try:
                pixels = dataset.images.load(index).pixels
            except (UnreadableImageError, SourceError):  # listed by the audit, or changed since it was read
                continue
            yield name, pixels
