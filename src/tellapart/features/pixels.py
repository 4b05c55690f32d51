"""Pixels as features: raw, and pooled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..filters import average_pool
from .base import feature, whole_number


@feature("pixels", summary="every pixel of every channel, 0 to 1")
def raw_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return every pixel, row by row.

    Args:
        pixels: uint8, (N, H, W, C).

    Returns:
        float32, (N, H · W · C), 0 to 1.

    Example:
        >>> raw_pixels(np.full((2, 3, 4, 1), 255, dtype=np.uint8)).shape
        (2, 12)
    """
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)


@feature("pooled-pixels", summary="the picture averaged down to a few pixels, 0 to 1")
def pooled_pixels(pixels: NDArray[np.uint8], *, size: int = 8) -> NDArray[np.float32]:
    """Return the means of square windows, chosen such that about ``size`` of them fit along the shorter side.

    Args:
        pixels: uint8, (N, H, W, C).
        size: how many windows along the shorter side, 1 to 256; a smaller picture stays as it is.

    Returns:
        float32, (N, rows · columns · C), 0 to 1; pixels beyond the last whole window are not looked at.

    Raises:
        RecipeError: size out of range.

    Example:
        >>> pooled_pixels(np.zeros((2, 28, 28, 1), dtype=np.uint8), size=7).shape
        (2, 49)
    """
    shorter = min(pixels.shape[1:3])
    window = max(1, round(shorter / whole_number(size, name="size", low=1, high=256)))
    means: NDArray[np.float32] = average_pool(pixels, window).reshape(len(pixels), -1)
    return means / np.float32(255)
