"""Size, channels and resizing, from a sample of the pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.facts import grey_share
from ..nets import nets
from ..recipe import PRETRAINED, SIDES, Recipe, decided
from .choice import Choice

SHOWN_CUT = 0.01
"""The share of a picture from which on it is said that it is cut off."""


def choose_data(recipe: Recipe, facts: NDArray[np.void], *, kind: str) -> tuple[Recipe, list[Choice]]:
    """Decide size, channels and resizing from a sample of the pictures.

    Args:
        recipe: with net.name and training.transfer set.
        facts: rows of FACTS of readable pictures.
        kind: "photographs", "writing" or "mixed".

    Returns:
        the recipe with no data setting open, and the decisions.
    """
    data, choices = recipe.data, []
    changes: dict[str, Any] = {}
    pretrained = recipe.training.transfer in PRETRAINED
    if data.channels is None:
        grey = grey_share(facts)
        changes["channels"] = 1 if grey > 0.99 and not pretrained else 3
        kept = f"{grey:.0%} of the pictures looked at are grey"
        shown = kept if changes["channels"] == 1 else f"{1 - grey:.0%} of the pictures looked at are in colour"
        reason = "the network was trained on colour" if pretrained else shown
        choices.append(Choice("data.channels", changes["channels"], reason))
    if data.image_size is None:
        size, reason = _size(facts, kind, recipe.net.name, pretrained=pretrained)
        changes["image_size"] = size
        choices.append(Choice("data.image_size", size, reason))
    if data.resize is None:
        changes["resize"] = "crop" if kind == "photographs" else "stretch"
        unseen = _cut_off(facts, changes.get("image_size") or decided(data.image_size, "data.image_size"))
        if kind == "photographs" and unseen >= SHOWN_CUT:
            reason = f"keeps shapes, and cuts {unseen:.0%} of a picture off at its edges: --resize pad keeps it all"
            choices.append(Choice("data.resize", "crop", reason))
        elif kind != "photographs" and len(np.unique(facts[["width", "height"]])) > 1:
            choices.append(Choice("data.resize", "stretch", "keeps every stroke"))
    if data.resample is None:
        published = nets.get(recipe.net.name).published if pretrained else None
        changes["resample"] = published.resample if published else "bilinear"
        if published:
            choices.append(Choice("data.resample", changes["resample"], "the network was trained with it"))
    return recipe.changed(data=changes), choices


def _cut_off(facts: NDArray[np.void], size: tuple[int, int]) -> float:
    """Return the share of its area that the median picture loses where it is cut to the shape of a size."""
    shape = facts["width"] / facts["height"] / (size[1] / size[0])
    return float(1 - np.median(np.minimum(shape, 1 / shape)))


def _size(facts: NDArray[np.void], kind: str, net: str, *, pretrained: bool) -> tuple[tuple[int, int], str]:
    if pretrained:
        height, width, _ = nets.get(net).made_for
        return (height, width), "what the network was trained on"
    least = tuple(max(side, SIDES[0]) for side in nets.get(net).min_size)
    height, width = int(np.median(facts["height"])), int(np.median(facts["width"]))
    if len(np.unique(facts[["width", "height"]])) == 1 and max(height, width) <= 96:
        if height >= least[0] and width >= least[1]:
            return (height, width), "all pictures looked at have it"
        return (max(height, least[0]), max(width, least[1])), f"the least that {net} takes"
    side = 64 if kind == "writing" else 128
    scale = side / (height * width) ** 0.5
    near = (min(SIDES[1], 8 * round(length * scale / 8)) for length in (height, width))
    fitted = [max(low, side, 8) for low, side in zip(least, near, strict=True)]
    if kind != "writing":
        fitted = [max(side, low) for low in least]
    return (fitted[0], fitted[1]), f"enough for {kind}, and quick"
