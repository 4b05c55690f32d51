"""Kind: whether the pictures are photographs or writing; what augmentation may be proposed depends on it."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..facts import SMALL

SAMPLE = 20_000
"""Pictures that are looked at."""

MOST = 0.8
"""Share of the pictures that must agree; below it they are mixed."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A guess, and why.

    Attributes:
        name: ``"photographs"``, ``"writing"`` (glyphs and drawings) or ``"mixed"``.
        reason: one sentence with the figures behind it.
    """

    name: Literal["photographs", "writing", "mixed"]
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def guess_kind(facts: NDArray[np.void]) -> Kind:
    """Return what the pictures seem to be, from their facts.

    A picture counts as writing where it is grey, its border is one plain tone near black or white, and no solid area
    of a third of its side stands on that; as a photograph where its border is not plain and it has many grey values
    or colour. Grey products on a plain ground are neither, so that flips are proposed by nobody but a person.

    Args:
        facts: (N,) rows of FACTS.

    Example:
        >>> from tellapart.images.facts import FACTS
        >>> guess_kind(np.zeros(0, dtype=FACTS)).name
        'mixed'
    """
    readable = np.flatnonzero(facts["readable"])
    if not len(readable):
        return Kind("mixed", "no picture can be read")
    seen = facts[readable[:: max(1, len(readable) // SAMPLE)]]
    plain, ground = _border(seen["small"])
    solid = _solid(seen["small"], ground)
    grey = seen["colour"] < 6
    edge_ground = (plain >= 0.55) & (np.minimum(ground, 255 - ground) <= 16)
    writing = float(np.mean(grey & edge_ground & (solid < 0.45) & (seen["entropy"] < 3.8)))
    thick = float(np.mean(solid))
    photographs = float(np.mean(~(edge_ground & grey) & (seen["entropy"] > 2.5)))
    entropy = float(np.median(seen["entropy"]))
    figures = f"median entropy {entropy:.1f} of 5 bits, {np.mean(~grey):.0%} in colour"
    if writing >= MOST and thick < 0.18:
        return Kind("writing", f"{writing:.0%} are grey strokes on a plain black or white ground ({figures})")
    if photographs >= MOST:
        return Kind("photographs", f"{photographs:.0%} fill their frame with many tones ({figures})")
    if thick >= 0.18 and float(np.mean(grey & edge_ground)) >= MOST:
        return Kind("mixed", f"grey, solid objects on a plain ground: neither photographs nor writing ({figures})")
    return Kind("mixed", f"{photographs:.0%} look like photographs and {writing:.0%} like writing ({figures})")


def _border(small: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of border pixels close to the border's median tone, and that tone."""
    ring = np.concatenate([small[:, 0], small[:, -1], small[:, 1:-1, 0], small[:, 1:-1, -1]], axis=1)
    ground = np.median(ring, axis=1)
    close = np.abs(ring - ground[:, None].astype(np.float32)) < 24
    return close.mean(axis=1), ground


def _solid(small: NDArray[np.uint8], ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of what stands on the ground is the centre of a solid 5×5 area, of 16×16."""
    ground = ground[:, None, None]
    thing = (small > ground + 48) | (small < ground - 48)
    inner = SMALL - 4
    rows, solid = thing[:, :inner].copy(), np.ones((len(thing), inner, inner), dtype=bool)
    for start in range(1, 5):
        rows &= thing[:, start : inner + start]
    for start in range(5):
        solid &= rows[:, :, start : inner + start]
    centres = solid.sum(axis=(1, 2))
    share: NDArray[np.float64] = centres / np.maximum(thing.sum(axis=(1, 2)), 1)
    return share
