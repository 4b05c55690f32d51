"""Calibration: whether "90% sure" is right nine times in ten, and what to do where it is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .figure import Figure
from .intervals import (
    bootstrap_interval,
    bootstrap_means,
    is_interval,
    percentile_interval,
    proportion_of,
    wilson_interval,
)
from .predictions import Predictions

Floats = NDArray[np.float64]
BINS = 15
"""Bins of equal width that the calibration error is computed with."""

BOUNDS = (0.05, 20.0)
"""The temperatures that are looked at."""


@dataclasses.dataclass(frozen=True, slots=True)
class TemperatureFit:
    """A fitted temperature.

    Attributes:
        temperature: what to divide the logits by.
        loss_before: mean negative log-likelihood at temperature 1.
        loss_after: likewise at ``temperature``.
        count: the labelled pictures that it was fitted on.
        at_bound: whether the data alone would have it beyond what is allowed.
        note: what a person should know about it, "" where all is well.
    """

    temperature: float
    loss_before: float
    loss_after: float
    count: int
    at_bound: bool = False
    note: str = ""

    def __str__(self) -> str:
        note = f": {self.note}" if self.note else ""
        return (
            f"temperature {self.temperature:.3f} (loss {self.loss_before:.4f} to {self.loss_after:.4f}, "
            f"{self.count:,} pictures){note}"
        )


def fit_temperature(predictions: Predictions, *, bounds: tuple[float, float] = BOUNDS) -> TemperatureFit:
    """Find the temperature with the smallest negative log-likelihood; fit it on validation, never on test.

    The loss is convex in 1/T, so its derivative has one root, found by Newton's steps kept inside a bracket.
    Where none of N labelled pictures is wrong, the likelihood would have every answer 100% sure. The temperature then
    makes the mean confidence (N + 1) / (N + 2), what the rule of succession expects of the next picture, and says so.

    Args:
        predictions: of the validation split.
        bounds: the lowest and the highest temperature allowed.

    Raises:
        DataError: the bounds are not 0 < lowest < highest.

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.

    Example:
        >>> said = Predictions(list("abcd"), [[3, 0]] * 4, [0, 0, 0, 1], class_names=("cat", "dog"))
        >>> round(fit_temperature(said).temperature, 3)  # 3 / T must be the logit of 3/4, log 3
        2.731
    """
    if not 0 < bounds[0] < bounds[1]:
        raise DataError(f"bounds must be 0 < lowest < highest, got {bounds}")
    known = predictions.labelled()
    if not len(known):
        return TemperatureFit(1.0, 0.0, 0.0, 0, note="no labelled picture to fit it on, 1 is kept")
    before = loss(known)
    if known.correct().all():
        temperature, wished, reached = _succession(known, lowest=bounds[0], highest=bounds[1])
        note = f"no picture is wrong: the mean confidence is set to {reached:.2%}, "
        if abs(reached - wished) < 1e-4:
            note += "by the rule of succession"
        else:
            note += f"as near to the {wished:.2%} of the rule of succession as {bounds[0]:g} to {bounds[1]:g} allows"
        return TemperatureFit(
            temperature, before, loss(known, temperature=temperature), len(known), at_bound=True, note=note
        )
    inverse, at_bound = _root(known, lowest=1 / bounds[1], highest=1 / bounds[0])
    temperature = 1 / inverse
    note = f"at the bound of {bounds[0]:g} to {bounds[1]:g}: the confidences say little" if at_bound else ""
    return TemperatureFit(temperature, before, loss(known, temperature=temperature), len(known), at_bound, note)


def _gaps(known: Predictions) -> Iterator[tuple[slice, Floats]]:
    """Yield the logits less the true class's, some pictures at once, and which they are."""
    for rows in known.blocks():
        gaps = known.logits[rows].astype(np.float64)
        gaps -= gaps[np.arange(len(gaps)), known.labels[rows]][:, None]
        yield rows, gaps


def _root(known: Predictions, *, lowest: float, highest: float) -> tuple[float, bool]:
    """Return where the loss's derivative by 1/T is 0, and whether that lies at an end."""
    if _slope(known, lowest)[0] >= 0:
        return lowest, True
    if _slope(known, highest)[0] <= 0:
        return highest, True
    low, high, at = lowest, highest, min(max(1.0, lowest), highest)
    for _ in range(100):
        slope, curvature = _slope(known, at)
        low, high = (low, at) if slope > 0 else (at, high)
        step = at - slope / curvature if curvature > 0 else low
        # A Newton step that leaves the bracket is replaced by the bracket's middle on a logarithmic scale.
        following = step if low < step < high else float(np.sqrt(low * high))
        if abs(following - at) <= 1e-12 * at:
            break
        at = following
    return at, False


def _succession(known: Predictions, *, lowest: float, highest: float) -> tuple[float, float, float]:
    """Return the temperature at which the mean confidence of N right answers is (N + 1) / (N + 2), or nearest to it.

    Beside it stand what the mean confidence should be, and what it is.
    """
    wished, sure = (len(known) + 1) / (len(known) + 2), np.empty(len(known))
    low, high = np.log(lowest), np.log(highest)
    for _ in range(60):
        middle = (low + high) / 2
        for rows, gaps in _gaps(known):
            sure[rows] = 1 / np.exp(gaps / np.exp(middle)).sum(axis=1)
        confidence = float(sure.mean())
        low, high = (middle, high) if confidence > wished else (low, middle)
    return float(np.exp((low + high) / 2)), wished, confidence


def _slope(known: Predictions, inverse: float) -> tuple[float, float]:
    """Return the first and the second derivative of the mean loss by 1/T."""
    first, second = np.empty((2, len(known)))
    for rows, gaps in _gaps(known):
        scaled = inverse * gaps
        scaled -= scaled.max(axis=1, keepdims=True)
        weights = np.exp(scaled)
        weights /= weights.sum(axis=1, keepdims=True)
        first[rows] = (weights * gaps).sum(axis=1)
        second[rows] = (weights * gaps * gaps).sum(axis=1) - first[rows] * first[rows]
    return float(first.mean()), float(second.mean())


def loss(predictions: Predictions, *, temperature: float = 1.0) -> float:
    """Return the mean negative log-likelihood of the labelled pictures, in nats."""
    known = predictions.labelled()
    logs = np.empty(len(known))
    for rows in known.blocks():
        some = known.log_probabilities(temperature, rows=rows)
        logs[rows] = some[np.arange(len(some)), known.labels[rows]]
    return float(-logs.mean())


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram as data: how often right, by how sure.

    Attributes:
        edges: (B + 1,) of the bins; a bin holds its upper edge.
        counts: (B,) pictures in each bin.
        confidence: (B,) their mean confidence, NaN where empty.
        accuracy: (B,) the share that is right, NaN where empty.
        low: (B,) lower end of its 95% Wilson interval; 0 where empty.
        high: (B,) upper end; 1 where empty.
    """

    edges: Floats
    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    low: Floats
    high: Floats

    @property
    def error(self) -> float:
        """The expected calibration error: the bins' gaps between confidence and accuracy, weighted by their counts."""
        gaps = np.abs(np.nan_to_num(self.confidence) - np.nan_to_num(self.accuracy))
        return float((gaps * self.counts).sum() / max(int(self.counts.sum()), 1))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: one record a bin, null where a bin is empty."""
        return {
            "bins": [
                {
                    "from": float(self.edges[i]),
                    "to": float(self.edges[i + 1]),
                    "count": int(count),
                    "confidence": float(self.confidence[i]) if count else None,
                    "accuracy": float(self.accuracy[i]) if count else None,
                    "low": float(self.low[i]),
                    "high": float(self.high[i]),
                }
                for i, count in enumerate(self.counts)
            ],
            "calibration_error": self.error,
        }


def reliability(predictions: Predictions, *, temperature: float = 1.0, bins: int = BINS) -> Reliability:
    """Return how often the classifier is right for each range of its confidence.

    Args:
        predictions: labelled pictures count, others do not.
        temperature: what the logits are divided by.
        bins: how many, of equal width from 0 to 1.

    Example:
        >>> said = Predictions(list("abcd"), [[3, 0]] * 4, [0, 0, 0, 1], class_names=("cat", "dog"))
        >>> diagram = reliability(said, bins=10)
        >>> diagram.counts.tolist(), round(diagram.error, 3)
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 4], 0.203)
    """
    known = predictions.labelled()
    confidence = known.confidence(temperature)
    where = bin_of(confidence, bins=bins)
    counts = np.bincount(where, minlength=bins)
    correct, groups = known.correct(), known.group_numbers()
    right = np.bincount(where, weights=correct, minlength=bins)
    low, high = wilson_interval(right, counts)
    if groups is not None:
        for here in np.flatnonzero(counts):
            figure = proportion_of(correct[where == here], groups=groups[where == here])
            low[here], high[here] = figure.low or 0.0, figure.high or 0.0
    with np.errstate(invalid="ignore"):
        mean = np.bincount(where, weights=confidence, minlength=bins) / counts
        accuracy = right / counts
    return Reliability(np.linspace(0, 1, bins + 1), counts.astype(np.int64), mean, accuracy, low, high)


def bin_of(confidence: Floats, *, bins: int = BINS) -> NDArray[np.int64]:
    """Return the bin of each confidence; bins of equal width, each with its upper edge."""
    if bins < 1:
        raise DataError(f"bins must be at least 1, got {bins}")
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def calibration_error(
    predictions: Predictions, *, temperature: float = 1.0, confidence_level: float = 0.95, resamples: int = 1000,
    seed: int = 0,
) -> Figure:  # fmt: skip
    """Return the expected calibration error (15 bins of equal width) with its bootstrap interval.

    Noise alone makes this figure positive, and resampling adds its own: the interval is the bootstrap's reversed one,
    which takes that addition away again, cut at 0 and never without the figure itself.

    Raises:
        DataError: no picture is labelled.
    """
    known = predictions.labelled()
    gaps = _binned_gaps(known, temperature=temperature)
    value = float(np.abs(gaps.mean(axis=0)).sum()) if len(known) else 0.0
    means = bootstrap_means(gaps, groups=known.group_numbers(), resamples=resamples, seed=seed)
    samples = np.abs(means).sum(axis=1)
    # Reversed: what resampling adds to the figure is taken away from it.
    found = bootstrap_interval(
        2 * value - samples, value, confidence_level=confidence_level,
        groups=known.group_count, bounds=(0.0, 1.0),
    )  # fmt: skip
    low, high = (float(end) for end in found)
    ends: tuple[float | None, float | None] = (None, None)
    if is_interval(low, high):  # where all samples are alike, as of one picture, they say nothing
        ends = (low, high)
    return Figure(value, *ends, len(known), "calibration error", "%", confidence_level, "bootstrap")


def calibration_error_by_chance(
    predictions: Predictions, *, temperature: float = 1.0, confidence_level: float = 0.95, resamples: int = 1000,
    seed: int = 0,
) -> Figure:  # fmt: skip
    """Return the calibration error that a perfectly calibrated classifier would show with these confidences.

    It is right or wrong by a coin with the confidence's odds, ``resamples`` times: what is measured below the upper
    end cannot be told from perfect. Each picture has a coin of its own: where pictures of one group are right or wrong
    together, chance shows more than this.
    """
    known = predictions.labelled()
    confidence = known.confidence(temperature)
    where = bin_of(confidence)
    generator = np.random.default_rng(seed)
    one_hot = np.eye(BINS)[where]
    expected = confidence @ one_hot
    samples = np.empty(resamples)
    step = max(1, (1 << 22) // max(len(known), 1))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        right = generator.random((rows, len(known))) < confidence
        samples[start : start + rows] = np.abs(right @ one_hot - expected).sum(axis=1) / len(known)
    low, high = percentile_interval(samples, confidence_level=confidence_level)
    return Figure(
        float(samples.mean()), float(low), float(high), len(known), "calibration error by chance", "%",
        confidence_level, "simulation",
    )  # fmt: skip


def _binned_gaps(known: Predictions, *, temperature: float) -> Floats:
    """Return (N, bins): confidence less right or wrong, in its bin's column; ECE is the sum of the means' sizes."""
    confidence = known.confidence(temperature)
    gaps = np.zeros((len(known), BINS))
    gaps[np.arange(len(known)), bin_of(confidence)] = confidence - known.correct()
    return gaps
