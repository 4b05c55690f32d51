"""Not sure: the confidence below which a classifier had better say nothing."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..errors import DataError
from ..wording import percent, told_apart
from .figure import Figure
from .intervals import normal_quantile, proportion, proportion_of
from .predictions import Predictions

TRIED = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Shares of the pictures that are answered by the thresholds of which one has to be certain: the more are tried, the
less each of them shows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Threshold:
    """Where to stop answering.

    Attributes:
        confidence: answer where the confidence is at least this, "not sure" below; None where no threshold reaches
            the wished error.
        coverage: the share of pictures that get an answer.
        error: the share of the answers that is wrong.
        max_error: the wished error.
        note: what a person should know, "" where all is well.
    """

    confidence: float | None
    coverage: Figure
    error: Figure
    max_error: float
    note: str = ""

    def __str__(self) -> str:
        if self.confidence is None:
            return f"no threshold keeps the error at {percent(self.max_error)}: {self.note}"
        note = f"; {self.note}" if self.note else ""
        where = f"not sure below {_below_one(self.confidence)}" if self.confidence > 0 else "no threshold is needed"
        return (
            f"{where}: answers {self.coverage}, "
            f"of which {self.error} are wrong (asked: at most {percent(self.max_error)}){note}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)


def _below_one(confidence: float) -> str:
    """Return a confidence with four digits, or as many as tell it from 1.

    Example:
        >>> _below_one(0.93), _below_one(0.99999876)
        ('0.9300', '0.999999')
    """
    digits = 4
    while digits < 12 and confidence < 1 and round(confidence, digits) == 1:
        digits += 1
    return f"{confidence:.{digits}f}"


def threshold_for_error(
    predictions: Predictions, *, max_error: float = 0.01, temperature: float = 1.0, certain: bool = False,
    confidence_level: float = 0.95,
) -> Threshold:  # fmt: skip
    """Find the lowest confidence threshold whose answers are wrong at most ``max_error`` of the time.

    The threshold is chosen on these pictures, so its error here is a little too good: choose on validation, and read
    the error of the same threshold on test (``error_at``).

    Args:
        predictions: of the validation split; pictures without a label do not count.
        max_error: the wished share of wrong answers, 0 to 1.
        temperature: what the logits are divided by.
        certain: demand that the error is shown to be at most ``max_error``, with ``confidence_level``: the upper end
            of its interval, at a level at which none of the ten thresholds that are tried would be below by chance
            (Bonferroni's correction).
        confidence_level: of the intervals.

    Raises:
        DataError: ``max_error`` is out of range, or no picture is labelled.

    Source: Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017.

    Example:
        >>> logits = [[4, 0], [3, 0], [2, 0], [1, 0]]
        >>> said = Predictions(list("abcd"), logits, [0, 0, 1, 0], class_names=("cat", "dog"))
        >>> print(threshold_for_error(said, max_error=0.0).coverage)
        50.0% (15.0 to 85.0, 4 pictures)
    """
    known = predictions.labelled()
    if not 0 <= max_error <= 1 or not len(known):
        raise DataError(f"max_error must be 0 to 1 and a picture must be labelled, got {max_error} and {len(known)}")
    order = np.argsort(-known.confidence(temperature), kind="stable")
    confidence = known.confidence(temperature)[order]
    wrong = np.cumsum(~known.correct()[order], dtype=np.int64)
    total = len(order)
    # Pictures of the same confidence are answered together or not at all.
    ends = np.flatnonzero(np.append(confidence[1:] < confidence[:-1], True)) + 1
    if certain:
        at = np.searchsorted(ends, np.round(np.multiply(TRIED, total)), side="right") - 1
        ends = np.unique(ends[at[at >= 0]])
    strict = 1 - (1 - confidence_level) / len(TRIED) if certain else confidence_level
    for keep in ends[wrong[ends - 1] / ends <= max_error][::-1].tolist():
        threshold = 0.0 if keep == total else _between(float(confidence[keep]), float(confidence[keep - 1]))
        high = error_at(known, threshold, temperature=temperature, confidence_level=strict)[1].high or 0.0
        if not certain or high <= max_error:
            coverage, error = error_at(known, threshold, temperature=temperature, confidence_level=confidence_level)
            return Threshold(threshold, coverage, error, max_error, _note(error, max_error=max_error))
    surest = error_at(known, float(confidence[0]), temperature=temperature, confidence_level=confidence_level)[1]
    note = _why_none(known, surest, max_error=max_error, certain=certain, level=strict)
    none = proportion(0, total, name="coverage", confidence_level=confidence_level)
    return Threshold(None, none, surest, max_error, note)


def _between(low: float, high: float) -> float:
    """Return a number above ``low`` and at most ``high``: their middle, where it is none of both."""
    middle = (low + high) / 2
    return middle if middle > low else high


def _note(error: Figure, *, max_error: float) -> str:
    if error.high is None or error.high <= max_error:
        return ""
    return f"with {error.count:,} answers the error may be up to {told_apart(error.high, max_error)[0]}"


def _why_none(known: Predictions, surest: Figure, *, max_error: float, certain: bool, level: float) -> str:
    if not certain:
        return f"even the surest pictures are wrong too often: {surest}"
    if known.group_count is not None:
        return f"{len(known):,} pictures of {known.group_count:,} groups are too few, or too many are wrong"
    # Wilson's upper end without a mistake is z² / (n + z²).
    square = normal_quantile(level) ** 2
    needed = f"{math.ceil(square * (1 - max_error) / max_error):,}" if max_error else "endlessly many"
    return f"{len(known):,} pictures are too few, or too many are wrong; without a mistake it takes {needed} answers"


def error_at(
    predictions: Predictions, threshold: float, *, temperature: float = 1.0, confidence_level: float = 0.95
) -> tuple[Figure, Figure]:
    """Return the coverage of a threshold and the error of its answers, on pictures that did not choose it.

    Args:
        predictions: such as those of the test split.
        threshold: answers are those whose confidence is at least this.
        temperature: what the logits are divided by.
        confidence_level: of the intervals.
    """
    known = predictions.labelled()
    answered = known.confidence(temperature) >= threshold
    groups = known.group_numbers()
    within = None if groups is None else groups[answered]
    wrong = ~known.correct()[answered]
    return (
        proportion_of(answered, groups=groups, name="coverage", confidence_level=confidence_level),
        proportion_of(wrong, groups=within, name="error of the answers", confidence_level=confidence_level),
    )
