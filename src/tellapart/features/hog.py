"""Histograms of oriented gradients, for a whole batch at once.

The figures are scikit-image's (``skimage.feature.hog`` with L2-Hys), without its loop over pictures and blocks:
gradients of uint8 pixels are whole numbers from −255 to 255, so a table gives magnitude and orientation of each pair.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .base import feature, whole_number

_EPSILON = 1e-5
_CLIP = 0.2


@feature("hog", summary="directions of edges in cells, normalised in blocks")
def hog(
    pixels: NDArray[np.uint8], *, cell: int | None = None, orientations: int = 9, block: int = 2
) -> NDArray[np.float32]:
    """Return histograms of oriented gradients.

    Args:
        pixels: uint8, (N, H, W, C); of several channels the one with the largest gradient counts, pixel by pixel.
        cell: side of a cell in pixels; None: a seventh of the shorter side, 2 to 16.
        orientations: bins over 180°, 2 to 36.
        block: cells along the side of a block; fewer where the picture has fewer.

    Returns:
        float32, (N, blocks · block² · orientations), 0 to 1.

    Raises:
        DataError: the pictures are smaller than a cell.
        RecipeError: an option out of range.

    Source: N. Dalal and B. Triggs, "Histograms of oriented gradients for human detection", 2005.

    Example:
        >>> hog(np.zeros((2, 28, 28, 1), dtype=np.uint8)).shape
        (2, 1296)
    """
    shorter = min(pixels.shape[1:3])
    cell = min(max(shorter // 7, 2), 16) if cell is None else whole_number(cell, name="cell", low=1, high=512)
    whole_number(orientations, name="orientations", low=2, high=36)
    whole_number(block, name="block", low=1, high=16)
    if shorter < cell:
        raise DataError(f"pictures must be at least {cell}x{cell} for HOG cells of {cell}, got {pixels.shape[1:3]}")
    cells = _cell_histograms(pixels, cell, orientations)
    sides = [min(block, cells.shape[axis]) for axis in (1, 2)]
    blocks = np.lib.stride_tricks.sliding_window_view(cells, sides, axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    return _normalised(blocks.reshape(*blocks.shape[:3], -1)).reshape(len(pixels), -1)


def _cell_histograms(pixels: NDArray[np.uint8], cell: int, orientations: int) -> NDArray[np.float64]:
    count, height, width, _ = pixels.shape
    rows, columns = height // cell, width // cell
    magnitudes, bins = _tables(orientations)
    pairs = _gradient_pairs(pixels)[:, : rows * cell, : columns * cell]
    if pixels.shape[3] == 1:
        chosen = pairs[..., 0]
    else:
        strongest = magnitudes[pairs].argmax(axis=3)
        chosen = np.take_along_axis(pairs, strongest[..., None], axis=3)[..., 0]
    cell_of = (np.arange(rows * cell) // cell)[:, None] * columns + np.arange(columns * cell) // cell
    slots = (cell_of + (rows * columns) * np.arange(count)[:, None, None]) * orientations
    slots += bins[chosen]
    total = np.bincount(slots.ravel(), magnitudes[chosen].ravel(), minlength=count * rows * columns * orientations)
    return total.reshape(count, rows, columns, orientations) / (cell * cell)


def _gradient_pairs(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return (N, H, W, C) positions in the tables: (down + 255) · 511 + across + 255; the border has no gradient."""
    signed = pixels.astype(np.int32)
    pairs = np.full(pixels.shape, 255 * 511 + 255, dtype=np.int32)
    pairs[:, 1:-1] += 511 * (signed[:, 2:] - signed[:, :-2])
    pairs[:, :, 1:-1] += signed[:, :, 2:] - signed[:, :, :-2]
    return pairs


@functools.lru_cache(maxsize=4)
def _tables(orientations: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    steps = np.arange(-255.0, 256)
    down, across = steps[:, None], steps[None, :]
    angles = np.rad2deg(np.arctan2(down, across)) % 180
    edges = 180.0 / orientations * np.arange(1, orientations)
    return np.hypot(across, down).ravel(), np.searchsorted(edges, angles.ravel(), side="right").astype(np.uint8)


def _normalised(blocks: NDArray[np.float64]) -> NDArray[np.float32]:
    """L2-Hys along the last axis: to length 1, clipped at 0.2, to length 1 again."""
    for clip in (True, False):
        blocks = blocks / np.sqrt(np.einsum("...d,...d->...", blocks, blocks) + _EPSILON**2)[..., None]
        if clip:
            np.minimum(blocks, _CLIP, out=blocks)
    return blocks.astype(np.float32)
