"""A feature, perhaps PCA, and a classifier, as one scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, RecipeError
from ..machine import usable_processors
from .base import checked_options, classifiers, features, whole_number

_FLOOR = 1e-9


def build_pipeline(
    feature: str,
    classifier: str,
    *,
    feature_options: Mapping[str, Any] | None = None,
    classifier_options: Mapping[str, Any] | None = None,
    components: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    cache: Path | str | None = None,
) -> Any:
    """Return an untrained scikit-learn pipeline from uint8 pictures to class probabilities.

    Its steps: ``extract``, ``scale`` (rows of mean squared length 1), perhaps ``pca``, and ``classify``. It has
    ``fit(pixels, labels)``, ``predict``, ``predict_proba`` and ``predict_log_proba``.

    Args:
        feature: a registered feature, or that with principal components: ``"hog+pca"``.
        classifier: a registered classifier: ``"svm-rbf"``.
        feature_options: what the feature alone understands.
        classifier_options: what the classifier alone understands.
        components: how many principal components, 1 to 10,000; 100 where None; only with ``+pca``.
        seed: of everything random.
        jobs: threads, at least 1; as many as processors may be used where None.
        cache: a folder where features are kept.

    Raises:
        UnknownNameError: no such feature or classifier.
        RecipeError: an option that is unknown, out of range, or would be ignored.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> pixels = rng.integers(0, 99, size=(40, 8, 8, 1), dtype=np.uint8)
        >>> labels = np.arange(40) % 2
        >>> pixels[labels == 1] += 100
        >>> pipeline = build_pipeline("pixels+pca", "svm-linear", components=5).fit(pixels, labels)
        >>> bool((pipeline.predict(pixels) == labels).all())
        True
    """
    from sklearn.pipeline import Pipeline

    from .estimators.columns import CappedPCA, UnitScaler
    from .estimators.extractor import FeatureExtractor

    name, with_pca = split_name(feature)
    if components is not None and not with_pca:
        raise RecipeError(f"components={components} would be ignored: use the feature '{name}+pca' or leave it out")
    seed %= 2**32  # what scikit-learn takes; a recipe's may be larger
    jobs = usable_processors() if jobs is None else whole_number(jobs, name="jobs", low=1, high=1024)
    spec, model = features.get(name), classifiers.get(classifier)
    options = checked_options(spec, feature_options)
    classify = model.build(seed=seed, jobs=jobs, **checked_options(model, classifier_options))
    steps: list[tuple[str, Any]] = [
        ("extract", FeatureExtractor(name, options=options, jobs=jobs, cache=cache)),
        ("scale", UnitScaler(each=spec.scaling == "each")),
    ]
    if with_pca:
        count = 100 if components is None else whole_number(components, name="components", low=1, high=10_000)
        steps.append(("pca", CappedPCA(count, seed=seed)))
    return Pipeline([*steps, ("classify", classify)])


def split_name(feature: str) -> tuple[str, bool]:
    """Return a feature's registered name and whether ``+pca`` follows it.

    Raises:
        RecipeError: anything else follows a plus.

    Example:
        >>> split_name("hog+pca")
        ('hog', True)
    """
    name, plus, rest = feature.partition("+")
    if plus and rest != "pca":
        raise RecipeError(f"a feature may be followed by '+pca' and nothing else, got {feature!r}")
    return name, bool(plus)


def predict_log_probabilities(pipeline: Any, pixels: NDArray[Any], *, classes: int) -> NDArray[np.float32]:
    """Return log-probabilities with one column for every class, also those without a training picture.

    Args:
        pipeline: what ``build_pipeline`` returned, trained on labels 0 to ``classes`` − 1.
        pixels: uint8, (N, H, W, C); or what the first step of a part of a pipeline takes, N rows.
        classes: how many classes there are.

    Returns:
        float32, (N, classes), finite; a class that was not trained has a probability of 1e-9 at most.

    Raises:
        DataError: the pipeline was trained on a label that is not below ``classes``.

    Example:
        >>> import numpy as np
        >>> pixels = np.repeat(np.arange(0, 200, 10, dtype=np.uint8), 16).reshape(20, 4, 4, 1)
        >>> pipeline = build_pipeline("pixels", "logistic-regression").fit(pixels, np.arange(20) // 10)
        >>> predict_log_probabilities(pipeline, pixels, classes=3).argmax(axis=1).tolist()[8:12]
        [0, 0, 1, 1]
    """
    trained = np.asarray(pipeline.classes_)
    if trained.dtype.kind not in "iu" or trained.min() < 0 or trained.max() >= classes:
        raise DataError(f"the pipeline must be trained on labels 0 to {classes - 1}, got {trained.tolist()}")
    probabilities = np.zeros((len(pixels), classes))
    if len(pixels):
        probabilities[:, trained] = pipeline.predict_proba(pixels)
    probabilities = np.maximum(probabilities, _FLOOR)
    logarithms = np.log(probabilities / probabilities.sum(axis=1, keepdims=True))
    return np.asarray(logarithms, dtype=np.float32)
