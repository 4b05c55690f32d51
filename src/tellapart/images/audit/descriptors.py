"""Descriptors: a few numbers a picture that re-encoding, resizing and trimming change little, and other pictures a lot.

They are fitted to the pictures at hand. The change that trimming makes is computed from the pictures' own gradients;
the directions kept are those where pictures differ most against that change (linear discriminant analysis, with
"trimmed copies of one picture" as the classes). In these directions that change has unit variance.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

SIDE = 16
"""Side of the small grey pictures in the facts."""

DIMENSIONS = 24
"""Numbers a picture. With 12, one trimmed glyph in 25 is not among the 5 nearest of 40,000; with 24, one in 200."""

TRIM = 0.03
"""The largest trim of a side that is looked for, as a share of the side."""

NOISE = 2.0
"""Grey levels by which re-encoding may change a pixel of the small picture."""

SAMPLE = 4000
"""Pictures that the directions are fitted on."""

CHUNK = 2048

Floats = NDArray[np.float32]


class Smalls:
    """The small pictures of some rows of facts, read where they lie.

    Args:
        facts: (N,) rows of FACTS; may be memory-mapped.
        rows: (n,) which of them.
    """

    def __init__(self, facts: NDArray[np.void], rows: NDArray[np.int64]) -> None:
        self._facts = facts
        self._pictures = facts["small"]
        self.rows = rows

    def select(self, at: NDArray[np.int64]) -> Smalls:
        """Return some of them, left where they lie."""
        return Smalls(self._facts, self.rows[at])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        out: NDArray[np.uint8] = self._pictures[self.rows[at]]
        return out


class Projected:
    """Pictures in some directions, computed when they are asked for: a picture takes no memory.

    Args:
        small: gives uint8 (n, 16, 16) for positions or a slice.
        directions: (256, D) float32.
    """

    def __init__(self, small: Smalls | NDArray[np.uint8], directions: Floats) -> None:
        self.small = small
        self.directions = directions

    def __len__(self) -> int:
        return len(self.small)

    def select(self, at: NDArray[np.int64]) -> Projected:
        """Return some of them, computed when they are asked for, too."""
        return Projected(self.small.select(at) if isinstance(self.small, Smalls) else self.small[at], self.directions)

    def __getitem__(self, at: NDArray[np.int64] | slice) -> Floats:
        small = self.small[at]
        out = np.empty((len(small), self.directions.shape[1]), dtype=np.float32)
        for start in range(0, len(small), CHUNK):  # as numbers of four bytes some at a time
            some = small[start : start + CHUNK]
            out[start : start + CHUNK] = some.reshape(len(some), -1).astype(np.float32) @ self.directions
        return out


@dataclasses.dataclass(frozen=True)
class Descriptors:
    """What pictures are compared by.

    Attributes:
        vectors: gives (n, D) float32 for positions or a slice; the change by a typical trim has unit variance in
            each direction.
        reach: (N,) float32, how far a copy of this picture may lie: its own gradients say how much a trim changes it.
    """

    vectors: Projected | Floats
    reach: Floats

    def select(self, at: NDArray[np.int64]) -> Descriptors:
        """Return the descriptors of some pictures; computed ones stay to be computed."""
        some = self.vectors.select(at) if isinstance(self.vectors, Projected) else self.vectors[at]
        return Descriptors(some, self.reach[at])


def describe(small: Smalls | NDArray[np.uint8], *, reach: Floats | None = None, seed: int = 0) -> Descriptors:
    """Return the descriptors of small grey pictures.

    Args:
        small: gives (n, 16, 16) uint8 for positions or a slice: an array, or what lies on disk.
        reach: (N,) float32, how far a copy may lie, 0 where the picture's own gradients say it; for all where None.
        seed: of the sample that the directions are fitted on.

    Example:
        >>> small = np.random.default_rng(0).integers(0, 256, (50, 16, 16), dtype=np.uint8)
        >>> describe(small).vectors[:20].shape
        (20, 24)
    """
    rng = np.random.default_rng(seed)
    sample = rng.choice(len(small), min(len(small), SAMPLE), replace=False)
    directions = _directions(small[np.sort(sample)].astype(np.float32), rng)
    reach = np.zeros(len(small), dtype=np.float32) if reach is None else reach.copy()
    for start in range(0, len(small), CHUNK):
        wanted = reach[start : start + CHUNK] == 0
        if wanted.any():
            chunk = small[start : start + CHUNK][wanted].astype(np.float32)
            reach[start + np.flatnonzero(wanted)] = _reach(chunk, directions)
    return Descriptors(Projected(small, directions), reach)


REACH_FACTOR = 3.1
"""Times the change by a trim of TRIM on each side, to first order: strokes a cell wide change more than that."""

REACH_FLOOR = 5.0
REACH_CEILING = 80.0


def moves(pictures: Floats) -> Floats:
    """Return how pictures change when they are shifted or stretched by one pixel, to first order.

    Args:
        pictures: (n, 16, 16) float32.

    Returns:
        (n, 4, 256) float32: shift across, stretch across, shift down, stretch down; a stretch moves the edges by
        one pixel and the centre by none.
    """
    down = np.gradient(pictures, axis=1)
    across = np.gradient(pictures, axis=2)
    ramp = ((np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)).astype(np.float32)
    stacked = np.stack([across, across * ramp, down, down * ramp[:, None]], axis=1)
    out: Floats = stacked.reshape(len(pictures), 4, SIDE * SIDE)
    return out


def _directions(sample: Floats, rng: np.random.Generator) -> Floats:
    from scipy.linalg import eigh

    left, right, top, bottom = rng.uniform(0, TRIM * SIDE, (4, len(sample)))
    steps = np.stack([left - right, -left - right, top - bottom, -top - bottom], axis=1) / 2
    changes = np.einsum("nm,nmp->np", steps.astype(np.float32), moves(sample))
    flat = sample.reshape(len(sample), -1)
    flat = flat - flat.mean(axis=0)
    within = changes.T @ changes / len(changes) + NOISE**2 * np.eye(SIDE * SIDE)
    _, vectors = eigh(flat.T @ flat / len(flat), within, subset_by_index=[SIDE * SIDE - DIMENSIONS, SIDE * SIDE - 1])
    out: Floats = vectors.astype(np.float32)
    return out


def _reach(pictures: Floats, directions: Floats) -> Floats:
    projected = moves(pictures) @ directions
    change = np.sqrt((projected**2).sum(axis=(1, 2)) / 2) * (TRIM * SIDE)
    out: Floats = np.clip(REACH_FACTOR * change, REACH_FLOOR, REACH_CEILING).astype(np.float32)
    return out
