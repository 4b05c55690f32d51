"""The recipe of a baseline: small, plain, and quick."""

from __future__ import annotations

import math

import numpy as np

from ..recipe import Recipe, decided


def baseline_recipe(recipe: Recipe, net: str, *, pictures: int) -> Recipe:
    """Return the recipe of a baseline beside a run.

    Args:
        recipe: the run's, with the size and channels that the baseline sees.
        net: the baseline's name.
        pictures: how many train.
    """
    height, width = decided(recipe.data.image_size, "data.image_size")
    values = height * width * decided(recipe.data.channels, "data.channels")
    return Recipe.make(
        data=recipe.data.model_dump(),
        net={"name": net, "sigmoid": recipe.net.sigmoid, "weights": "none"},
        training={
            "transfer": "none",
            "epochs": _plain_epochs(pictures),
            "batch_size": 128,
            # A step of Adam moves every weight alike, so that the logits move with the root of their number.
            "optimizer": {"name": "adamw", "learning_rate": 0.08 / math.sqrt(values), "weight_decay": 0.01},
            "schedule": "one-cycle",
            "class_weights": "none",
            "label_smoothing": 0.0,
            "averaging": 0.0,
            "augment": {},
            "precision": "float32",
            "threads": recipe.training.threads,
            "device": recipe.training.device,
            "seed": recipe.training.seed,
        },
        baselines=(),
    )


def _plain_epochs(pictures: int) -> int:
    """Return a baseline's epochs: 30 for up to 3,333 pictures, 4 from 25,000 on, one beyond 400,000.

    In more passes it learns what it saw by heart: softmax has 55.5% of hwdb55's validation pictures after 4 passes over
    25,753 and 53.5% after 12; MNIST and Fashion-MNIST gain 0.2 and 0.1 points from 4 to 10, over 48,000.
    """
    seen = np.clip(4 * pictures, 100_000, 600_000)
    return int(np.clip(round(seen / max(1, pictures)), 1, 30))
