"""Gap: how far one classifier's macro F1 on external pictures lies from that on its own."""

from __future__ import annotations

import numpy as np

from .figure import Figure
from .intervals import Floats, bootstrap_confusions, bootstrap_interval, is_interval
from .metrics import confusion_matrix, f1_scores
from .predictions import Predictions


def macro_f1_gap(
    own: Predictions, other: Predictions, *, confidence_level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Figure:
    """Return the macro F1 on other pictures less that on one's own, with a bootstrap interval.

    The two sets are of different pictures, so that each is resampled by itself, groups whole. Each macro F1 is the mean
    over the classes that have pictures in its set.

    Args:
        own: what a classifier says of one's own pictures.
        other: what it says of the external pictures.
        confidence_level: of the interval.
        resamples: bootstrap samples of each set.
        seed: of the bootstrap.

    Example:
        >>> said = [[1, 0], [1, 0], [0, 1], [0, 1]]
        >>> own = Predictions(list("abcd"), said, [0, 0, 1, 1], ("cat", "dog"))
        >>> other = Predictions(list("efgh"), said, [0, 1, 0, 1], ("cat", "dog"))
        >>> macro_f1_gap(own, other).short()
        '−50.0 points'
    """
    own, other = own.labelled(), other.labelled()
    mine, theirs = (_samples(one, resamples=resamples, seed=seed + i) for i, one in enumerate((own, other)))
    value = _value(other) - _value(own)
    groups = [one.group_count for one in (own, other) if one.group_count is not None]
    low, high = bootstrap_interval(
        theirs - mine, value, confidence_level=confidence_level, groups=min(groups, default=None), biased=True,
        bounds=(-1.0, 1.0),
    )  # fmt: skip
    # Where resampling knows one outcome alone, all right on both sides, it does not tell how wide the interval is.
    known = is_interval(float(low), float(high))
    return Figure(
        value, float(low) if known else None, float(high) if known else None, len(other),
        "difference in macro F1", "points", confidence_level, "bootstrap",
    )  # fmt: skip


def _value(predictions: Predictions) -> float:
    confusion = confusion_matrix(predictions)
    right, actual, said = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return float(np.nanmean(f1_scores(right, actual, said)))


def _samples(predictions: Predictions, *, resamples: int, seed: int) -> Floats:
    groups = predictions.group_numbers()
    by_group = None if groups is None else np.column_stack([groups, predictions.labels, predictions.predicted()])
    drawn = bootstrap_confusions(confusion_matrix(predictions), by_group=by_group, resamples=resamples, seed=seed)
    means: Floats = np.nanmean(f1_scores(*drawn), axis=1)
    return means
