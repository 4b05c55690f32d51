"""Which epoch is the best one, as far as validation can tell, and which was the last that improved on those before."""

from __future__ import annotations

import math
from typing import Any

from ..recipe import TrainingRecipe
from .checkpoint import State
from .validation import Scores

BETTER = {"accuracy": 1, "top5": 1, "loss": -1}
"""Which way a figure is better."""

ERRORS = 2
"""Standard errors below the highest accuracy within which another epoch is as good: that one is the highest of many."""


def keep_start(state: State, scores: Scores, recipe: TrainingRecipe) -> None:
    """Keep the weights that a training begins with, as those of epoch 0, until an epoch has a better figure.

    They are one try, not the luckiest of many, and so nothing that is below them is as good. Early stopping counts
    from the epochs alone.

    Args:
        state: before the first epoch.
        scores: of validation.
        recipe: resolved.
    """
    monitor = recipe.early_stopping.monitor if recipe.early_stopping else "accuracy"
    state.start_figure, state.start_loss = BETTER[monitor] * getattr(scores, monitor), scores.loss
    _keep(state)


def keep_best(state: State, record: dict[str, Any], recipe: TrainingRecipe, *, pictures: int) -> None:
    """Keep the weights of the epoch that was just done, where it is the best one so far.

    Where the learning rate ends low, the last epochs are better than those before them, whose accuracy on a few
    hundred validation pictures may yet be higher by chance. So of all epochs whose accuracy is within two standard
    errors of the highest the latest is the best (like the rule of one standard error, L. Breiman et al.,
    "Classification and Regression Trees", 1984, for the highest of many). Where it may stop early, by the loss, or at
    a constant learning rate, it is the epoch with the best figure, and of several the one with the lowest loss. An
    epoch that is not better than the weights that ``keep_start`` has kept is none of them.

    Early stopping counts from the last epoch whose figure was better by more than its least difference.

    Args:
        state: after the epoch.
        record: of the history.
        recipe: resolved.
        pictures: of validation.
    """
    stopping = recipe.early_stopping
    monitor = stopping.monitor if stopping else "accuracy"
    figure, loss = BETTER[monitor] * record[f"validation_{monitor}"], record["validation_loss"]
    if figure > state.improved_figure + (stopping.min_delta if stopping else 0.0):
        state.improved_figure, state.improved_epoch = figure, state.epoch
    whole = stopping is None or (recipe.epochs is not None and stopping.patience >= recipe.epochs)
    if whole and monitor != "loss" and recipe.schedule != "constant":
        highest = max(figure, state.best_figure)
        best = figure >= highest - ERRORS * standard_error(highest, of=pictures)
    else:
        best = (figure, -loss) > (state.best_figure, -state.best_loss)
    if best and (figure, -loss) > (state.start_figure, -state.start_loss):
        state.best_figure, state.best_loss, state.best_epoch = max(figure, state.best_figure), loss, state.epoch
        _keep(state)


def _keep(state: State) -> None:
    weights = state.judged().state_dict()
    state.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}


def standard_error(share: float, *, of: int) -> float:
    """Return the standard error of a share of some pictures, 0 to 1, which one of 0 or 1 has, too.

    The share is first drawn towards a half by two pictures, one of each kind (Laplace's rule of succession).

    Args:
        share: 0 to 1.
        of: how many pictures, at least 1.

    Example:
        >>> round(standard_error(0.9, of=100), 3), round(standard_error(1.0, of=100), 3)
        (0.031, 0.01)
    """
    expected = (share * of + 1) / (of + 2)
    return math.sqrt(expected * (1 - expected) / of)
