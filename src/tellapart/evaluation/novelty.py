"""Novelty: scores for pictures unlike anything in training, and how well they tell those apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .intervals import Floats
from .neighbours import finite_table, nearest


def knn_novelty(embeddings: ArrayLike, queries: ArrayLike, *, k: int = 10) -> Floats:
    """Return (Q,) scores: the distance to the k-th nearest training picture; the larger, the stranger.

    Source: Y. Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022.

    Example:
        >>> knn_novelty([[0.0, 1.0], [0.0, 2.0]], [[0.0, 5.0], [0.0, -1.0]], k=1).tolist()
        [0.0, 2.0]
    """
    return nearest(embeddings, queries, k=k).distances[:, -1]


def energy_novelty(logits: ArrayLike, *, temperature: float = 1.0) -> Floats:
    """Return (N,) scores: −T log Σ exp(logit / T); the larger, the stranger.

    Source: W. Liu et al., "Energy-based out-of-distribution detection", NeurIPS 2020.
    """
    if not temperature > 0:
        raise DataError(f"temperature must be a number above 0, got {temperature}")
    scaled = finite_table(logits, "logits").astype(np.float64) / temperature
    largest = scaled.max(axis=1)
    out: Floats = -temperature * (largest + np.log(np.exp(scaled - largest[:, None]).sum(axis=1)))
    return out


def max_logit_novelty(logits: ArrayLike) -> Floats:
    """Return (N,) scores: the largest logit with its sign turned; the larger, the stranger.

    Source: D. Hendrycks et al., "Scaling out-of-distribution detection for real-world settings", ICML 2022.
    """
    out: Floats = -finite_table(logits, "logits").astype(np.float64).max(axis=1)
    return out


def novelty_threshold(known_scores: ArrayLike, *, false_alarms: float = 0.05) -> float:
    """Return the score above which a picture counts as strange.

    Args:
        known_scores: (N,) of held-out pictures of the known kind, such as validation; never of the training pictures
            themselves, whose nearest neighbours they are.
        false_alarms: the chance, 0 to 1, that a new picture of the known kind is called strange. The largest score
            where there are too few to show it.
    """
    scores = np.asarray(known_scores, dtype=np.float64)
    if not 0 <= false_alarms <= 1 or not len(scores):
        raise DataError(f"false_alarms must be 0 to 1 and there must be scores, got {false_alarms}, {len(scores)}")
    rank = math.ceil((len(scores) + 1) * (1 - false_alarms))  # a new one is as likely at each place among them
    return float(np.sort(scores)[min(max(rank, 1), len(scores)) - 1])


def auroc(known_scores: ArrayLike, strange_scores: ArrayLike) -> float:
    """Return how often a strange picture scores above a known one, draws counting half: 0.5 is chance, 1 perfect.

    Source: J. Hanley and B. McNeil, Radiology 143 (1982).

    Example:
        >>> auroc([0.1, 0.2], [0.2, 0.9])
        0.875
    """
    known = np.sort(np.asarray(known_scores, dtype=np.float64))
    strange = np.asarray(strange_scores, dtype=np.float64)
    if not len(known) or not len(strange):
        raise DataError(f"there must be scores of both kinds, got {len(known)} and {len(strange)}")
    below, up_to = np.searchsorted(known, strange, "left"), np.searchsorted(known, strange, "right")
    return float((below + up_to).mean() / (2 * len(known)))
