"""Reading pictures into the arrays of a cache folder, range by range, in worker processes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableImageError
from ..machine import usable_processors
from .arrays import ArrayImages
from .blocks import block_length
from .dataset import Images
from .facts import FACTS, FactsTable, facts_of
from .parallel import may_fork, shared_out
from .preprocessing import Preprocessing

CHUNK = 256
"""Pictures a worker takes at a time, at most."""

SERIAL_BELOW = 600
"""Fewer pictures than this are read in this process where workers are started, which takes half a second."""

FEW = 100
"""Fewer than this where they are forked, which takes 5 ms."""

LARGE = 500_000
"""Pixels of pictures that are worth it, few as they may be."""


class Problem(NamedTuple):
    """Why a picture cannot be read.

    Attributes:
        position: in the arrays.
        reason: for a person.
        may_pass: whether the system could not read it now (a network drive that is gone, too little memory), so that
            the same file may be read another time.
    """

    position: int
    reason: str
    may_pass: bool


Chunk = tuple[NDArray[np.int64], list[Problem], list[tuple[int, str]]]
"""Positions in the arrays, then the problems and the notes among them."""


def read_chunks(
    work: Path, images: Images, preprocessing: Preprocessing, *, jobs: int | None
) -> contextlib.AbstractContextManager[Iterator[Chunk]]:
    """Read all pictures, shared out to processes; gives each chunk when it is read.

    Args:
        work: as for ``read_range``.
        images: likewise.
        preprocessing: likewise.
        jobs: processes; all processors where None, and this one alone where the pictures are few.
    """
    n = len(images)
    few = n < (min(FEW, SERIAL_BELOW) if may_fork() else SERIAL_BELOW)
    jobs = 1 if few or isinstance(images, ArrayImages) else jobs or usable_processors()
    height, width = preprocessing.image_size
    step = min(CHUNK, block_length(height * width * preprocessing.channels), max(16, n // (4 * jobs)))
    spans = (np.arange(start, min(n, start + step), dtype=np.int64) for start in range(0, n, step))
    # Each task carries its own pictures' names alone.
    tasks = (
        {"work": work, "images": images.select(span), "preprocessing": preprocessing, "start": int(span[0])}
        for span in spans
    )
    return shared_out(read_range, tasks, jobs=jobs)


def read_range(*, work: Path, images: Images, preprocessing: Preprocessing, start: int) -> Chunk:
    """Read some pictures into the arrays of a cache folder; runs in a worker process.

    Args:
        work: a folder with ``facts.npy`` and ``pixels.npy``.
        images: the pictures.
        preprocessing: how pixels are resized.
        start: the position of the first of them in the arrays.

    Returns:
        their positions in the arrays, the problems and the notes by position.
    """
    pixels = np.zeros((len(images), *preprocessing.image_size, preprocessing.channels), dtype=np.uint8)
    problems: list[Problem] = []
    notes: list[tuple[int, str]] = []
    table, readable = FactsTable(), []
    for row in range(len(images)):
        try:
            picture = images.load(row)
        except UnreadableImageError as error:
            problems.append(Problem(start + row, str(error), may_pass=may_pass(error)))
            continue
        readable.append(row)
        table.add(picture)
        notes.extend((start + row, note) for note in picture.notes)
        pixels[row] = preprocessing.resized(picture.image)
    facts = np.zeros(len(images), dtype=FACTS)
    facts[readable] = table.rows()
    _store(work / "facts.npy", facts, start)
    _store(work / "pixels.npy", pixels, start)
    return np.arange(start, start + len(images)), problems, notes


def facts_of_some(images: Images, rows: NDArray[np.int64]) -> tuple[NDArray[np.void], Problem | None]:
    """Return the facts of those of some pictures that can be read, in order, and the problem of another one.

    Args:
        images: N pictures.
        rows: which of them, at least one.
    """
    first, problem = _facts_in(images=images.select(rows[:1]), rows=rows[:1])[1:]
    found: NDArray[np.void] = np.array(first, dtype=FACTS)
    large = bool(len(found)) and int(found["width"][0]) * int(found["height"][0]) >= LARGE
    jobs = usable_processors() if large and may_fork() and not isinstance(images, ArrayImages) else 1
    parts = [part for part in np.array_split(rows[1:], 4 * jobs if jobs > 1 else 1) if len(part)]
    tasks = ({"images": images.select(part), "rows": part} for part in parts)
    with shared_out(_facts_in, tasks, jobs=jobs) as results:
        read = sorted(results, key=lambda one: one[0])
    problem = next((one for _, _, one in read if one is not None), problem)
    return np.array([*first, *(row for _, facts, _ in read for row in facts)], dtype=FACTS), problem


def _facts_in(*, images: Images, rows: NDArray[np.int64]) -> tuple[int, list[Any], Problem | None]:
    """Return the first row, the facts of those pictures that can be read, and the problem of another."""
    facts, problem = [], None
    for at, row in enumerate(rows.tolist()):
        try:
            facts.append(facts_of(images.load(at)))
        except UnreadableImageError as error:
            problem = Problem(row, str(error), may_pass=may_pass(error))
    return int(rows[0]), facts, problem


def _store(file: Path, rows: NDArray[Any], start: int) -> None:
    """Write some rows of an array's file in place; the kernel, not this process, brings them to the disk."""
    offset = np.load(file, mmap_mode="r").offset + start * rows[:1].nbytes
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(np.ascontiguousarray(rows).data)


def may_pass(error: UnreadableImageError) -> bool:
    """Return whether the system is to blame, and not the file: Pillow's own errors of broken files have no number."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)
