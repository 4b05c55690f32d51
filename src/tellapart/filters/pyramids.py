"""Gaussian and Laplacian pyramids: a picture at halved sizes, and what each halving loses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, RecipeError
from .convolution import correlate
from .padding import check_pictures, picture_size

# Burt's generating kernel with a = 0.375. Its weights are sixteenths, so a level has 8 binary digits more than the
# one before; rounded to 2⁻²⁴ every level and every difference of whole numbers below 2¹⁶ is a float64 without error.
_COLUMN = np.array([[1.0], [4.0], [6.0], [4.0], [1.0]]) / 16
_QUANTUM = 2.0**24


def gaussian_pyramid(pictures: ArrayLike, *, levels: int | None = None) -> list[NDArray[np.float64]]:
    """Return pictures at full size, half, a quarter, ..., each blurred before every other pixel is dropped.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real, any size.
        levels: how many pictures, the first one included; None goes down to one pixel on the shorter side.

    Returns:
        ``levels`` float64 arrays; a side of n pixels becomes ceil(n / 2).

    Raises:
        RecipeError: fewer levels than one, or more than the size allows.
        DataError: not the shape of pictures.

    Source: P. Burt and E. Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983.

    Example:
        >>> import numpy as np
        >>> [level.shape for level in gaussian_pyramid(np.zeros((7, 12)), levels=3)]
        [(7, 12), (4, 6), (2, 3)]
    """
    level = np.asarray(pictures, dtype=np.float64)
    check_pictures(level)
    most = 1 + (min(picture_size(level)) - 1).bit_length()
    levels = most if levels is None else levels
    if not 1 <= levels <= most:
        raise RecipeError(f"levels must be 1 to {most} for pictures of {picture_size(level)}, got {levels}")
    out = [level]
    for _ in range(levels - 1):
        level = reduced(level)
        out.append(level)
    return out


def laplacian_pyramid(pictures: ArrayLike, *, levels: int | None = None) -> list[NDArray[np.float64]]:
    """Return what each halving loses, from the finest to the coarsest, and last the smallest picture itself.

    ``reconstruct`` undoes it: without any error for whole numbers below 65,536 (every uint8 and uint16 picture), to
    float64's rounding otherwise.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real, any size.
        levels: as for ``gaussian_pyramid``.

    Returns:
        ``levels`` float64 arrays of the sizes of the Gaussian pyramid.

    Raises:
        RecipeError: fewer levels than one, or more than the size allows.
        DataError: not the shape of pictures.

    Source: P. Burt and E. Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983.

    Example:
        >>> import numpy as np
        >>> picture = np.arange(35).reshape(5, 7)
        >>> bool((reconstruct(laplacian_pyramid(picture)) == picture).all())
        True
    """
    gaussian = gaussian_pyramid(pictures, levels=levels)
    steps = itertools.pairwise(gaussian)
    return [fine - expanded(coarse, size=picture_size(fine)) for fine, coarse in steps] + gaussian[-1:]


def reconstruct(pyramid: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the pictures that a Laplacian pyramid was made from.

    Args:
        pyramid: what ``laplacian_pyramid`` returned, perhaps changed.

    Raises:
        DataError: no level, or one whose size is not half of the one before.

    Example:
        >>> import numpy as np
        >>> reconstruct(laplacian_pyramid(np.full((3, 3), 9.0)))[0].tolist()
        [9.0, 9.0, 9.0]
    """
    if not pyramid:
        raise DataError("a pyramid must have a level at least, got none")
    picture = np.asarray(pyramid[-1], dtype=np.float64)
    for detail in reversed(pyramid[:-1]):
        size = picture_size(detail)
        if picture_size(picture) != (-(-size[0] // 2), -(-size[1] // 2)):
            raise DataError(f"a level below {size} must be half as large, rounded up, got {picture_size(picture)}")
        picture = detail + expanded(picture, size=size)
    return picture


def reduced(pictures: NDArray[Any]) -> NDArray[np.float64]:
    """Return pictures blurred and halved: Burt and Adelson's REDUCE, borders reflected."""
    given = np.asarray(pictures, dtype=np.float64)
    down = correlate(given, _COLUMN, border="reflect", stride=(2, 1))
    small = correlate(down, _COLUMN.T, border="reflect", stride=(1, 2))
    return _rounded(small) if np.array_equal(given, _rounded(given)) else small


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values to 24 binary places, as exact as whole numbers: sums in any order are then the same."""
    exact: NDArray[np.float64] = np.rint(values * _QUANTUM)
    exact /= _QUANTUM
    return exact


def expanded(pictures: NDArray[Any], *, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return pictures doubled and blurred to ``size``: Burt and Adelson's EXPAND."""
    shape = list(pictures.shape)
    first = 1 if pictures.ndim == 4 else 0
    shape[first : first + 2] = size
    sparse = np.zeros(shape)
    sparse[(slice(None),) * first + (slice(None, None, 2), slice(None, None, 2))] = pictures
    # One row or column has no zeros between its pixels: nothing to fill in there.
    for axis, kernel in enumerate((_COLUMN, _COLUMN.T)):
        sparse = correlate(sparse, kernel, border="reflect") * 2 if size[axis] > 1 else sparse
    return sparse
