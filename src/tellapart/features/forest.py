"""Random forest."""

from __future__ import annotations

from typing import Any

from .base import classifier, whole_number


@classifier("random-forest", summary="the vote of many trees grown on resampled pictures")
def random_forest(*, seed: int, jobs: int, trees: int = 200) -> Any:
    """Return an untrained random forest whose probabilities are smoothed votes, fitted in three folds.

    Args:
        seed: of the resampling, of the trees and of the folds.
        jobs: how many threads grow trees; the forest does not depend on it.
        trees: how many, 1 to 10,000.

    Raises:
        RecipeError: trees out of range.

    Source: L. Breiman, "Random forests", 2001.

    Example:
        >>> random_forest(seed=0, jobs=1).estimator.votes
        200
    """
    from sklearn.ensemble import RandomForestClassifier

    from .estimators.probabilities import SmoothedVotes, TemperatureScaled

    whole_number(trees, name="trees", low=1, high=10_000)
    forest = RandomForestClassifier(trees, n_jobs=jobs, random_state=seed)
    return TemperatureScaled(SmoothedVotes(forest, votes=trees), seed=seed)
