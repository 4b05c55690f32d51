"""Colour histograms: how much of each level there is, wherever it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..registry import flag
from .base import feature, whole_number


@feature("colour-histogram", summary="share of pixels at each level of each channel")
def colour_histogram(pixels: NDArray[np.uint8], *, bins: int = 20, joint: bool = False) -> NDArray[np.float32]:
    """Return the histogram of each channel, or of all channels together.

    Args:
        pixels: uint8, (N, H, W, C).
        bins: equal steps from 0 to 255, 2 to 256 (2 to 32 where joint).
        joint: one histogram of the colours, ``bins`` to the number of channels, instead of one a channel.

    Returns:
        float32, (N, C · bins) or (N, bins ** C): shares of the picture's pixels, which add up to 1 a histogram.

    Raises:
        RecipeError: bins out of range.

    Source: M. Swain and D. Ballard, "Color indexing", 1991.

    Example:
        >>> picture = np.array([0, 64, 128, 255], dtype=np.uint8).reshape(1, 2, 2, 1)
        >>> colour_histogram(picture, bins=2).tolist()
        [[0.5, 0.5]]
    """
    whole_number(bins, name="bins", low=2, high=32 if flag(joint, name="joint") else 256)
    count, height, width, channels = pixels.shape
    table = (np.arange(256) * bins // 256).astype(np.int64)
    levels = table[pixels.reshape(count, height * width, channels)]
    if joint:
        slots = levels @ (bins ** np.arange(channels)[::-1])
        size = bins**channels
    else:
        slots = (levels + bins * np.arange(channels)).reshape(count, -1)
        size = bins * channels
    slots += size * np.arange(count)[:, None]
    found = np.bincount(slots.ravel(), minlength=size * count).reshape(count, size)
    shares: NDArray[np.float32] = (found / (height * width)).astype(np.float32)
    return shares
