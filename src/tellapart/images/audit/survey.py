"""The audit itself: one look at every picture, before anything is trained."""

from __future__ import annotations

import dataclasses

from ...progress import TO_LOG, Progress
from ..cache import Scan
from ..cache import scan as scan_pictures
from ..dataset import Dataset, Splits
from ..preprocessing import Preprocessing
from .distributions import class_counts, distributions, modes
from .findings import find_all
from .kind import guess_kind
from .leaks import find_leaks, leaking
from .near import Repeats, find_repeats
from .result import Audit

AS_SEEN = Preprocessing(image_size=(64, 64), channels=1)
"""What is scanned where nobody has scanned yet; the audit itself reads the facts alone."""


def audit(
    dataset: Dataset,
    *,
    splits: Splits | None = None,
    scan: Scan | None = None,
    near: bool = True,
    repeats: Repeats | None = None,
    progress: Progress = TO_LOG,
) -> Audit:
    """Return what is wrong with a data set, and what is odd.

    Args:
        dataset: N pictures.
        splits: who trains and who tests; without them no leaks are looked for.
        scan: what one pass over the pictures found; made here where None.
        near: whether re-encoded, resized and trimmed copies are looked for, beside equal pictures.
        repeats: from an earlier audit of the same pictures (``Audit.repeats``); found here where None.
        progress: is told what is done.

    Raises:
        DataError: the disk is full while the pictures are read.

    Example:
        >>> import numpy as np
        >>> from tellapart.images.arrays import ArrayImages
        >>> pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
        >>> pixels[5] = pixels[0]
        >>> data = Dataset(list("abcdef"), ArrayImages(pixels), [0, 0, 1, 1, 0, 1], class_names=("x", "y"))
        >>> found = audit(data, splits=Splits(train=[0, 1, 2], validation=[3, 4], test=[5]))
        >>> found.leaks[0].ids, found.leaks[0].splits, found.leaks[0].kind
        (('a', 'f'), ('train', 'test'), 'exact')
    """
    scan = scan if scan is not None else scan_pictures(dataset, AS_SEEN, progress=progress)
    if repeats is None:
        repeats = find_repeats(dataset.images, scan.facts, near=near, ids=dataset.ids, progress=progress)
    leaks = find_leaks(dataset, repeats, splits) if splits is not None else None
    return Audit(
        name=dataset.name,
        ids=dataset.ids,
        class_names=dataset.class_names,
        counts=class_counts(dataset, splits),
        distributions=distributions(scan.facts),
        modes=modes(scan.facts),
        kind=guess_kind(scan.facts),
        repeats=repeats,
        leaks=leaks or (),
        unreadable=dict(scan.problems),
        findings=find_all(dataset, scan, repeats, leaks, splits),
    )


def drop_leaks(splits: Splits, found: Audit) -> Splits:
    """Return splits in which no picture stands twice: test stays whole, validation gives way to it, training to both.

    Args:
        splits: positions in the data set that was audited.
        found: its audit.

    Example:
        >>> import numpy as np
        >>> from tellapart.images.arrays import ArrayImages
        >>> pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)
        >>> pixels[3] = pixels[0]
        >>> data = Dataset(list("abcd"), ArrayImages(pixels), [0, 0, 1, 1], class_names=("x", "y"))
        >>> splits = Splits(train=[0, 1], validation=[2], test=[3])
        >>> drop_leaks(splits, audit(data, splits=splits)).train
        array([1])
    """
    dropped = leaking(found.repeats, splits)
    if not len(dropped):
        return splits
    left = splits.without(dropped)
    counts = [(name, len(splits[name]) - len(left[name])) for name in ("train", "validation")]
    note = ", ".join(f"{count:,} of {name}" for name, count in counts if count)
    return dataclasses.replace(left, notes=(*splits.notes, f"dropped what also stands in a later split: {note}"))
