"""What filters make of one picture, as pictures again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .convolution import correlate
from .kernel import Kernel
from .named import get_kernel
from .padding import Border

ZERO_SUM = 0.01
"""Share of the weights' amount up to which their sum counts as zero: the real part of a Gabor filter has 0.002."""


def draw_filters(
    pixels: NDArray[np.uint8], kernels: Iterable[str], *, border: Border = "symmetric"
) -> dict[str, NDArray[np.uint8]]:
    """Return one picture as each kernel makes it, ready to be shown or saved.

    A kernel whose weights add up to zero finds differences: zero becomes mid-grey (128), and the response is scaled
    so that its largest value becomes white or black. All others are clipped to 0 to 255; a kernel whose weights
    add up to more than 1 in amount, as the curve detector's, is divided by that sum first.

    Args:
        pixels: uint8, (H, W) or (H, W, C).
        kernels: names as ``get_kernel`` knows them.
        border: what lies beyond the picture.

    Returns:
        By name, in the given order: uint8 of the picture's shape. Correlation, same size.

    Raises:
        DataError: not one uint8 picture.
        UnknownNameError: no such kernel.

    Example:
        >>> import numpy as np
        >>> picture = np.full((4, 4), 7, dtype=np.uint8)
        >>> drawn = draw_filters(picture, ["identity", "sobel-v"])
        >>> drawn["identity"][0, 0], drawn["sobel-v"][0, 0]
        (np.uint8(7), np.uint8(128))
    """
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise DataError(f"a picture must be uint8 of shape (H, W) or (H, W, C), got {pixels.dtype} of {pixels.shape}")
    chosen = [get_kernel(name) for name in kernels]
    return {kernel.name: _drawn(pixels, kernel, border=border) for kernel in chosen}


def _drawn(pixels: NDArray[np.uint8], kernel: Kernel, *, border: Border) -> NDArray[np.uint8]:
    total, weight = float(kernel.weights.sum()), float(np.abs(kernel.weights).sum())
    if abs(total) > ZERO_SUM * weight:
        response: NDArray[Any] = correlate(pixels, kernel.weights, border=border)
        scaled = response / max(1.0, abs(total)) if abs(total) > 1 + 1e-9 else response
    else:
        response = correlate(pixels, kernel.weights - total / kernel.weights.size, border=border)
        largest = float(np.abs(response).max())
        # A flat picture leaves nothing but rounding: that is not stretched to black and white.
        scaled = 128 + response * (127 / largest if largest > 1e-3 * weight else 0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
