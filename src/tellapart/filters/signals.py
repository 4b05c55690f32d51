"""One dimension: smoothing by windows, and derivatives of a Gaussian."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, RecipeError

WINDOWS = ("bartlett", "blackman", "boxcar", "cosine", "flattop", "hamming", "hann", "parzen", "triang")
"""The windows that need no further parameter."""


def window_weights(name: str, *, length: int) -> NDArray[np.float64]:
    """Return the weights of a window, symmetric.

    With N = length − 1 and n = 0 … N: hann 0.5 − 0.5 cos(2πn/N), hamming 0.54 − 0.46 cos(2πn/N), boxcar 1.

    Args:
        name: one of WINDOWS.
        length: how many weights.

    Raises:
        RecipeError: an unknown name, or a length below 1.

    Source: F. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", 1978.

    Example:
        >>> window_weights("hamming", length=3).round(2).tolist()
        [0.08, 1.0, 0.08]
    """
    if name not in WINDOWS:
        raise RecipeError(f"window must be one of {', '.join(WINDOWS)}, got {name!r}")
    if length < 1:
        raise RecipeError(f"length must be at least 1, got {length}")
    from scipy import signal

    weights: NDArray[np.float64] = signal.get_window(name, length, fftbins=False)
    return weights


def smooth(values: ArrayLike, *, window: str = "hann", length: int = 50) -> NDArray[np.float64]:
    """Smooth a signal: ``convolve(values, weights, "same") / sum(weights)``.

    Beyond its ends the signal counts as zero, so the first and the last ``length / 2`` values are pulled towards it.

    Args:
        values: (n,), real, at least as long as the window.
        window: one of WINDOWS.
        length: the window's length, in samples.

    Returns:
        float64, (n,).

    Raises:
        DataError: not one dimension, or shorter than the window.
        RecipeError: an unknown window, or one whose weights add up to zero.

    Source: F. Harris, 1978; A. Oppenheim and R. Schafer, "Discrete-Time Signal Processing".

    Example:
        >>> smooth([0, 0, 3, 0, 0], window="boxcar", length=3).round(6).tolist()
        [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    array = _signal(values)
    weights = window_weights(window, length=length)
    if len(array) < length:
        raise DataError(
            f"a signal must be at least as long as the window, {length}, got {len(array)}: use a shorter one"
        )
    if weights.sum() == 0:
        raise RecipeError(f"a {window} window of length {length} is all zeros: use length 3 or more")
    from scipy import signal

    smoothed: NDArray[np.float64] = signal.convolve(array, weights, mode="same") / weights.sum()
    return smoothed


def gaussian_derivative(
    values: ArrayLike, *, sigma: float = 4.0, order: int = 1, extent: float = 4.0
) -> NDArray[np.float64]:
    """Return the derivative of a signal smoothed by a Gaussian.

    Args:
        values: (n,), real; beyond its ends it is mirrored with the last sample repeated.
        sigma: standard deviation in samples, above 0.
        order: 0 smooths, 1 is the slope, 2 the curvature, ...
        extent: how many standard deviations the kernel reaches.

    Returns:
        float64, (n,), per sample to the ``order``.

    Raises:
        DataError: not one dimension.
        RecipeError: sigma, order or extent out of range.

    Source: T. Lindeberg, "Scale-space theory in computer vision", 1994; weights as SciPy's gaussian_filter1d.

    Example:
        >>> import numpy as np
        >>> slope = gaussian_derivative(3.0 * np.arange(40), sigma=2.0)
        >>> round(float(slope[20]), 2)
        3.0
    """
    array = _signal(values)
    weights = gaussian_weights(sigma, order=order, extent=extent)
    half = len(weights) // 2
    return np.convolve(np.pad(array, half, mode="symmetric"), weights, mode="valid")


def gaussian_weights(sigma: float, *, order: int = 0, extent: float = 4.0) -> NDArray[np.float64]:
    """Return the weights, for convolution, of a Gaussian or of its derivative.

    The Gaussian is sampled and normalised to a sum of 1; its derivative is that times the Hermite polynomial.

    Args:
        sigma: standard deviation in samples, above 0.
        order: which derivative, 0 to 10.
        extent: how many standard deviations are kept.

    Raises:
        RecipeError: sigma, order or extent out of range.

    Example:
        >>> gaussian_weights(1.0, order=1).round(3).tolist()[2:7]
        [0.108, 0.242, -0.0, -0.242, -0.108]
    """
    if not 0 < sigma < np.inf or not 0 < extent < np.inf or order not in range(11):
        raise RecipeError(
            f"sigma and extent must be above 0 and order 0 to 10, got sigma {sigma}, extent {extent}, order {order}"
        )
    half = int(extent * sigma + 0.5)
    x = np.arange(-half, half + 1) / sigma
    gaussian = np.exp(-0.5 * x**2)
    gaussian /= gaussian.sum()
    hermite = np.asarray(np.polynomial.hermite_e.hermeval(x, [0] * order + [1]), dtype=np.float64)
    return gaussian * hermite * float((-1 / sigma) ** order)


def _signal(values: ArrayLike) -> NDArray[np.float64]:
    array: NDArray[Any] = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise DataError(f"a signal must have one dimension and a value at least, got shape {array.shape}")
    return array
