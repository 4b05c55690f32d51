"""Names for pictures without labels."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..classifier import Answer, Classifier
from ..errors import DataError, SourceNotFoundError
from ..images.decode import as_pixels
from ..images.encoded import MAX_BYTES
from ..images.sniff import PICTURE_SUFFIXES
from ..images.sources.folder import files_below
from ..images.stored import read_whole
from ..runtime import tuned

BATCH = 64


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
    """Name pictures, a batch at a time; one that cannot be read is passed on with its reason.

    Args:
        classifier: from ``Classifier.load``.
        inputs: files, folders (searched through, in order), or ``"-"`` for one picture on standard input.
        top: classes in each answer.
        threshold: the confidence from which an answer is sure; none is asked for where None.

    Raises:
        SourceNotFoundError: a path leads nowhere.
    """
    inputs = list(inputs)
    for given in inputs:  # a mistyped name is said before anything is answered
        if str(given) != "-" and not os.path.exists(given):  # noqa: PTH110 (a name that no system takes is none)
            raise SourceNotFoundError(f"there is no file or folder {str(given)!r}: give pictures, folders, or -")
    waiting: list[tuple[str, object]] = []
    for file in files_of(inputs):
        try:
            data = sys.stdin.buffer.read() if file == "-" else read_whole(file, limit=MAX_BYTES)
            waiting.append((file, as_pixels(data, classifier.preprocessing.background)))
        except (DataError, OSError) as error:
            yield from _answers(classifier, waiting, top=top, threshold=threshold)
            waiting = []
            yield Prediction(file, None, str(error))
        if len(waiting) >= BATCH:
            yield from _answers(classifier, waiting, top=top, threshold=threshold)
            waiting = []
    yield from _answers(classifier, waiting, top=top, threshold=threshold)


def _answers(
    classifier: Classifier, waiting: list[tuple[str, object]], *, top: int | None, threshold: float | None
) -> Iterator[Prediction]:
    with tuned():
        answers = classifier.classify_all([pixels for _, pixels in waiting], top=top)
    for (file, _), answer in zip(waiting, answers, strict=True):
        yield Prediction(file, answer, sure=None if threshold is None else answer.probability >= threshold)


def files_of(inputs: Iterable[str | Path]) -> Iterator[str]:
    """Yield the files, and the pictures in the folders; raises DataError where a folder has none."""
    for given in inputs:
        path = Path(given)
        if str(given) == "-" or not path.is_dir():
            yield str(given)
        else:
            found = [file for file in files_below(path) if file.suffix.lower() in PICTURE_SUFFIXES]
            if not found:
                raise DataError(f"there are no pictures in the folder {str(given)!r}")
            yield from map(str, found)
