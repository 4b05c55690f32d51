"""What a feature and a classical classifier are, and how each is registered."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import RecipeError
from ..registry import Registry, check_options

Scaling = Literal["together", "each"]
"""Whether the columns of a feature share one unit and are scaled together, or are scaled each by itself."""


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """A registered feature.

    Attributes:
        name: what it is called.
        compute: ``compute(pixels, **options)``: uint8 (N, H, W, 1 or 3) to float32 (N, D), each picture by itself.
        summary: one line.
        scaling: how its columns are scaled before a classifier sees them.
        options: further arguments of ``compute`` with their defaults.
    """

    name: str
    compute: Callable[..., NDArray[np.float32]]
    summary: str
    scaling: Scaling
    options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ClassifierSpec:
    """A registered classical classifier.

    Attributes:
        name: what it is called.
        build: ``build(seed=, jobs=, **options)`` to a scikit-learn classifier with ``predict_proba``.
        summary: one line.
        options: further arguments of ``build`` with their defaults.
    """

    name: str
    build: Callable[..., Any]
    summary: str
    options: Mapping[str, Any]


features: Registry[FeatureSpec] = Registry("feature", package="tellapart.features")
"""All features by name."""

classifiers: Registry[ClassifierSpec] = Registry("classifier", package="tellapart.features")
"""All classical classifiers by name."""

Compute = Callable[..., NDArray[np.float32]]


def feature(name: str, *, summary: str, scaling: Scaling = "together") -> Callable[[Compute], Compute]:
    """Register a function that computes a feature; its keyword arguments become the feature's options."""

    def register(compute: Compute) -> Compute:
        features.add(name, FeatureSpec(name, compute, summary, scaling, _options(compute)))
        return compute

    return register


def classifier(name: str, *, summary: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function that builds a classifier; its arguments other than seed and jobs become its options."""

    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        classifiers.add(name, ClassifierSpec(name, build, summary, _options(build)))
        return build

    return register


def checked_options(spec: FeatureSpec | ClassifierSpec, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options of a feature or classifier with the defaults filled in.

    Raises:
        RecipeError: an option that it does not have.
    """
    kind = "feature" if isinstance(spec, FeatureSpec) else "classifier"
    check_options(f"the {kind} {spec.name!r}", options or {}, known=spec.options)
    return {**spec.options, **(options or {})}


def whole_number(value: Any, *, name: str, low: int, high: int) -> int:
    """Return ``value`` where it is a whole number from ``low`` to ``high``; raises RecipeError otherwise."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
        raise RecipeError(f"{name} must be a whole number from {low} to {high}, got {value!r}")
    return int(value)


def positive(value: Any, *, name: str) -> float:
    """Return ``value`` where it is a finite number above 0; raises RecipeError otherwise."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < np.inf:
        raise RecipeError(f"{name} must be a number above 0, got {value!r}")
    return float(value)


def _options(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.items()
    return {key: p.default for key, p in parameters if key not in ("pixels", "seed", "jobs")}
