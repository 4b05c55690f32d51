"""Two detectors that can be worked by hand: a curve, and the colour yellow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .convolution import correlate
from .kernel import add_kernel

CURVE_DETECTOR: NDArray[np.float64] = np.zeros((7, 7))
"""7×7: 30 along a curve that comes down from the upper right, 0 elsewhere."""
for _row, _column in ((0, 5), (1, 4), (2, 3), (3, 3), (4, 3), (5, 3)):
    CURVE_DETECTOR[_row, _column] = 30
CURVE_DETECTOR.flags.writeable = False

YELLOW_DETECTOR: NDArray[np.float64] = np.array([[[1.0, 1.0, -1.0]]])
"""1×1 over red, green and blue: yellow is red and green without blue."""
YELLOW_DETECTOR.flags.writeable = False

add_kernel(
    "curve",
    CURVE_DETECTOR,
    summary="a curve that comes down from the upper right",
    source="A. Deshpande, A Beginner's Guide To Understanding Convolutional Neural Networks, 2016",
)


def yellowness(pictures: ArrayLike) -> NDArray[Any]:
    """Return how yellow each pixel is: red + green − blue.

    Args:
        pictures: (H, W, 3) or (N, H, W, 3), red, green, blue.

    Returns:
        float32 (float64 for float64 and whole numbers of 32 bits and more), (H, W) or (N, H, W): for uint8 −255 to
        510, the greater the yellower.

    Raises:
        DataError: not three channels.

    Example:
        >>> yellowness([[[255.0, 255, 0], [255, 255, 255], [0, 0, 255]]]).tolist()
        [[510.0, 255.0, -255.0]]
    """
    array = np.asarray(pictures)
    if array.ndim not in (3, 4) or array.shape[-1] != 3:
        raise DataError(f"pictures must have three channels, (H, W, 3) or (N, H, W, 3), got {array.shape}")
    return correlate(array, YELLOW_DETECTOR, padding="valid")
