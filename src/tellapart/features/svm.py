"""Support vector machines, linear and with Gaussian kernels."""

from __future__ import annotations

from typing import Any

from .base import classifier, positive


@classifier("svm-linear", summary="linear support vector machine, one class against the rest")
def linear_svm(*, seed: int, jobs: int, c: float = 3.0) -> Any:
    """Return an untrained linear support vector machine whose probabilities are fitted in three folds.

    Args:
        seed: of the folds, and of the solver.
        jobs: not used.
        c: inverse strength of the L2 penalty, above 0; for rows of mean squared length 1.

    Raises:
        RecipeError: c out of range.

    Source: C. Cortes and V. Vapnik, "Support-vector networks", 1995; R. Fan et al., "LIBLINEAR", 2008.

    Example:
        >>> linear_svm(seed=0, jobs=1).estimator.C
        3.0
    """
    from sklearn.svm import LinearSVC

    from .estimators.probabilities import TemperatureScaled

    machine = LinearSVC(C=positive(c, name="c"), dual="auto", max_iter=10_000, tol=1e-3, random_state=seed)
    return TemperatureScaled(machine, seed=seed)


@classifier("svm-rbf", summary="support vector machine with Gaussian kernels")
def rbf_svm(*, seed: int, jobs: int, c: float = 10.0, gamma: float = 1.0) -> Any:
    """Return an untrained support vector machine whose probabilities are fitted in three folds.

    Args:
        seed: of the folds.
        jobs: not used.
        c: inverse strength of the penalty, above 0.
        gamma: 1 / (2 · width²) of the kernel, above 0; for rows of mean squared length 1.

    Raises:
        RecipeError: c or gamma out of range.

    Source: C. Cortes and V. Vapnik, "Support-vector networks", 1995; C. Chang and C. Lin, "LIBSVM", 2011.

    Example:
        >>> rbf_svm(seed=0, jobs=1).estimator.C
        10.0
    """
    from sklearn.svm import SVC

    from .estimators.probabilities import TemperatureScaled

    machine = SVC(C=positive(c, name="c"), gamma=positive(gamma, name="gamma"), cache_size=500, random_state=seed)
    return TemperatureScaled(machine, seed=seed)
