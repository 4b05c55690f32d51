"""Kernels by name."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import RecipeError
from ..registry import Registry


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel with a name.

    Attributes:
        name: what ``--kernel`` calls it.
        weights: float64, (h, w), read-only.
        summary: what it does, one line.
        source: where it comes from.
    """

    name: str
    weights: NDArray[np.float64]
    summary: str
    source: str


kernels: Registry[Kernel] = Registry("kernel", package="tellapart.filters")
"""All kernels of fixed size by name; ``get_kernel`` knows the means of any size and Gabor filters too."""


def add_kernel(name: str, weights: ArrayLike, *, summary: str, source: str) -> Kernel:
    """Register a kernel and return it.

    Args:
        name: how it is called.
        weights: (h, w), real and finite.
        summary: what it does, one line.
        source: where it comes from.

    Raises:
        RecipeError: the weights are not (h, w) or not finite, or another kernel has the name.
    """
    kernel = make_kernel(name, weights, summary=summary, source=source)
    kernels.add(name, kernel)
    return kernel


def make_kernel(name: str, weights: ArrayLike, *, summary: str, source: str) -> Kernel:
    """Return a kernel that is not registered; raises RecipeError where its weights are not (h, w) and finite."""
    array = np.array(weights, dtype=np.float64)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise RecipeError(f"the kernel {name!r} must have finite weights of shape (h, w), got shape {array.shape}")
    array.flags.writeable = False
    return Kernel(name, array, summary, source)


_BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
_UNSHARP: NDArray[Any] = _BINOMIAL.copy()
_UNSHARP[2, 2] = -476
_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
_TABLE = "the usual table, as in https://en.wikipedia.org/wiki/Kernel_(image_processing)"
_SOBEL_SOURCE = "I. Sobel and G. Feldman, Stanford Artificial Intelligence Project, 1968"
_BURT = "P. Burt, Computer Graphics and Image Processing 16, 1981"
_GONZALEZ = "R. Gonzalez and R. Woods, Digital Image Processing, section 3.6"

add_kernel("identity", [[0, 0, 0], [0, 1, 0], [0, 0, 0]], summary="the picture as it is", source=_TABLE)
add_kernel("edge-1", [[1, 0, -1], [0, 0, 0], [-1, 0, 1]], summary="corners and diagonal edges", source=_TABLE)
add_kernel("edge-2", [[0, 1, 0], [1, -4, 1], [0, 1, 0]], summary="edges, four neighbours", source=_TABLE)
add_kernel("edge-3", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], summary="edges, eight neighbours", source=_TABLE)
add_kernel("sharpen", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], summary="picture less its Laplacian", source=_GONZALEZ)
add_kernel("box", np.full((3, 3), 1 / 9), summary="blur: the mean of 3×3 pixels", source=_TABLE)
add_kernel("gaussian-3x3", np.outer([1, 2, 1], [1, 2, 1]) / 16, summary="blur, nearly Gaussian", source=_BURT)
add_kernel("gaussian-5x5", _BINOMIAL / 256, summary="stronger blur, nearly Gaussian", source=_BURT)
add_kernel("unsharp-5x5", _UNSHARP / -256, summary="twice the picture less its 5×5 blur", source=_TABLE)
add_kernel("sobel-v", _SOBEL, summary="vertical edges: the change from left to right", source=_SOBEL_SOURCE)
add_kernel("sobel-h", _SOBEL.T, summary="horizontal edges: the change from top to bottom", source=_SOBEL_SOURCE)
add_kernel(
    "laplacian", [[0, 1, 0], [1, -4, 1], [0, 1, 0]], summary="the sum of both second derivatives", source=_GONZALEZ
)
