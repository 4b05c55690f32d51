"""evaluate: every figure of a classifier on one set of pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..wording import counted
from .calibration import calibration_error, calibration_error_by_chance
from .evaluation import ClassFigures, Evaluation
from .figure import Figure, finite_or_none
from .intervals import (
    Floats,
    bootstrap_confusions,
    bootstrap_interval,
    bootstrap_means,
    is_interval,
    normal_quantile,
    proportion_of,
)
from .predictions import Predictions

RESAMPLES = 1000
"""Bootstrap samples behind each interval."""


def evaluate(
    predictions: Predictions, *, temperature: float = 1.0, confidence_level: float = 0.95, seed: int = 0,
    top_k: int = 5, majority_class: str | None = None,
) -> Evaluation:  # fmt: skip
    """Compute every figure of a classifier on one set of pictures.

    Args:
        predictions: what it said; pictures without a label are counted and left out.
        temperature: what the logits are divided by before the softmax.
        confidence_level: of every interval.
        seed: of the bootstrap.
        top_k: how many guesses count for the top-k accuracy; left out where there are no more classes than that.
        majority_class: the most frequent class of the training pictures; that of these pictures where None.

    Raises:
        DataError: no picture is labelled, or an argument is out of range.

    Example:
        >>> said = Predictions(list("abcd"), [[3, 0], [2, 0], [0, 1], [1, 0]], [0, 0, 1, 1], class_names=("cat", "dog"))
        >>> evaluation = evaluate(said)
        >>> print(evaluation["accuracy"])
        75.0% (30.1 to 95.4, 4 pictures)
        >>> evaluation.confusion.tolist()
        [[2, 0], [1, 1]]
    """
    normal_quantile(confidence_level)
    if top_k < 1:
        raise DataError(f"top_k must be at least 1, got {top_k}")
    labelled = predictions.labelled()
    if not len(labelled):
        raise DataError("there is no labelled picture to evaluate on: give pictures whose class is known")
    confusion = confusion_matrix(labelled)
    groups = labelled.group_numbers()
    by_group = None if groups is None else np.column_stack([groups, labelled.labels, labelled.predicted()])
    samples = bootstrap_confusions(confusion, by_group=by_group, resamples=RESAMPLES, seed=seed)
    classes = _classes(labelled, confusion, samples=samples, level=confidence_level)
    majority = _majority(labelled, majority_class)
    figures = _proportions(labelled, top_k=top_k, majority_class=majority, level=confidence_level)
    figures |= _macro(classes, samples, count=len(labelled), groups=labelled.group_count, level=confidence_level)
    figures |= _probabilistic(labelled, temperature=temperature, level=confidence_level, seed=seed)
    return Evaluation(
        class_names=labelled.class_names,
        count=len(labelled),
        unlabelled=len(predictions) - len(labelled),
        temperature=float(temperature),
        confidence_level=confidence_level,
        majority_class=majority,
        figures=figures,
        classes=classes,
        confusion=confusion,
        notes=_notes(classes, confusion, top_k=top_k, unlabelled=len(predictions) - len(labelled), groups=groups),
    )


def confusion_matrix(predictions: Predictions) -> NDArray[np.int64]:
    """Return (K, K) int64 counts: a row a true class, a column a predicted one; unknown labels are left out."""
    labelled = predictions.labelled()
    size = len(labelled.class_names)
    cells = np.bincount(labelled.labels * size + labelled.predicted(), minlength=size * size)
    return cells.reshape(size, size).astype(np.int64, copy=False)


def top_k_correct(predictions: Predictions, k: int) -> NDArray[np.bool_]:
    """Return (N,) bool: whether the label is among the k largest logits; of equal ones the first class counts."""
    labels = predictions.labels[:, None]
    own = np.take_along_axis(predictions.logits, np.maximum(labels, 0), axis=1)
    before = np.arange(predictions.logits.shape[1]) < labels
    rank = ((predictions.logits > own) | ((predictions.logits == own) & before)).sum(axis=1)
    out: NDArray[np.bool_] = (rank < k) & (predictions.labels >= 0)
    return out


def _majority(labelled: Predictions, asked: str | None) -> str:
    """Return the class that was asked for, else the most frequent one of these pictures."""
    if asked is None:
        return labelled.class_names[int(np.bincount(labelled.labels).argmax())]
    if asked not in labelled.class_names:
        raise DataError(f"majority_class must be one of the classes, got {asked!r}")
    return asked


def _proportions(labelled: Predictions, *, top_k: int, majority_class: str, level: float) -> dict[str, Figure]:
    largest = labelled.class_names.index(majority_class)
    hits = {"accuracy": (labelled.correct(), "accuracy")}
    if len(labelled.class_names) > top_k > 1:
        hits[f"top_{top_k}"] = (top_k_correct(labelled, top_k), f"top-{top_k} accuracy")
    hits["majority_accuracy"] = (labelled.labels == largest, f"always “{majority_class}”")
    groups = labelled.group_numbers()
    return {
        key: proportion_of(each, groups=groups, name=name, confidence_level=level) for key, (each, name) in hits.items()
    }


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return the quotient, NaN where there is nothing below."""
    out: Floats = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=out, where=below > 0)
    return out


def f1_scores(right: NDArray[Any], actual: NDArray[Any], said: NDArray[Any]) -> Floats:
    """Return (..., K) F1 of counts of the same shape, NaN where a class has no pictures."""
    return _ratio(2.0 * right, np.where(actual > 0, actual + said, 0).astype(np.float64, copy=False))


def _classes(
    labelled: Predictions, confusion: NDArray[np.int64], *, samples: tuple[Floats, Floats, Floats], level: float
) -> tuple[ClassFigures, ...]:
    recalls = _by_class(labelled, labelled.labels, name="recall", level=level)
    precisions = _by_class(labelled, labelled.predicted(), name="precision", level=level)
    right, actual, said = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    f1s = f1_scores(*samples)  # a sample without the class says nothing of it
    own = labelled.group_numbers()
    groups = None if own is None else [len(np.unique(own[labelled.labels == i])) for i in range(len(confusion))]
    values = f1_scores(right, actual, said)
    low, high = bootstrap_interval(f1s, values, confidence_level=level, groups=groups, biased=True, bounds=(0.0, 1.0))
    out = []
    for i, name in enumerate(labelled.class_names):
        hits, true, given = int(right[i]), int(actual[i]), int(said[i])
        f1 = Figure(None, count=true, name="F1", unit="%", level=level)
        if true:
            f1 = Figure(
                2 * hits / (true + given), *_ends(float(low[i]), float(high[i])), true, "F1", "%", level, "bootstrap"
            )
        out.append(ClassFigures(name, true, given, hits, recalls[i], precisions[i], f1))
    return tuple(out)


def _by_class(labelled: Predictions, key: NDArray[np.int64], *, name: str, level: float) -> list[Figure]:
    """Return the share that is right for each class of a key, the label or the predicted class."""
    groups = labelled.group_numbers()
    right = labelled.correct()
    out = []
    for where in np.split(
        np.argsort(key, kind="stable"), np.cumsum(np.bincount(key, minlength=labelled.logits.shape[1]))[:-1]
    ):
        own = None if groups is None else groups[where]
        out.append(proportion_of(right[where], groups=own, name=name, confidence_level=level))
    return out


def _macro(
    classes: tuple[ClassFigures, ...],
    samples: tuple[Floats, Floats, Floats],
    *,
    count: int,
    groups: int | None,
    level: float,
) -> dict[str, Figure]:
    """Return the means over the classes that have pictures; a class that is never predicted has precision 0."""
    right, actual, said = samples
    absent = actual == 0
    draws = {
        "macro_precision": np.nan_to_num(_ratio(right, said)),
        "macro_recall": np.nan_to_num(_ratio(right, actual)),
        "macro_f1": np.nan_to_num(f1_scores(right, actual, said)),
    }
    values = {
        "macro_precision": [c.precision.value or 0.0 for c in classes if c.count],
        "macro_recall": [c.recall.value or 0.0 for c in classes if c.count],
        "macro_f1": [c.f1.value or 0.0 for c in classes if c.count],
    }
    names = {"macro_precision": "macro precision", "macro_recall": "macro recall", "macro_f1": "macro F1"}
    out = {}
    for key, name in names.items():
        means = np.where(absent, 0.0, draws[key]).sum(axis=1) / (~absent).sum(axis=1)
        value = float(np.mean(values[key]))
        low, high = bootstrap_interval(
            means, value, confidence_level=level, groups=groups, biased=key != "macro_recall", bounds=(0.0, 1.0)
        )
        out[key] = Figure(value, *_ends(float(low), float(high)), count, name, "%", level, "bootstrap")
    recall = out["macro_recall"]
    balanced = Figure(recall.value, recall.low, recall.high, count, "balanced accuracy", "%", level, "bootstrap")
    return out | {"balanced_accuracy": balanced}


def _ends(low: float, high: float) -> tuple[float | None, float | None]:
    """Return an interval's ends; none where all samples are alike: no mistake was drawn, which is not certainty."""
    return (finite_or_none(low), finite_or_none(high)) if is_interval(low, high) else (None, None)


def _probabilistic(labelled: Predictions, *, temperature: float, level: float, seed: int) -> dict[str, Figure]:
    values = np.empty((len(labelled), 2))
    for rows in labelled.blocks():
        logs, labels = labelled.log_probabilities(temperature, rows=rows), labelled.labels[rows]
        at = np.arange(len(logs)), labels
        values[rows, 0] = -logs[at]
        squares = np.exp(logs, out=logs)
        squares[at] -= 1
        values[rows, 1] = np.square(squares, out=squares).sum(axis=1)
    means = bootstrap_means(values, groups=labelled.group_numbers(), resamples=RESAMPLES, seed=seed)
    low, high = bootstrap_interval(
        means, values.mean(axis=0), confidence_level=level, groups=labelled.group_count, bounds=(0.0, [math.inf, 2.0])
    )
    names = {"loss": "loss", "brier": "Brier score"}
    figures = {
        key: Figure(
            float(values[:, i].mean()),
            *_ends(float(low[i]), float(high[i])),
            len(labelled),
            name,
            "",
            level,
            "bootstrap",
        )
        for i, (key, name) in enumerate(names.items())
    }
    figures["calibration_error"] = calibration_error(
        labelled, temperature=temperature, confidence_level=level, resamples=RESAMPLES, seed=seed
    )
    figures["calibration_error_by_chance"] = calibration_error_by_chance(
        labelled, temperature=temperature, confidence_level=level, resamples=RESAMPLES, seed=seed
    )
    return figures


def _notes(
    classes: tuple[ClassFigures, ...], confusion: NDArray[np.int64], *, top_k: int, unlabelled: int,
    groups: NDArray[np.int64] | None,
) -> tuple[str, ...]:  # fmt: skip
    notes = []
    if groups is not None:
        notes.append(f"the pictures belong to {len(np.unique(groups)):,} groups, which the intervals respect")
    absent = [c.name for c in classes if not c.count]
    if absent:
        notes.append(f"no pictures of {_listed(absent)}: not part of the means over the classes")
    silent = [c.name for c in classes if c.count and not c.predicted]
    if silent:
        notes.append(f"never predicted: {_listed(silent)}: precision counts as 0 in the mean")
    if len(classes) <= top_k and top_k > 1:
        notes.append(f"top-{top_k} accuracy is left out: with {len(classes)} classes it says nothing")
    if unlabelled:
        without = counted(unlabelled, "picture without a label is", plural="pictures without a label are")
        notes.append(f"{without} left out")
    if confusion.trace() == confusion.sum():
        notes.append("no mistake: the bootstrap intervals cannot see those to come, the accuracy's interval can")
    notes.append("calibration error: 15 bins of equal width, of the predicted class's probability")
    return tuple(notes)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
