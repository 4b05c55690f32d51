"""Classifiers that have no probabilities, or too sure ones, given probabilities that make sense."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from ...images.dealing import deal

PAIRS = 1 << 22
"""Pairs of classes, of all rows of a block, that are scored at once."""


class TemperatureScaled(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose decision scores become probabilities: softmax(scores / temperature).

    The one temperature makes the probabilities of held-out training pictures as likely as possible; the classifier
    itself is then trained on all. The most probable class is the one with the largest score, whatever the temperature.

    Source: C. Guo et al., "On calibration of modern neural networks", 2017; J. Platt, 1999.
    """

    def __init__(self, estimator: Any, *, folds: int = 3, seed: int = 0) -> None:
        self.estimator = estimator
        self.folds = folds
        self.seed = seed

    def fit(
        self, values: NDArray[np.float32], labels: NDArray[Any], groups: NDArray[np.int64] | None = None
    ) -> TemperatureScaled:
        """Train on all rows, and fit the temperature on scores of rows held out, whole groups where there are any."""
        self.classes_, positions = np.unique(labels, return_inverse=True)
        held = fold_of_each(positions, folds=self.folds, seed=self.seed, groups=groups)
        scores = np.full((len(positions), len(self.classes_)), np.nan)
        for fold in range(self.folds):
            inside, outside = held != fold, held == fold
            if outside.any():
                scores[outside] = _scores_without(self.estimator, values[inside], positions[inside], of=values[outside])
        known = held >= 0
        self.temperature_ = _best_temperature(scores[known], positions[known]) if known.any() else 1.0
        self.estimator_ = clone(self.estimator).fit(values, positions)
        return self

    def decision_function(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return scores / temperature, (N, classes): logits."""
        return _scores(self.estimator_, values) / self.temperature_

    def predict_proba(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return probabilities, (N, classes)."""
        return np.exp(self.predict_log_proba(values))

    def predict_log_proba(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities, (N, classes)."""
        from scipy.special import log_softmax

        logarithms: NDArray[np.float64] = log_softmax(self.decision_function(values), axis=1)
        return logarithms

    def predict(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return the class with the largest score."""
        chosen: NDArray[Any] = self.classes_[self.decision_function(values).argmax(axis=1)]
        return chosen


class SmoothedVotes(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that counts votes, with one vote more that is spread evenly over the classes.

    Without it a class that got no vote has probability 0, and one picture makes the likelihood 0.

    Source: P. Laplace's rule of succession; F. Provost and P. Domingos, "Tree induction for probability-based
    ranking", 2003.
    """

    def __init__(self, estimator: Any, *, votes: int) -> None:
        self.estimator = estimator
        self.votes = votes

    def fit(self, values: NDArray[np.float32], labels: NDArray[Any]) -> SmoothedVotes:
        """Train the voters."""
        self.estimator_ = clone(self.estimator).fit(values, labels)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return probabilities above 0, (N, classes)."""
        shares = np.asarray(self.estimator_.predict_proba(values), dtype=np.float64)
        smoothed: NDArray[np.float64] = (shares * self.votes + 1 / shares.shape[1]) / (self.votes + 1)
        return smoothed

    def predict_log_proba(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities, (N, classes)."""
        return np.log(self.predict_proba(values))

    def decision_function(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities as scores, so that a temperature can be fitted to them."""
        return self.predict_log_proba(values)

    def predict(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return the class with the most votes."""
        chosen: NDArray[Any] = self.classes_[self.predict_proba(values).argmax(axis=1)]
        return chosen


def fold_of_each(
    positions: NDArray[np.int64], *, folds: int, seed: int, groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the fold that holds each row out, spread evenly within each class; −1 for a class in one fold alone.

    Args:
        positions: (N,) the rows' classes, 0 to K − 1.
        folds: how many.
        seed: of the shuffling.
        groups: (N,) numbers; rows of one number are held out together. Each row by itself where None.
    """
    held = deal(positions, groups, folds=folds, seed=seed)
    there = np.zeros((int(positions.max()) + 1, folds), dtype=bool)
    there[positions, held] = True
    alone = there.sum(axis=1) < 2  # a model without a class could not score it
    return np.where(alone[positions], -1, held)


def _scores_without(
    estimator: Any, values: NDArray[np.float32], positions: NDArray[np.int64], *, of: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the scores of rows by a model that was trained on others, and is gone when the next one is made."""
    return _scores(clone(estimator).fit(values, positions), of)


def _scores(model: Any, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return scores (N, classes), of a block of rows at a time: a kernel machine takes 17 bytes a pair of classes."""
    pairs = len(model.classes_) ** 2 // 2
    step = max(1, PAIRS // max(1, pairs))
    parts = [model.decision_function(values[start : start + step]) for start in range(0, len(values), step)]
    scores = np.concatenate(parts, dtype=np.float64) if parts else np.zeros((0, len(model.classes_)))
    return scores if scores.ndim == 2 else np.stack([-scores / 2, scores / 2], axis=1)


def _best_temperature(scores: NDArray[np.float64], positions: NDArray[np.int64]) -> float:
    """Return the temperature that makes the labels likeliest, and one label more that is spread over the classes.

    Without that one, scores of which none is wrong would make every later answer certain.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    own = scores[np.arange(len(scores)), positions]

    def loss(logarithm: float) -> float:
        scale = np.exp(-logarithm)
        scaled = scores * scale
        each = logsumexp(scaled, axis=1)
        return float((each - own * scale).sum() + (each - scaled.mean(axis=1)).mean())

    found = minimize_scalar(loss, bounds=(-5.0, 3.0), method="bounded")
    return float(np.exp(found.x))
