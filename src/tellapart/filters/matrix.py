"""Convolution as a matrix: the doubly blocked Toeplitz matrix, with any border and stride."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .convolution import turned
from .padding import Border, Padding, pad, padding_widths, pair


def correlation_matrix(
    kernel: ArrayLike,
    *,
    picture_size: tuple[int, int],
    padding: Padding = "valid",
    border: Border = "zero",
    stride: int | tuple[int, int] = 1,
) -> NDArray[np.float64]:
    """Return the matrix that correlates a picture, read row by row, with a kernel.

    Without padding and at stride 1 it is doubly blocked Toeplitz: constant along the diagonals of each block, and
    the blocks constant along the diagonals of the whole.

    Args:
        kernel: (h, w), real.
        picture_size: (height, width) of the picture, in pixels.
        padding: "valid", "same" or pixels on each side.
        border: what the padding is filled with; all four are linear, so all four have a matrix.
        stride: one number or (down, across).

    Returns:
        float64, (outputs, height · width).

    Raises:
        DataError: the kernel is not (h, w) or is larger than the picture with its border.

    Source: R. Gonzalez and R. Woods, "Digital Image Processing"; A. Jain, "Fundamentals of Digital Image
    Processing", section 2.

    Example:
        >>> matrix = correlation_matrix([[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]], picture_size=(4, 4))
        >>> matrix.shape
        (4, 16)
        >>> matrix[0].astype(int).tolist()
        [-1, -2, -3, 0, -4, -5, -6, 0, -7, -8, -9, 0, 0, 0, 0, 0]
    """
    weights = np.asarray(kernel, dtype=np.float64)
    if weights.ndim != 2 or 0 in weights.shape:
        raise DataError(f"the kernel of a matrix must be of shape (h, w), got {weights.shape}")
    height, width = pair(picture_size, name="picture_size")
    down, across = pair(stride, name="stride")
    # Numbering the pixels from 1 and padding the numbers says which pixel stands where; 0 is no pixel.
    numbers = np.arange(1, height * width + 1).reshape(height, width)
    numbers = pad(numbers, padding_widths(padding, window=(weights.shape[0], weights.shape[1])), border=border)
    if weights.shape[0] > numbers.shape[0] or weights.shape[1] > numbers.shape[1]:
        raise DataError(
            f"the kernel {weights.shape} must not be larger than the picture with its border, {numbers.shape}"
        )
    windows = np.lib.stride_tricks.sliding_window_view(numbers, weights.shape)[::down, ::across]
    columns = windows.reshape(-1, weights.size)
    matrix = np.zeros((len(columns), height * width + 1))
    np.add.at(matrix, (np.arange(len(columns))[:, None], columns), weights.ravel())
    return matrix[:, 1:]


def convolution_matrix(
    kernel: ArrayLike,
    *,
    picture_size: tuple[int, int],
    padding: Padding = "valid",
    border: Border = "zero",
    stride: int | tuple[int, int] = 1,
) -> NDArray[np.float64]:
    """Return the matrix that convolves a picture, read row by row, with a kernel.

    Args:
        kernel: (h, w), real; it is turned by 180°.
        picture_size: (height, width) of the picture, in pixels.
        padding: as for ``correlation_matrix``.
        border: as for ``correlation_matrix``.
        stride: as for ``correlation_matrix``.

    Returns:
        float64, (outputs, height · width).

    Raises:
        DataError: the kernel is not (h, w) or is larger than the picture with its border.

    Example:
        >>> convolution_matrix([[1, 2]], picture_size=(1, 4)).astype(int)
        array([[2, 1, 0, 0], [0, 2, 1, 0], [0, 0, 2, 1]])
    """
    flipped: NDArray[Any] = turned(np.asarray(kernel)) if np.ndim(kernel) == 2 else np.asarray(kernel)
    return correlation_matrix(flipped, picture_size=picture_size, padding=padding, border=border, stride=stride)
