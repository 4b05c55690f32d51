"""How wide the default network is, by what a default training of it costs."""

from __future__ import annotations

import numpy as np

from ..recipe import PRETRAINED, Recipe, decided
from ..training.initial import outline
from .choice import Choice

WIDTHS = (8, 16, 24, 32)
"""Of the default network's first convolution."""

AFFORDED = 8e13
"""Floating-point operations of a default training: some five minutes of two cores."""


def choose_width(recipe: Recipe, *, pictures: int, classes: int) -> tuple[Recipe, list[Choice]]:
    """Decide how wide the default network is: as wide as some minutes of two CPU cores allow, or many classes ask."""
    if recipe.net.name != "compact" or "width" in recipe.net.options:
        return recipe, []
    height, width = decided(recipe.data.image_size, "data.image_size")
    stride = 2 if min(height, width) > 48 else 1
    places, channels = height * width / stride**2, decided(recipe.data.channels, "data.channels")
    an_epoch = pictures_an_epoch(recipe, pictures)
    seen = an_epoch * (recipe.training.epochs or usual_epochs(an_epoch))
    widths = [w for w in WIDTHS if w <= (16 if pictures < 10_000 else 32)]
    # Each of a compact network's stages costs 36 places × width² multiply-adds; training takes 6 operations for each.
    affordable = [w for w in widths if seen * 6 * 9 * places * w * (channels + 12 * w) <= AFFORDED]
    chosen = max(affordable, default=min(widths))
    reason = f"as wide as a few minutes allow for {pictures:,} pictures"
    if chosen == max(widths):
        reason = f"enough for {pictures:,} pictures"
    elif not affordable:
        reason = f"the narrowest there is, as {pictures:,} pictures take longer than a few minutes"
    if (needed := _narrowest(recipe, classes)) > chosen:
        chosen, reason = needed, f"{classes:,} classes ask for as many features before the last layer"
    recipe = recipe.changed(net={"options": {**recipe.net.options, "width": chosen}})
    return recipe, [Choice("net.options.width", chosen, reason)]


def _narrowest(recipe: Recipe, classes: int) -> int:
    """Return the least width whose last layer sees as many features as there are classes; the largest where none does.

    With fewer, the logits of all pictures lie in a space of so few dimensions (Z. Yang et al., "Breaking the Softmax
    Bottleneck", 2018).
    """
    for width in WIDTHS:
        twin = outline(recipe.changed(net={"options": {**recipe.net.options, "width": width}}), classes=classes)
        if int(twin.get_parameter("head.weight").shape[1]) >= classes:
            return width
    return WIDTHS[-1]


def usual_batch_size(recipe: Recipe, pictures: int) -> int:
    """Return the pictures of a step, by the way of training and how many train."""
    return 32 if recipe.training.transfer in PRETRAINED else 64 if pictures < 50_000 else 128


def pictures_an_epoch(recipe: Recipe, pictures: int) -> int:
    """Return how many pictures an epoch sees: all that train, or those of the steps that the recipe asks for."""
    training = recipe.training
    if training.steps_per_epoch is None:
        return pictures
    steps = training.steps_per_epoch
    mean = sum(steps) // len(steps) if isinstance(steps, tuple) else steps
    return mean * min(pictures, training.batch_size or usual_batch_size(recipe, pictures))


def usual_epochs(pictures: int) -> int:
    """Return epochs for about 400,000 pictures seen in all, between 8 and 60."""
    return int(np.clip(round(400_000 / max(1, pictures)), 8, 60))
