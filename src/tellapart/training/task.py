"""What is trained on what."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from ..errors import SplitError
from ..images.preprocessing import Preprocessing
from ..recipe import TrainingRecipe, decided
from .data import Pictures


@dataclasses.dataclass(frozen=True)
class Task:
    """What is trained on what.

    Attributes:
        train: pictures with labels.
        validation: likewise; they choose the epoch.
        preprocessing: from their pixels to the network's input.
        classes: how many there are.
    """

    train: Pictures
    validation: Pictures
    preprocessing: Preprocessing
    classes: int

    def __post_init__(self) -> None:
        for name, advice in (("train", "add pictures"), ("validation", "set validation_fraction above 0, such as 0.2")):
            if not len(getattr(self, name)):
                raise SplitError(f"there are no {name} pictures: {advice}")

    def class_weights(self, recipe: TrainingRecipe) -> Tensor | None:
        """Return a weight a class, float32 (classes,) on the CPU, mean 1 over the training pictures, or None."""
        if recipe.class_weights != "balanced":
            return None
        counts = np.bincount(self.train.labels, minlength=self.classes)
        weights = len(self.train) / (max(1, np.count_nonzero(counts)) * np.maximum(counts, 1))
        return torch.from_numpy(weights.astype(np.float32))

    def steps(self, recipe: TrainingRecipe, *, epoch: int = 1) -> int:
        """Return how many steps an epoch has: one pass over the training pictures, where nothing else was said."""
        steps = recipe.steps_per_epoch
        if isinstance(steps, tuple):
            return steps[epoch - 1]
        return steps or self.train.steps(decided(recipe.batch_size, "training.batch_size"))

    def steps_before(self, recipe: TrainingRecipe, *, epoch: int) -> int:
        """Return how many steps all epochs before one have, which is counted from 1."""
        steps = recipe.steps_per_epoch
        return sum(steps[: epoch - 1]) if isinstance(steps, tuple) else (epoch - 1) * self.steps(recipe)

    def steps_left(self, recipe: TrainingRecipe, *, after: int) -> list[int]:
        """Return the steps of each epoch that follows one, but for those that are left out to end in time."""
        every = [
            self.steps(recipe, epoch=epoch) for epoch in range(after + 1, decided(recipe.epochs, "training.epochs") + 1)
        ]
        return [steps for steps in every if steps]

    def majority(self) -> float:
        """Return the share of the largest class among the validation pictures, 0 to 1."""
        return float(np.bincount(self.validation.labels).max() / len(self.validation))
