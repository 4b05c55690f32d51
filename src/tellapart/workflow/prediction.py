"""Names for pictures without labels."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Iterator
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
from ..runtime import tuned

BATCH = 64
BATCH_BYTES = 2**28
"""Of pixels that wait to be classified: some seven photographs of 12 megapixels."""


@dataclasses.dataclass(frozen=True)
class Prediction:
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
) -> Iterator[Prediction]:
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
    background = classifier.preprocessing.background

    def read(file: str) -> NDArray[np.uint8]:
        return as_pixels(sys.stdin.buffer.read() if file == "-" else read_whole(file), background)

    for batch in read_in_batches(files_of(inputs), read):
        with tuned():
            answers = iter(classifier.classify_all([one.pixels for one in batch if one.pixels is not None], top=top))
        for one in batch:
            if one.pixels is None:
                yield Prediction(one.file, None, one.problem)
                continue
            answer = next(answers)
            yield Prediction(one.file, answer, sure=None if threshold is None else answer.probability >= threshold)


class ReadFile(NamedTuple):
    """A file's pixels, uint8 (H, W, 1 or 3), or the reason why it has none."""

    file: str
    pixels: NDArray[np.uint8] | None
    problem: str = ""


def read_in_batches(
    files: Iterable[str | ReadFile], read: Callable[[str], NDArray[np.uint8]], *, most: int = BATCH_BYTES
) -> Iterator[list[ReadFile]]:
    """Yield files with their pixels, so many at a time that these take little more memory than ``most`` bytes.

    Args:
        files: their names; what is read already, or cannot be, is passed on.
        read: returns a file's pixels; what it raises, DataError or OSError, is the file's problem.
        most: bytes of pixels in a batch, which ends with the picture that reaches them; or with the 64th.
    """
    batch: list[ReadFile] = []
    held = 0
    for file in files:
        try:
            batch.append(file if isinstance(file, ReadFile) else ReadFile(file, read(file)))
        except (DataError, OSError) as error:
            batch.append(ReadFile(str(file), None, str(error)))
        pixels = batch[-1].pixels
        held += 0 if pixels is None else pixels.nbytes
        if len(batch) == BATCH or held >= most:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


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
