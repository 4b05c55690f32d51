"""Maximum and average pooling with any window, stride and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, RecipeError
from .padding import Padding, check_pictures, padding_widths, pair, picture_size, spatial, working


def max_pool(
    pictures: ArrayLike,
    window: int | tuple[int, int] = 2,
    *,
    stride: int | tuple[int, int] | None = None,
    padding: Padding = "valid",
) -> NDArray[Any]:
    """Return the largest value of each window.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real.
        window: one number or (height, width), in pixels.
        stride: one number or (down, across); None: the window's size, so that no pixel is used twice.
        padding: "valid", "same" or pixels on each side; a border never wins, and is at most half a window.

    Returns:
        The dtype of ``pictures``; what is left over at the right and below is dropped.

    Raises:
        DataError: the window is larger than the pictures with their border, or these are not real.
        RecipeError: window, stride or padding out of range.

    Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998; D. Scherer et al., 2010.

    Example:
        >>> max_pool([[3, 2, -3, 2], [1, 6, 20, 5], [4, -13, 2, 6], [-2, 3, 9, 3]])
        array([[ 6, 20], [ 4,  9]])
    """
    array = np.asarray(pictures)
    check_pictures(array)
    working(array[:0])
    if array.dtype.kind == "b":
        lowest: Any = False
    else:
        lowest = -np.inf if array.dtype.kind == "f" else np.iinfo(array.dtype).min
    parts = _windows(array, window, stride, padding, fill=lowest)
    out: NDArray[Any] = next(parts).copy()
    for part in parts:
        np.maximum(out, part, out=out)
    return out


def average_pool(
    pictures: ArrayLike,
    window: int | tuple[int, int] = 2,
    *,
    stride: int | tuple[int, int] | None = None,
    padding: Padding = "valid",
    count_border: bool = False,
) -> NDArray[Any]:
    """Return the mean of each window.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real.
        window: one number or (height, width), in pixels.
        stride: one number or (down, across); None: the window's size.
        padding: "valid", "same" or pixels on each side, at most half a window.
        count_border: whether the border counts as zeros; otherwise the mean is of the picture's own pixels.

    Returns:
        float64 for float64 and whole numbers of 32 bits and more, float32 otherwise.

    Raises:
        DataError: the window is larger than the pictures with their border, or these are not real.
        RecipeError: window, stride or padding out of range.

    Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998.

    Example:
        >>> average_pool([[3, 2, -3, 2], [1, 6, 20, 5], [4, -13, 2, 6], [-2, 3, 9, 3]]).astype(int)
        array([[ 3,  6], [-2,  5]])
    """
    array = working(pictures)
    total = _sum(_windows(array, window, stride, padding, fill=0))
    if count_border or padding in ("valid", 0):
        height, width = pair(window, name="window")
        return (total / (height * width)).astype(array.dtype)
    ones = np.ones(picture_size(array), dtype=array.dtype)
    count = _sum(_windows(ones, window, stride, padding, fill=0))
    return (total / (count if array.ndim == 2 else count[..., None])).astype(array.dtype)


def _sum(parts: Any) -> NDArray[np.float64]:
    """Return the sum of the parts; float32 would lose whole numbers above 2^24."""
    out: NDArray[np.float64] = next(parts).astype(np.float64)
    for part in parts:
        out += part
    return out


def _windows(
    array: NDArray[Any],
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None,
    padding: Padding,
    *,
    fill: Any,
) -> Any:
    """Return, for each position in the window, the values that all windows have there."""
    check_pictures(array)
    height, width = pair(window, name="window")
    down, across = (height, width) if stride is None else pair(stride, name="stride")
    widths = padding_widths(padding, window=(height, width))
    if max(widths[0]) > height // 2 or max(widths[1]) > width // 2:
        raise RecipeError(
            f"padding must be at most half the window {height}x{width}, got {padding}: a window needs a pixel"
        )
    if any(map(any, widths)):
        array = np.pad(array, spatial(array.ndim, widths), constant_values=fill)
    size = picture_size(array)
    if height > size[0] or width > size[1]:
        raise DataError(
            f"the window must not be larger than the picture with its border, {size[0]}x{size[1]}, got {height}x{width}"
        )
    before = (slice(None),) if array.ndim == 4 else ()
    rows, columns = size[0] - height + 1, size[1] - width + 1
    return (
        array[(*before, slice(i, i + rows, down), slice(j, j + columns, across))]
        for i in range(height)
        for j in range(width)
    )
