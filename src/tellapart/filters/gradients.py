"""Gradients of pictures, and sharpening."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import RecipeError
from .convolution import correlate
from .named import get_kernel
from .padding import Border


@dataclasses.dataclass(frozen=True, eq=False)
class Gradient:
    """How pictures change, each array of the pictures' shape.

    Attributes:
        across: the change from left to right (vertical edges).
        down: the change from top to bottom (horizontal edges).
    """

    across: NDArray[Any]
    down: NDArray[Any]

    @property
    def magnitude(self) -> NDArray[Any]:
        """The length of the gradient."""
        length: NDArray[Any] = np.hypot(self.across, self.down)
        return length

    @property
    def direction(self) -> NDArray[Any]:
        """The angle of the gradient in radians, −π to π; 0 is brighter to the right, π/2 brighter below."""
        angle: NDArray[Any] = np.arctan2(self.down, self.across)
        return angle


def gradient(pictures: ArrayLike, *, border: Border = "symmetric") -> Gradient:
    """Return the Sobel gradient of pictures, same size.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real; each channel by itself.
        border: what lies beyond the pictures.

    Returns:
        Both components; a slope of 1 a pixel gives 8, the sum of the kernel's weights times their distance.

    Source: I. Sobel and G. Feldman, "A 3×3 isotropic gradient operator for image processing", 1968.

    Example:
        >>> import numpy as np
        >>> ramp = np.arange(5) * np.ones((5, 1))
        >>> gradient(ramp).across[2, 2], gradient(ramp).down[2, 2]
        (np.float64(8.0), np.float64(0.0))
    """
    across, down = (correlate(pictures, get_kernel(name).weights, border=border) for name in ("sobel-v", "sobel-h"))
    return Gradient(across, down)


def sharpened(
    pictures: ArrayLike, *, blur: str = "mean-10x10", amount: float = 1.0, border: Border = "symmetric"
) -> NDArray[Any]:
    """Return picture + amount · (picture − blurred picture).

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real.
        blur: the name of a kernel whose weights add up to 1. One of even size, as the default is, blurs around a
            point half a pixel below and to the right, so that edges get stronger on one side.
        amount: how much of the difference is added, 0 or more.
        border: what lies beyond the pictures.

    Returns:
        float32 (float64 for float64 and whole numbers of 32 bits and more), not clipped.

    Raises:
        RecipeError: the kernel does not blur, or a negative amount.
        UnknownNameError: no such kernel.

    Source: unsharp masking; R. Gonzalez and R. Woods, "Digital Image Processing", section 3.6.

    Example:
        >>> import numpy as np
        >>> sharpened(np.array([[0.0, 0, 9, 9]] * 3), blur="box")[1].tolist()
        [0.0, -3.0, 12.0, 9.0]
    """
    kernel = get_kernel(blur)
    if abs(kernel.weights.sum() - 1) > 1e-9:
        raise RecipeError(
            f"blur must be a kernel whose weights add up to 1, got {blur!r}: use 'gaussian-5x5' or 'mean-9x9'"
        )
    if not amount >= 0:
        raise RecipeError(f"amount must be 0 or more, got {amount}")
    blurred = correlate(pictures, kernel.weights, border=border)
    picture = np.asarray(pictures).astype(blurred.dtype)
    sharp: NDArray[Any] = picture + blurred.dtype.type(amount) * (picture - blurred)
    return sharp
