"""Which external pictures count, and how: classes that only one side knows, copies, what may be answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..classifier import Classifier
from ..errors import DataError, RecipeError
from ..evaluation import Predictions
from ..images.blocks import by_block
from ..images.cache import Scan
from ..images.dataset import Dataset
from .copies import groups_at
from .looking import Looker

IMPOSSIBLE = 1e-9
"""The probability that a picture of a class unknown to the model gets for its own class, so that the loss is finite."""


@dataclasses.dataclass(frozen=True)
class Scoring:
    """How an external set is scored.

    Attributes:
        unknown: what becomes of pictures of classes that the model does not know: they are left out, or count as wrong.
        only_present: whether the model may only answer with classes that have pictures there.
        drop_copies: whether copies of training pictures are left out.
    """

    unknown: Literal["leave-out", "wrong"] = "leave-out"
    only_present: bool = False
    drop_copies: bool = False


@dataclasses.dataclass(frozen=True)
class Looked:
    """What the classifier says of the readable, labelled pictures, known classes or not.

    Attributes:
        at: (n,) their positions.
        logits: (n, K).
        novelty: (n,) relative to the limit; None where the model cannot tell.
        strangeness: (n,) the scores themselves.
    """

    at: NDArray[np.int64]
    logits: NDArray[np.float32]
    novelty: NDArray[np.float64] | None
    strangeness: NDArray[np.float64] | None


@dataclasses.dataclass(frozen=True)
class Scored:
    """The pictures that count.

    Attributes:
        at: (n,) their positions in the data set.
        rows: (n,) their rows in what the classifier looked at.
        predictions: of them.
        looked: what the classifier looked at.
        copies: positions of the copies of the run's own pictures that count, or would if they were not left out; None
            where it is not known.
    """

    at: NDArray[np.int64]
    rows: NDArray[np.int64]
    predictions: Predictions
    looked: Looked
    copies: NDArray[np.int64] | None


def look(classifier: Classifier, dataset: Dataset, scanned: Scan, *, threads: int | None = None) -> Looked:
    """Return what a classifier says of the readable pictures with a label, a few at a time, on so many CPU threads."""
    at = np.flatnonzero(scanned.facts["readable"] & (dataset.labels >= 0))
    logits, scores = [np.zeros((0, len(classifier.class_names)), dtype=np.float32)], [np.zeros(0)]
    with Looker(classifier, pictures=len(at), threads=threads) as looker:
        for pixels in by_block(scanned.pixels, at):
            some, embeddings = looker.look(pixels)
            logits.append(some)
            if classifier.novelty is not None:
                scores.append(classifier.novelty.scores(embeddings))
    if classifier.novelty is None:
        return Looked(at, np.concatenate(logits), None, None)
    strangeness = np.concatenate(scores)
    return Looked(at, np.concatenate(logits), classifier.novelty.in_limits(strangeness), strangeness)


def scored(
    looked: Looked, dataset: Dataset, classifier: Classifier, *, scoring: Scoring, family: NDArray[np.int64],
    copied: NDArray[np.bool_] | None,
) -> Scored:  # fmt: skip
    """Return the predictions that count, as the scoring has it.

    Args:
        looked: what the classifier said.
        dataset: N pictures.
        classifier: that said it.
        scoring: which of them count.
        family: (N,) numbers, equal for copies of one picture.
        copied: (N,) whether each is a copy of a picture that was trained on; None where it is not known.

    Raises:
        DataError: no picture is of a class of the model's.
        RecipeError: only one class could be answered.
    """
    dropped = np.zeros(len(looked.at), dtype=bool)
    if copied is not None and scoring.drop_copies:
        dropped = copied[looked.at]
    present = set(np.unique(dataset.labels[looked.at[~dropped]] if not dropped.all() else dataset.labels[looked.at]))
    there = [name for number, name in enumerate(dataset.class_names) if number in present]
    known = [name for name in classifier.class_names if not scoring.only_present or name in there]
    if not known:
        raise DataError("none of the readable pictures here is of a class of the model's: there is nothing to score")
    if scoring.only_present:
        check_several(known, classifier)
    unknown = [name for name in there if name not in classifier.class_names] if scoring.unknown == "wrong" else []
    matched = dataset.with_class_names([*known, *unknown])
    counts = matched.labels[looked.at] >= 0
    copies = None if copied is None else looked.at[counts & copied[looked.at]]
    counts &= ~dropped
    rows = np.flatnonzero(counts)
    logits = looked.logits if len(rows) == len(looked.logits) else looked.logits[rows]
    if known != list(classifier.class_names):
        logits = logits[:, [classifier.class_names.index(name) for name in known]]
    padded = _padded(logits, len(unknown), temperature=classifier.description.temperature)
    at = looked.at[rows]
    predictions = Predictions(
        ids=dataset.ids[at],
        logits=padded,
        labels=matched.labels[at],
        class_names=matched.class_names,
        groups=groups_at(dataset, at, family=family),
    )
    return Scored(at, rows, predictions, looked, copies)


def check_several(present: Sequence[str], classifier: Classifier) -> None:
    """Raise RecipeError where only one of the model's classes is present, and could alone be answered."""
    known = [name for name in present if name in classifier.class_names]
    if len(known) == 1:
        raise RecipeError(
            f"of the model's classes only {known[0]!r} has pictures here, so that with --only-present it would be "
            "the only answer: leave that out"
        )


def _padded(logits: NDArray[np.float32], more: int, *, temperature: float) -> NDArray[np.float32]:
    """Return logits with further columns, of classes that are all but impossible."""
    if not more:
        return logits
    if not len(logits):
        return np.pad(logits, ((0, 0), (0, more)))
    scaled = logits.astype(np.float64) / temperature
    top = scaled.max(axis=1, keepdims=True)
    total = top + np.log(np.exp(scaled - top).sum(axis=1, keepdims=True))
    rest = temperature * (total + np.log(IMPOSSIBLE))
    return np.hstack([logits, np.repeat(rest, more, axis=1).astype(np.float32)])
