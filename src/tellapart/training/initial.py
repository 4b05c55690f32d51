"""The network that a recipe describes, as it begins: with the random weights of its seed, or without any memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..nets import Net, build_net
from ..nets.base import build_outline
from ..recipe import Recipe, decided


def seeded_net(recipe: Recipe, *, classes: int) -> Net:
    """Return the recipe's network with the random weights of its seed.

    Args:
        recipe: with the size and the channels of the pictures decided.
        classes: that there are.
    """
    with seeded(recipe.training.seed, torch.device("cpu")):
        return build_net(recipe.net.name, **_shape(recipe, classes))


def outline(recipe: Recipe, *, classes: int) -> Net:
    """Return the recipe's network without memory, to see what it is made of; arguments as ``seeded_net``."""
    return build_outline(recipe.net.name, **_shape(recipe, classes))


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Span code whose torch randomness, dropout's, comes from a seed; the world's random state is restored.

    Of the GPUs that of the device alone is seeded: ``torch.manual_seed`` would seed them all.
    """
    kind = device.type
    with torch.random.fork_rng(devices=[device] if kind == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if kind == "cpu":
            yield
            return
        if kind == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
            yield
            return
        before = torch.mps.get_rng_state()
        torch.mps.manual_seed(seed)
        try:
            yield
        finally:
            torch.mps.set_rng_state(before)


def _shape(recipe: Recipe, classes: int) -> dict[str, Any]:
    return {
        "outputs": 1 if recipe.net.sigmoid else classes,
        "channels": decided(recipe.data.channels, "data.channels"),
        "image_size": decided(recipe.data.image_size, "data.image_size"),
        "options": recipe.net.options,
    }
