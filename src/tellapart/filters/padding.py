"""Padding: what lies beyond the border of a picture."""

from __future__ import annotations

import operator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, RecipeError

Border = Literal["zero", "reflect", "symmetric", "nearest"]
"""How a border is filled. Of ``a b c`` two pixels to the left: zero ``0 0``, reflect ``c b``, symmetric ``b a``,
nearest ``a a``. SciPy's ndimage calls these constant, mirror, reflect and nearest."""

Padding = Literal["valid", "same"] | int
"""How much border: none, as much as keeps the size at stride 1, or a number of pixels on each side."""

Widths = tuple[tuple[int, int], tuple[int, int]]
"""((above, below), (left, right)) in pixels."""

_NUMPY_MODE: dict[str, Any] = {"zero": "constant", "reflect": "reflect", "symmetric": "symmetric", "nearest": "edge"}


def padding_widths(padding: Padding, *, window: tuple[int, int]) -> Widths:
    """Return the border that ``padding`` means for a window of this size.

    With "same" and an even window the odd pixel goes below and to the right, as in PyTorch and Keras.

    Args:
        padding: "valid", "same" or pixels on each side.
        window: (height, width) of the kernel, in pixels.

    Raises:
        RecipeError: any other padding.

    Example:
        >>> padding_widths("same", window=(3, 4))
        ((1, 1), (1, 2))
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        height, width = window
        return ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2)
    if isinstance(padding, int | np.integer) and not isinstance(padding, bool) and padding >= 0:
        return (int(padding),) * 2, (int(padding),) * 2
    raise RecipeError(f"padding must be 'valid', 'same' or a number of pixels from 0, got {padding!r}")


def pad(pictures: NDArray[Any], widths: Widths, *, border: Border = "zero") -> NDArray[Any]:
    """Return pictures with a border around them.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), any dtype.
        widths: ((above, below), (left, right)) in pixels.
        border: what the border is filled with.

    Returns:
        The same dtype and number of axes.

    Raises:
        RecipeError: an unknown border.
        DataError: not the shape of pictures, or without a pixel.

    Example:
        >>> import numpy as np
        >>> pad(np.array([[1, 2, 3]]), ((0, 0), (2, 2)), border="reflect")
        array([[3, 2, 1, 2, 3, 2, 1]])
    """
    if border not in get_args(Border):
        raise RecipeError(f"border must be one of {', '.join(get_args(Border))}, got {border!r}")
    check_pictures(pictures)
    if not any(map(any, widths)):
        return pictures
    return np.pad(pictures, spatial(pictures.ndim, widths), mode=_NUMPY_MODE[border])


def spatial(ndim: int, widths: Widths) -> list[tuple[int, int]]:
    """Return ``widths`` for each axis of pictures with ``ndim`` axes: zero for the batch and the channels."""
    before, after = ([], []) if ndim == 2 else ([], [(0, 0)]) if ndim == 3 else ([(0, 0)], [(0, 0)])
    return [*before, *widths, *after]


def check_pictures(pictures: NDArray[Any]) -> None:
    """Raise DataError unless ``pictures`` are (H, W), (H, W, C) or (N, H, W, C) with at least one pixel."""
    if pictures.ndim not in (2, 3, 4) or 0 in pictures.shape[1 if pictures.ndim == 4 else 0 :]:
        raise DataError(
            "pictures must be of shape (H, W), (H, W, C) or (N, H, W, C) with at least one pixel, "
            f"got {pictures.shape}: add or drop axes"
        )


def picture_size(pictures: NDArray[Any]) -> tuple[int, int]:
    """Return (height, width) of (H, W), (H, W, C) or (N, H, W, C)."""
    shape = pictures.shape
    return (int(shape[1]), int(shape[2])) if pictures.ndim == 4 else (int(shape[0]), int(shape[1]))


def pair(value: int | tuple[int, int], *, name: str) -> tuple[int, int]:
    """Return (vertical, horizontal) of one number or two, each at least 1; raises RecipeError otherwise."""
    two = value if isinstance(value, tuple) else (value, value)
    try:
        down, across = (operator.index(v) for v in two)
    except (TypeError, ValueError):
        down = across = 0
    if min(down, across) < 1:
        raise RecipeError(f"{name} must be a whole number from 1, or two of them (down, across), got {value!r}")
    return down, across


def working(values: Any) -> NDArray[Any]:
    """Return values in the floating type that filters compute in.

    float64 for float64 and whole numbers of 32 bits and more, float32 otherwise.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise DataError(f"pictures and kernels must be real numbers, got {array.dtype}")
    return array.astype(np.result_type(array.dtype, np.float32), copy=False)
