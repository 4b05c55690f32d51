"""Kernels by name: the registered ones, means of any size, and Gabor filters."""

from __future__ import annotations

import re

import numpy as np

from .gabor import named_gabor
from .kernel import Kernel, kernels, make_kernel

_MEAN = re.compile(r"mean-([1-9]\d{0,3})x([1-9]\d{0,3})")


def get_kernel(name: str) -> Kernel:
    """Return a kernel by name.

    Args:
        name: a registered name, ``mean-<height>x<width>``, or ``gabor-<frequency>-<degrees>``: the real part of a
            Gabor filter of this many cycles a pixel.

    Raises:
        UnknownNameError: there is none of this name; the message proposes the nearest ones.

    Example:
        >>> get_kernel("sobel-v").weights.astype(int)
        array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        >>> get_kernel("mean-10x10").weights.shape
        (10, 10)
    """
    mean = _MEAN.fullmatch(name)
    if mean:
        shape = (int(mean[1]), int(mean[2]))
        weights = np.full(shape, 1 / (shape[0] * shape[1]))
        return make_kernel(name, weights, summary=f"the mean of {shape[0]}×{shape[1]} pixels", source="")
    return named_gabor(name) or kernels.get(name)
