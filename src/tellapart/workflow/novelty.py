"""What a model keeps of its training pictures, so that it can tell those that are unlike anything in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..classifier import Classifier
from ..images.blocks import by_block
from ..images.stratify import balanced_sample
from ..novelty import REFERENCES, Novelty
from .prepare import Prepared

HELD_OUT = 2048
"""Validation pictures that are looked at for it at most."""


Positions = NDArray[np.int64]
Embedded = Callable[[Positions], NDArray[np.float32]]


def looked_at(prepared: Prepared) -> tuple[Positions, Positions]:
    """Return the pictures that novelty is learnt from: training pictures, a few of each class, and validation pictures.

    The latter say how often pictures of the known kind exceed a limit: they are drawn at random, as the classes are.
    """
    seed, splits = prepared.recipe.training.seed, prepared.splits
    train = splits.train[balanced_sample(prepared.dataset.labels[splits.train], REFERENCES, seed=seed)]
    some = np.random.default_rng(seed).permutation(len(splits.validation))[:HELD_OUT]
    return train, splits.validation[np.sort(some)]


def learn_novelty(classifier: Classifier, prepared: Prepared, *, embedded: Embedded | None = None) -> Novelty:
    """Return the novelty score of a trained network; validation pictures set its limit.

    Args:
        classifier: trained.
        prepared: whose training and validation pictures are looked at: see ``looked_at``.
        embedded: gives (n, D), what the last layer sees of those at some positions, where that is known already.
    """
    labels, seed = prepared.dataset.labels, prepared.recipe.training.seed
    train, validation = looked_at(prepared)

    def look(positions: Positions) -> NDArray[np.float32]:
        return np.concatenate([classifier.embeddings(some) for some in by_block(prepared.pixels, positions)])

    embedded = embedded or look
    size = sum(tensor.numel() * tensor.element_size() for tensor in classifier.net.state_dict().values())
    return Novelty.fit(embedded(train), labels[train], held_out=embedded(validation), network_bytes=size, seed=seed)
