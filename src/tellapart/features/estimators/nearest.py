"""Nearest neighbours that works with fewer training pictures than neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier


class CappedNeighbours(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """``neighbours`` of the training rows vote, weighted by 1 / distance; all of them where there are fewer."""

    def __init__(self, neighbours: int = 5, *, jobs: int = 1) -> None:
        self.neighbours = neighbours
        self.jobs = jobs

    def fit(self, values: NDArray[np.float32], labels: NDArray[Any]) -> CappedNeighbours:
        """Keep the rows."""
        count = min(self.neighbours, len(values))
        model = KNeighborsClassifier(count, weights="distance", algorithm="brute", n_jobs=self.jobs)
        self.model_ = model.fit(values, labels)
        self.classes_ = model.classes_
        return self

    def predict_proba(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the shares of the votes, (N, classes)."""
        shares: NDArray[np.float64] = self.model_.predict_proba(values)
        return shares
