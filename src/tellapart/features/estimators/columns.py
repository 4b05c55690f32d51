"""Scaling and PCA that fit whatever they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

ROWS = 1024
"""That are in float64 at once."""


class UnitScaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Centres the columns and scales them such that a row's mean squared length is 1.

    Columns with one unit, such as pixels, keep their proportions (``each=False``): a pixel that hardly ever changes
    stays small. Columns with different units are brought to the same deviation first (``each=True``).
    """

    def __init__(self, *, each: bool = False) -> None:
        self.each = each

    def fit(self, values: NDArray[np.float32], labels: Any = None) -> UnitScaler:
        """Measure the columns' means and deviations."""
        mean = values.mean(axis=0, dtype=np.float64)
        self.mean_ = mean.astype(np.float32)
        variance = np.zeros_like(mean)
        for start in range(0, len(values), ROWS):
            variance += np.square(values[start : start + ROWS] - mean).sum(axis=0)
        variance /= len(values)
        if self.each:
            scale = np.sqrt(np.where(variance > 1e-12, variance, 1.0) * max(1, int((variance > 1e-12).sum())))
        else:
            scale = np.full(len(variance), np.sqrt(variance.sum()) or 1.0)
        self.scale_ = scale.astype(np.float32)
        return self

    def transform(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scaled values, float32."""
        scaled: NDArray[np.float32] = values - self.mean_
        scaled /= self.scale_
        return scaled


class CappedPCA(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Principal components, fewer than asked for where rows or columns do not suffice."""

    def __init__(self, components: int = 100, *, seed: int = 0) -> None:
        self.components = components
        self.seed = seed

    def fit(self, values: NDArray[np.float32], labels: Any = None) -> CappedPCA:
        """Find the components."""
        count = max(1, min(self.components, *values.shape))
        self.pca_ = PCA(n_components=count, random_state=self.seed).fit(values)
        return self

    def transform(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, components)."""
        projected: NDArray[np.float32] = self.pca_.transform(values).astype(np.float32, copy=False)
        return projected
