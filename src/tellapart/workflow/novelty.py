"""What a model keeps of its training pictures, so that it can tell those that are unlike anything in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..classifier import Classifier
from ..images.blocks import by_block
from ..novelty import REFERENCES, Novelty, chosen_evenly
from .prepare import Prepared

HELD_OUT = 2048
"""Validation pictures that are looked at for it at most."""


def learn_novelty(
    classifier: Classifier, prepared: Prepared, *, features: NDArray[np.float32] | None = None
) -> Novelty | None:
    """Return the novelty score of a trained network; None where there are no validation pictures to set its limit.

    Args:
        classifier: trained.
        prepared: whose training and validation pictures are looked at, a few of each class.
        features: (N, D) what the last layer sees of all pictures, where that is known already.
    """
    labels, seed = prepared.dataset.labels, prepared.recipe.training.seed
    train, validation = (
        positions[chosen_evenly(labels[positions], most, seed=seed)]
        for positions, most in ((prepared.splits.train, REFERENCES), (prepared.splits.validation, HELD_OUT))
    )
    if not len(train) or not len(validation):
        return None

    def embedded(positions: NDArray[np.int64]) -> NDArray[np.float32]:
        if features is not None:
            return features[positions]
        return np.concatenate([classifier.embeddings(some) for some in by_block(prepared.pixels, positions)])

    size = sum(tensor.numel() * tensor.element_size() for tensor in classifier.net.state_dict().values())
    return Novelty.fit(embedded(train), labels[train], held_out=embedded(validation), network_bytes=size, seed=seed)
