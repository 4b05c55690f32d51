"""Logistic regression."""

from __future__ import annotations

from typing import Any

from .base import classifier, positive


@classifier("logistic-regression", summary="multinomial logistic regression, L2")
def logistic_regression(*, seed: int, jobs: int, c: float = 30.0) -> Any:
    """Return an untrained logistic regression.

    Args:
        seed: not used: the loss has one minimum, found by L-BFGS.
        jobs: not used.
        c: inverse strength of the L2 penalty, above 0; for rows of mean squared length 1.

    Raises:
        RecipeError: c out of range.

    Source: D. Cox, "The regression analysis of binary sequences", 1958.

    Example:
        >>> logistic_regression(seed=0, jobs=1).C
        30.0
    """
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=positive(c, name="c"), max_iter=2000, tol=1e-3, random_state=seed)
