"""A feature as the first step of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from ...errors import DataError
from ..extraction import extract


class FeatureExtractor(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turns uint8 (N, H, W, C) into float32 (N, D); the arguments are those of ``extract``."""

    def __init__(
        self,
        feature: str,
        *,
        options: Mapping[str, Any] | None = None,
        jobs: int | None = None,
        cache: Path | str | None = None,
    ) -> None:
        self.feature = feature
        self.options = options
        self.jobs = jobs
        self.cache = cache

    def fit(self, pixels: NDArray[np.uint8], labels: Any = None) -> FeatureExtractor:
        """Remember the pictures' shape."""
        self.picture_shape_ = pixels.shape[1:]
        return self

    def transform(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the feature; raises DataError where the pictures have another shape than in training."""
        if pixels.shape[1:] != self.picture_shape_:
            raise DataError(
                f"pictures must be of shape {self.picture_shape_} as in training, got {pixels.shape[1:]}: resize them"
            )
        return extract(pixels, self.feature, options=self.options, jobs=self.jobs, cache=self.cache)
