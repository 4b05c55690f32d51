"""A classical row: a feature and a classifier, learnt, timed and weighed."""

from __future__ import annotations

import dataclasses
import pickle
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ...features import build_pipeline, extract, extract_timed, predict_log_probabilities
from .methods import Method
from .variants import Material, check_room


@dataclasses.dataclass(frozen=True)
class ClassicalResult:
    """What a classical method says of the pictures, and what it costs.

    Attributes:
        validation: log-probabilities, float32 (M, K).
        external: likewise (E, K); None where there are no external pictures.
        train_seconds: the training pictures' features and the training.
        predict_ms: a picture's, feature and classifier.
        size_bytes: of the trained pipeline, as pickle would write it.
        notes: what scikit-learn warned of.
    """

    validation: NDArray[np.float32]
    external: NDArray[np.float32] | None
    train_seconds: float
    predict_ms: float
    size_bytes: int
    notes: tuple[str, ...]


def learn_classical(
    method: Method, material: Material, *, classes: int, seed: int, threads: int, cache: Path
) -> ClassicalResult:
    """Train a feature's classifier and predict.

    The features are computed once for the same pixels and kept; the time that took counts in every row that uses them.

    Args:
        method: a classical one.
        material: the pictures.
        classes: how many there are.
        seed: of everything random.
        threads: of the processor.
        cache: a folder where features are kept.

    Raises:
        DataError: the pictures are too small for the feature.
        OutOfMemoryError: their features are more than the memory that is free.
    """
    from sklearn.utils.validation import has_fit_parameter

    with threadpool_limits(threads), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipeline = build_pipeline(
            method.feature,
            method.classifier,
            feature_options=method.feature_options,
            classifier_options=method.classifier_options,
            seed=seed,
            jobs=threads,
            cache=cache,
        )
        extractor, rest = pipeline[0], pipeline[1:]
        _check_memory(extractor, material)
        train, train_seconds = _features(extractor, material.train)
        started = time.perf_counter()
        groups = {"classify__groups": material.train_groups} if has_fit_parameter(rest[-1], "groups") else {}
        rest.fit(train, material.train_labels, **groups)
        train_seconds += time.perf_counter() - started
        validation, validation_seconds = _features(extractor, material.validation)
        started = time.perf_counter()
        said = predict_log_probabilities(rest, validation, classes=classes)
        validation_seconds += time.perf_counter() - started
        external = None
        if material.external is not None:
            values, _ = _features(extractor, material.external)
            external = predict_log_probabilities(rest, values, classes=classes)
    return ClassicalResult(
        said, external, train_seconds, 1000 * validation_seconds / len(material.validation), weigh(rest),
        tuple(dict.fromkeys(_said(one) for one in caught if issubclass(one.category, UserWarning))),
    )  # fmt: skip


def weigh(model: Any) -> int:
    """Return the bytes that a trained model takes, as pickle would write it; nothing is kept.

    Example:
        >>> weigh(np.zeros(1000)) > 8000
        True
    """
    counter = _Counter()
    pickle.Pickler(counter, protocol=5).dump(model)
    return counter.count


class _Counter:
    """A file that counts what is written to it."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, data: Any) -> int:
        """Count some bytes."""
        size = memoryview(data).nbytes
        self.count += size
        return size


def _check_memory(extractor: Any, material: Material) -> None:
    """Raise OutOfMemoryError where the features, and their scaled copy, are more than the memory that is free."""
    columns = extract(material.train[:1], extractor.feature, options=extractor.options, jobs=1).shape[1]
    beside = [len(part) for part in (material.validation, material.external) if part is not None]
    needed = 8 * columns * (len(material.train) + max(beside, default=0))
    check_room(needed, what=f"{columns:,} features a picture", advice="ask for smaller pictures, or leave the row out")


def _features(extractor: Any, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    found = extract_timed(
        pixels, extractor.feature, options=extractor.options, jobs=extractor.jobs, cache=extractor.cache
    )
    return found.values, found.seconds


def _said(warning: warnings.WarningMessage) -> str:
    return f"scikit-learn: {' '.join(str(warning.message).split('.')[0].split())}"
