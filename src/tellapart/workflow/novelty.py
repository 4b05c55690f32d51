"""What a model keeps of its training pictures, so that it can tell those that are unlike anything in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..classifier import Classifier
from ..images.blocks import by_block
from ..novelty import REFERENCES, Novelty, chosen_evenly
from .prepare import Prepared

HELD_OUT = 2048
"""Validation pictures that are looked at for it at most."""


Positions = NDArray[np.int64]
Embedded = Callable[[Positions], NDArray[np.float32]]


def looked_at(prepared: Prepared) -> tuple[Positions, Positions]:
    """Return the training and validation pictures that novelty is learnt from, a few of each class."""
    labels, seed = prepared.dataset.labels, prepared.recipe.training.seed
    train, validation = (
        positions[chosen_evenly(labels[positions], most, seed=seed)]
        for positions, most in ((prepared.splits.train, REFERENCES), (prepared.splits.validation, HELD_OUT))
    )
    return train, validation


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
