"""Nearest neighbours."""

from __future__ import annotations

from typing import Any

from .base import classifier, whole_number


@classifier("nearest-neighbours", summary="the vote of the nearest training pictures")
def nearest_neighbours(*, seed: int, jobs: int, neighbours: int = 5) -> Any:
    """Return an untrained nearest-neighbours classifier whose probabilities are smoothed votes, fitted in three folds.

    Args:
        seed: of the folds.
        jobs: how many threads measure distances.
        neighbours: how many vote, 1 to 1,000, the nearer the more; all there are where there are fewer.

    Raises:
        RecipeError: neighbours out of range.

    Source: T. Cover and P. Hart, "Nearest neighbor pattern classification", 1967.

    Example:
        >>> nearest_neighbours(seed=0, jobs=1).estimator.votes
        5
    """
    from .estimators.nearest import CappedNeighbours
    from .estimators.probabilities import SmoothedVotes, TemperatureScaled

    whole_number(neighbours, name="neighbours", low=1, high=1000)
    votes = SmoothedVotes(CappedNeighbours(neighbours, jobs=jobs), votes=neighbours)
    return TemperatureScaled(votes, seed=seed)
