"""Names for pictures without labels."""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..classifier import Answer, Classifier
from ..errors import DataError, SourceNotFoundError
from ..files import expanded
from ..images.decode import as_pixels
from ..images.folders import levels_below, suffix_of
from ..images.sniff import PICTURE_SUFFIXES
from ..images.stored import read_whole
from ..machine import usable_processors
from .looking import MANY, Looker

BATCH = 64
BATCH_BYTES = 2**28
"""Of pixels that are classified together: some seven photographs of 12 megapixels."""

READERS, WAITING_BYTES = 8, 2**27
"""Files that are read at a time at most, and bytes of pixels that wait for others to be read."""


@dataclasses.dataclass(frozen=True)
class FileAnswer:
    """What a classifier says of one file.

    Attributes:
        file: as it was given, ``"-"`` for standard input.
        answer: None where the picture cannot be read.
        problem: the reason then.
        sure: whether the answer reaches the threshold; None where none was given, or there is no answer.
    """

    file: str
    answer: Answer | None
    problem: str = ""
    sure: bool | None = None


def predict(
    classifier: Classifier, inputs: Iterable[str | Path], *, top: int | None = 5, threshold: float | None = None
) -> Iterator[FileAnswer]:
    """Classify pictures, a batch at a time; one that cannot be read is passed on with its reason.

    Args:
        classifier: from ``Classifier.load``.
        inputs: files, folders (searched through, in order), or ``"-"`` for one picture on standard input.
        top: classes in each answer.
        threshold: the confidence from which an answer is sure; none is asked for where None.

    Raises:
        SourceNotFoundError: a path leads nowhere.
        DataError: a folder has no pictures.
    """
    inputs = [given if str(given) == "-" else expanded(given) for given in inputs]
    for given in inputs:  # a mistyped name is said before anything is answered
        if str(given) != "-" and not os.path.exists(given):  # noqa: PTH110 (a name that no system takes is none)
            raise SourceNotFoundError(f"there is no file or folder {str(given)!r}: give pictures, folders, or -")
    preprocessing = classifier.preprocessing

    def read(file: str) -> NDArray[np.uint8]:
        data = sys.stdin.buffer.read() if file == "-" else read_whole(file)
        return preprocessing.resized(as_pixels(data, preprocessing.background))

    files = files_of(inputs)
    first = list(itertools.islice(files, MANY))
    with Looker(classifier, pictures=len(first)) as looker:
        for batch in read_in_batches(itertools.chain(first, files), read):
            pixels = [one.pixels for one in batch if one.pixels is not None]
            answers = iter(classifier.answers_from(*looker.look(np.stack(pixels)), top=top) if pixels else ())
            for one in batch:
                if one.pixels is None:
                    yield FileAnswer(one.file, None, one.problem)
                    continue
                answer = next(answers)
                yield FileAnswer(one.file, answer, sure=None if threshold is None else answer.probability >= threshold)


class ReadFile(NamedTuple):
    """A file's pixels, uint8 (H, W, 1 or 3), or the reason why it has none."""

    file: str
    pixels: NDArray[np.uint8] | None
    problem: str = ""


def read_in_batches(
    files: Iterable[str | ReadFile], read: Callable[[str], NDArray[np.uint8]], *, most: int = BATCH_BYTES
) -> Iterator[list[ReadFile]]:
    """Yield files with their pixels, so many at a time that these take little more memory than ``most`` bytes.

    Each processor reads a file meanwhile.

    Args:
        files: their names; what is read already, or cannot be, is passed on.
        read: returns a file's pixels, in a thread of its own; what it raises, DataError or OSError, is the file's
            problem.
        most: bytes of pixels in a batch, which ends with the picture that reaches them; or with the 64th.
    """
    batch: list[ReadFile] = []
    held = 0
    for one in _read_ahead(files, read):
        batch.append(one)
        held += 0 if one.pixels is None else one.pixels.nbytes
        if len(batch) == BATCH or held >= most:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _read_ahead(files: Iterable[str | ReadFile], read: Callable[[str], NDArray[np.uint8]]) -> Iterator[ReadFile]:
    """Yield files with their pixels, in order, while those that follow are read."""

    def read_one(file: str | ReadFile) -> ReadFile:
        try:
            return file if isinstance(file, ReadFile) else ReadFile(file, read(file))
        except (DataError, OSError) as error:
            return ReadFile(str(file), None, str(error))

    readers, waiting = min(READERS, usable_processors()), deque[Future[ReadFile]]()
    pool = ThreadPoolExecutor(readers)
    try:
        for file in files:
            waiting.append(_done(read_one(file)) if file == "-" else pool.submit(read_one, file))
            while len(waiting) > BATCH or _bytes_of(waiting) > WAITING_BYTES:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # ended early, it does not wait for a drive that is gone


def _done(found: ReadFile) -> Future[ReadFile]:
    """Return what is read already, as standard input, which no thread may wait for: Ctrl-C would wait for that."""
    future = Future[ReadFile]()
    future.set_result(found)
    return future


def _bytes_of(waiting: Iterable[Future[ReadFile]]) -> int:
    """Return how many bytes of pixels wait to be taken."""
    read = [future.result().pixels for future in waiting if future.done()]
    return sum(pixels.nbytes for pixels in read if pixels is not None)


def files_of(inputs: Iterable[str | Path]) -> Iterator[str | ReadFile]:
    """Return the files, and the pictures in the folders, in order; a folder that cannot be looked into has its reason.

    Raises:
        DataError: a folder has none; it is said before a file is given.
    """
    inputs = list(inputs)
    for given in inputs:
        if _is_folder(given) and next(_pictures_in(given), None) is None:
            raise DataError(f"there are no pictures in the folder {str(given)!r}: take it out, or give another")
    return (file for given in inputs for file in (_pictures_in(given) if _is_folder(given) else (str(given),)))


def _is_folder(given: str | Path) -> bool:
    return str(given) != "-" and Path(given).is_dir()


def _pictures_in(folder: str | Path) -> Iterator[str | ReadFile]:
    closed: list[OSError] = []
    for level in levels_below(folder, on_error=closed.append):
        yield from _closed(closed)
        yield from (str(Path(level.path, name)) for name in sorted(level.files) if suffix_of(name) in PICTURE_SUFFIXES)
    yield from _closed(closed)


def _closed(errors: list[OSError]) -> Iterator[ReadFile]:
    """Yield the folders that could not be looked into, and forget them."""
    while errors:
        error = errors.pop(0)
        yield ReadFile(str(error.filename), None, f"the folder cannot be looked into: {error.strerror or error}")
