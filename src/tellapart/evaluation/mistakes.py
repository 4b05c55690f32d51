"""Mistakes: which pictures are wrong, which classes are taken for each other, which are hardly recognised."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..wording import counted
from .evaluation import ClassFigures, Evaluation
from .metrics import confusion_matrix
from .predictions import Predictions


@dataclasses.dataclass(frozen=True, slots=True)
class Mistake:
    """A picture whose predicted class is not its label.

    Attributes:
        id: of the picture.
        true: the label's name.
        predicted: the predicted class's name.
        confidence: the probability of the predicted class, 0 to 1.
        margin: that less the probability of the second class.
        true_probability: the probability of the label's class.
    """

    id: str
    true: str
    predicted: str
    confidence: float
    margin: float
    true_probability: float


def find_mistakes(
    predictions: Predictions, *, temperature: float = 1.0, limit: int | None = None
) -> tuple[Mistake, ...]:
    """Return the pictures that are wrong, the most confident first, by id among equals.

    Args:
        predictions: pictures without a label are no mistakes.
        temperature: what the logits are divided by.
        limit: how many at most; all where None.

    Example:
        >>> said = Predictions(["a", "b"], [[3, 0], [1, 0]], [0, 1], class_names=("cat", "dog"))
        >>> [(m.id, m.true, m.predicted, round(m.confidence, 2)) for m in find_mistakes(said)]
        [('b', 'dog', 'cat', 0.73)]
    """
    known = predictions.labelled()
    wrong = known.select(~known.correct())
    confidence = wrong.confidence(temperature)
    order = np.argsort(wrong.ids, kind="stable")
    order = order[np.argsort(-confidence[order], kind="stable")][:limit]
    told, names, out = wrong.select(order), wrong.class_names, []
    for rows in told.blocks():
        probabilities = told.probabilities(temperature, rows=rows)
        labels, at = told.labels[rows], np.arange(len(probabilities))
        predicted = told.logits[rows].argmax(axis=1)
        true, first = probabilities[at, labels], probabilities[at, predicted]
        probabilities[at, predicted] = -1.0
        margin = first - probabilities.max(axis=1)
        parts = zip(told.ids[rows].tolist(), labels, predicted, first, margin, true, strict=True)
        out += [Mistake(id, names[t], names[p], float(c), float(m), float(own)) for id, t, p, c, m, own in parts]
    return tuple(out)


def surest_by_cell(
    predictions: Predictions, *, temperature: float = 1.0, each: int
) -> dict[tuple[int, int], list[str]]:
    """Return the ids of the surest mistakes of each cell of the confusion matrix.

    Args:
        predictions: pictures without a label are no mistakes.
        temperature: what the logits are divided by.
        each: how many ids a cell at most.

    Returns:
        by label and predicted class; the cells in the order of their surest mistakes.

    Example:
        >>> said = Predictions(["a", "b", "c"], [[3, 0], [1, 0], [2, 0]], [0, 1, 1], class_names=("cat", "dog"))
        >>> surest_by_cell(said, each=1)
        {(1, 0): ['c']}
    """
    known = predictions.labelled()
    wrong = known.select(~known.correct())
    order = np.argsort(wrong.ids, kind="stable")
    order = order[np.argsort(-wrong.confidence(temperature)[order], kind="stable")]
    cells = (wrong.labels * len(wrong.class_names) + wrong.predicted())[order]
    by_cell = np.argsort(cells, kind="stable")
    begins = np.flatnonzero(np.diff(cells[by_cell], prepend=-1))
    rank = np.arange(len(cells)) - np.repeat(begins, np.diff(begins, append=len(cells)))
    out: dict[tuple[int, int], list[str]] = {}
    for at in np.sort(by_cell[rank < each]).tolist():
        label, said = divmod(int(cells[at]), len(wrong.class_names))
        out.setdefault((label, said), []).append(str(wrong.ids[order[at]]))
    return out


@dataclasses.dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that are taken for each other.

    Attributes:
        first: the class that is mistaken more often for the other one; the first by order where it is a draw.
        second: the other class.
        first_as_second: pictures of ``first`` that were predicted as ``second``.
        second_as_first: the other direction.
        first_count: all pictures of ``first``.
        second_count: all pictures of ``second``.
        first_examples: ids of the first direction, the most confident first.
        second_examples: ids of the second direction.
    """

    first: str
    second: str
    first_as_second: int
    second_as_first: int
    first_count: int
    second_count: int
    first_examples: tuple[str, ...]
    second_examples: tuple[str, ...]

    @property
    def count(self) -> int:
        """Mistakes in both directions."""
        return self.first_as_second + self.second_as_first

    def __str__(self) -> str:
        often = f"{counted(self.first_as_second, 'time')} of {self.first_count:,}"
        reverse = f"{self.second_as_first:,} of {self.second_count:,}"
        return f"“{self.first}” taken for “{self.second}” {often}, the reverse {reverse}"


def confused_pairs(
    predictions: Predictions, *, temperature: float = 1.0, limit: int = 20, examples: int = 5
) -> tuple[ConfusedPair, ...]:
    """Return the pairs of classes that are most often taken for each other, both directions together.

    Args:
        predictions: pictures without a label do not count.
        temperature: what the logits are divided by; it orders the examples alone.
        limit: how many pairs at most.
        examples: how many ids a direction at most.

    Example:
        >>> said = Predictions(["a", "b"], [[3, 0], [1, 0]], [0, 1], class_names=("cat", "dog"))
        >>> print(*confused_pairs(said))
        “dog” taken for “cat” 1 time of 1, the reverse 0 of 1
    """
    confusion = confusion_matrix(predictions)
    names = predictions.class_names
    ids = surest_by_cell(predictions, temperature=temperature, each=examples)
    sizes = confusion.sum(axis=1)
    pairs = []
    for i, j in _most_confused(confusion, limit=limit):
        a, b = (j, i) if confusion[j, i] > confusion[i, j] else (i, j)
        pairs.append(
            ConfusedPair(
                names[a], names[b], int(confusion[a, b]), int(confusion[b, a]), int(sizes[a]), int(sizes[b]),
                tuple(ids.get((a, b), ())), tuple(ids.get((b, a), ())),
            )
        )  # fmt: skip
    return tuple(pairs)


def _most_confused(confusion: NDArray[np.int64], *, limit: int) -> list[tuple[int, int]]:
    """Return positions i < j, by how often the two are confused, those without confusion left out."""
    rows, columns = np.nonzero(confusion)
    wrong = rows != columns
    rows, columns = rows[wrong], columns[wrong]
    pairs = np.minimum(rows, columns) * len(confusion) + np.maximum(rows, columns)
    pairs, numbers = np.unique(pairs, return_inverse=True)
    both = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(both, numbers, confusion[rows, columns])
    order = np.argsort(-both, kind="stable")[:limit]
    return [divmod(pair, len(confusion)) for pair in pairs[order].tolist()]


def lowest_recall_classes(evaluation: Evaluation, *, below: float = 0.5) -> tuple[ClassFigures, ...]:
    """Return the classes of which less than a share is recognised, the worst first; classes without pictures are not.

    Args:
        evaluation: of any set of pictures.
        below: the recall, 0 to 1, under which a class is listed.

    Raises:
        DataError: the threshold is out of range.
    """
    if not 0 <= below <= 1:
        raise DataError(f"below must be 0 to 1, got {below}")
    return tuple(
        one for one in evaluation.sorted_classes() if one.recall.value is not None and one.recall.value < below
    )
