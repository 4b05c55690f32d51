"""Sieve: which proposed pairs are worth a look at their pixels, judged by their 16×16 pictures alone.

Among a million pictures of one kind each has many that look like it; to decode them all would take days. One linear
step of alignment settles most pairs, a few steps more nearly all others. The limits were set on planted copies: their
figures stand in docs/audit.md.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from .alignment import small_residual
from .descriptors import SIDE, moves

SMALL_RESIDUAL = 0.5
"""After one linear step. Copies trimmed by 2% on each side stay below 0.4."""

ALIGNED_FACTOR = 0.55
"""Residual over fineness after the last step: resampling leaves the more, the finer a picture is."""

ALIGNED_RANGE = (0.08, 0.27)
"""What is asked at most and at least, whatever the fineness."""

STEPS = 3
"""Steps of alignment."""

FARTHEST = 1.5
"""Pixels, of 16, that a picture is moved by at most."""

TINY_LEVELS = (3.0, 13)
"""Root mean square and largest difference of the 16×16 versions of tiny pictures that are all but equal."""

CHUNK = 2048
"""Pairs that are judged at once."""

REJECTED = np.float32(np.inf)

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]

_INNER = (slice(None), slice(1, -1), slice(1, -1))
_PLACES = np.arange(SIDE, dtype=np.float32)
_RAMP = ((_PLACES - (SIDE - 1) / 2) / (SIDE / 2)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Sieve:
    """Judges pairs of pictures by what their facts hold.

    Attributes:
        facts: (N,) rows of FACTS, memory-mapped.
        rows: (n,) which of them the pairs count in.
        tiny: (n,) pictures that show too little for anything but all but equal pixels to prove a copy.
    """

    facts: NDArray[np.void]
    rows: Positions
    tiny: NDArray[np.bool_]

    def __call__(self, pairs: Positions) -> Floats:
        """Return (P,) how far the two of each pair are from being copies; infinite where they cannot be.

        Args:
            pairs: (P, 2) positions in ``rows``.
        """
        parts = [self._judged(pairs[start : start + CHUNK]) for start in range(0, len(pairs), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _judged(self, pairs: Positions) -> Floats:
        out = np.full(len(pairs), REJECTED)
        tiny = self.tiny[pairs].all(axis=1)
        first, second = (self.facts["small"][self.rows[pairs[:, side]]] for side in (0, 1))
        out[tiny] = self._tiny(pairs[tiny], first[tiny], second[tiny])
        large = np.flatnonzero(~tiny)
        large = large[small_residual(first[large], second[large]) <= SMALL_RESIDUAL]
        out[large] = judged_by_alignment(first[large], second[large])
        return out

    def _tiny(self, pairs: Positions, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Floats:
        same = np.ones(len(pairs), dtype=bool)
        for side in ("width", "height"):
            same &= self.facts[side][self.rows[pairs[:, 0]]] == self.facts[side][self.rows[pairs[:, 1]]]
        difference = first.astype(np.float32) - second.astype(np.float32)
        rms = np.sqrt((difference**2).mean(axis=(1, 2)))
        same &= (rms <= TINY_LEVELS[0]) & (np.abs(difference).max(axis=(1, 2), initial=0) <= TINY_LEVELS[1])
        return np.where(same, rms, REJECTED).astype(np.float32)


def judged_by_alignment(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Floats:
    """Return (P,) what is left of two 16×16 pictures laid over each other; infinite where that is too much for copies.

    Args:
        first: (P, 16, 16) uint8.
        second: likewise.

    Example:
        >>> a = np.random.default_rng(0).integers(0, 256, (2, 16, 16), dtype=np.uint8)
        >>> judged_by_alignment(a, a).tolist(), judged_by_alignment(a, a[::-1]).tolist()
        ([0.0, 0.0], [inf, inf])
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    left = aligned_residual(a, b)
    limit = np.clip(ALIGNED_FACTOR * np.sqrt(_fineness(a) * _fineness(b)), *ALIGNED_RANGE)
    return np.where(left <= limit, left, REJECTED).astype(np.float32)


def aligned_residual(first: Floats, second: Floats) -> Floats:
    """Return (P,) the root mean square difference over the contrast after a few steps of shift and stretch.

    Both are moved by half the way, so that resampling blurs them alike; the outermost pixels do not count, as a
    trimmed copy has lost them.

    Source: B. D. Lucas, T. Kanade, "An iterative image registration technique", 1981.
    """
    count, inner = len(first), (SIDE - 2) ** 2
    way = np.zeros((count, 4), dtype=np.float32)
    a, b, half = first, second, np.float32(0.5)
    for _ in range(STEPS):
        basis = moves((a + b) * half).reshape(count * 4, SIDE, SIDE)[_INNER].reshape(count, 4, inner)
        basis = basis - basis.mean(axis=2, keepdims=True)
        normal = basis @ basis.transpose(0, 2, 1) + np.eye(4, dtype=np.float32) * SIDE**2 / 4
        way = way - np.linalg.solve(normal, basis @ _difference(a, b)[..., None])[..., 0]
        way = np.clip(way, -FARTHEST, FARTHEST)
        a, b = _moved(first, way * half), _moved(second, -way * half)
    contrast = np.maximum((a.std(axis=(1, 2)) + b.std(axis=(1, 2))) / 2, 1.0)
    out: Floats = np.sqrt((_difference(a, b) ** 2).mean(axis=1)) / contrast
    return out


def _difference(a: Floats, b: Floats) -> Floats:
    inner = (a - b)[_INNER].reshape(len(a), (SIDE - 2) ** 2)
    out: Floats = inner - inner.mean(axis=1, keepdims=True)
    return out


def _moved(pictures: Floats, way: Floats) -> Floats:
    """Return pictures shifted and stretched, (P, 4) as ``moves`` counts, by linear interpolation, edges repeated."""
    edge = np.float32(SIDE - 1)
    across = np.clip(_PLACES + way[:, 0:1] + way[:, 1:2] * _RAMP, 0, edge)
    down = np.clip(_PLACES + way[:, 2:3] + way[:, 3:4] * _RAMP, 0, edge)
    out: Floats = np.matmul(np.matmul(_weights(down), pictures), _weights(across).transpose(0, 2, 1))
    return out


def _weights(places: Floats) -> Floats:
    """Return (P, 16, 16): row i takes the picture at ``places[i]`` from the two pixels beside it."""
    out: Floats = np.maximum(np.float32(0), 1 - np.abs(places[:, :, None] - _PLACES))
    return out


def _fineness(pictures: Floats) -> Floats:
    """Return (P,) the standard deviation of what a 3×3 binomial blur takes away, over that of the picture."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    lost = pictures - (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16
    out: Floats = (lost.std(axis=(1, 2)) / np.maximum(pictures.std(axis=(1, 2)), 1.0)).astype(np.float32)
    return out
