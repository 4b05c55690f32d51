"""Gabor filters: a wave under a Gaussian, by frequency, angle and width, and banks of them."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import RecipeError
from .convolution import correlate
from .kernel import Kernel, make_kernel
from .padding import Border

_DAUGMAN = "J. Daugman, Journal of the Optical Society of America A 2(7), 1985"
_NAME = re.compile(r"gabor-(0?\.\d{1,6}|1)-(\d{1,3}(?:\.\d{1,6})?)")
LOWEST_NAMED = 0.001
"""Cycles a pixel: the kernel of a lower one would be larger than any picture."""


@dataclasses.dataclass(frozen=True, eq=False)
class GaborFilter:
    """One Gabor filter.

    Attributes:
        frequency: cycles a pixel, above 0 and at most 1.
        theta: the direction in which the wave travels, in radians; 0 is to the right, so its stripes are vertical.
        sigma: standard deviations of the Gaussian in pixels, (along the wave, across it).
        weights: complex128, (h, w), odd sizes; the real part is even, the imaginary part odd.
    """

    frequency: float
    theta: float
    sigma: tuple[float, float]
    weights: NDArray[np.complex128]

    @property
    def name(self) -> str:
        """The frequency and the angle in degrees: ``"gabor-0.2-45"``."""
        return f"gabor-{self.frequency:g}-{math.degrees(self.theta):g}"


def sigma_of_bandwidth(frequency: float, *, octaves: float = 1.0) -> float:
    """Return the Gaussian's standard deviation, in pixels, that gives a filter this bandwidth.

    Args:
        frequency: cycles a pixel.
        octaves: the width of the response at half its height.

    Source: N. Petkov and M. Wieling, "Gabor filter for image processing and computer vision"; as scikit-image.

    Example:
        >>> round(sigma_of_bandwidth(0.2), 3)
        2.811
    """
    ratio: float = 2.0**octaves
    return math.sqrt(math.log(2) / 2) / math.pi * (ratio + 1) / (ratio - 1) / frequency


def gabor_filter(
    frequency: float, *, theta: float = 0.0, sigma: float | tuple[float, float] | None = None, extent: float = 3.0
) -> GaborFilter:
    """Return a Gabor filter.

    Args:
        frequency: cycles a pixel, above 0 and at most 1; above 0.5 no picture can show it.
        theta: the direction in which the wave travels, in radians.
        sigma: width of the Gaussian in pixels, one number or (along, across); None gives a bandwidth of one octave.
        extent: how many standard deviations the kernel reaches.

    Raises:
        RecipeError: a frequency, sigma or extent out of range.

    Source: J. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation optimized
    by two-dimensional visual cortical filters", 1985.

    Example:
        >>> gabor_filter(0.25, theta=0.0, sigma=2.0).weights.shape
        (13, 13)
    """
    if not 0 < frequency <= 1:
        raise RecipeError(f"frequency must be above 0 and at most 1 cycle a pixel, got {frequency}")
    along, across = _widths(frequency, sigma)
    if not 0 < extent < math.inf:
        raise RecipeError(f"extent must be a finite number of standard deviations above 0, got {extent}")
    cosine, sine = math.cos(theta), math.sin(theta)
    half_width = math.ceil(max(abs(extent * along * cosine), abs(extent * across * sine), 1))
    half_height = math.ceil(max(abs(extent * across * cosine), abs(extent * along * sine), 1))
    y, x = np.mgrid[-half_height : half_height + 1, -half_width : half_width + 1]
    u, v = x * cosine + y * sine, -x * sine + y * cosine
    envelope = np.exp(-0.5 * (u**2 / along**2 + v**2 / across**2)) / (2 * np.pi * along * across)
    return GaborFilter(frequency, theta, (along, across), envelope * np.exp(2j * np.pi * frequency * u))


def gabor_bank(
    frequencies: Sequence[float] = (0.1, 0.2, 0.3, 0.4),
    *,
    angles: int | Sequence[float] = 4,
    sigma: float | tuple[float, float] | None = None,
) -> tuple[GaborFilter, ...]:
    """Return Gabor filters of every frequency at every angle.

    Args:
        frequencies: cycles a pixel.
        angles: how many, evenly from 0 to below π, or the angles themselves in radians.
        sigma: as for ``gabor_filter``.

    Returns:
        Frequency by frequency, each with its angles in order.

    Raises:
        RecipeError: no frequency, no angle, or one out of range.

    Example:
        >>> [filter.name for filter in gabor_bank((0.1, 0.2), angles=2)]
        ['gabor-0.1-0', 'gabor-0.1-90', 'gabor-0.2-0', 'gabor-0.2-90']
    """
    thetas = [i * math.pi / angles for i in range(angles)] if isinstance(angles, int | np.integer) else list(angles)
    if not thetas or not len(frequencies):
        raise RecipeError(f"a bank needs a frequency and an angle at least, got {frequencies} and {angles}")
    return tuple(gabor_filter(frequency, theta=theta, sigma=sigma) for frequency in frequencies for theta in thetas)


def gabor_response(pictures: ArrayLike, filter: GaborFilter, *, border: Border = "symmetric") -> NDArray[Any]:
    """Return how pictures answer a Gabor filter, of the same size.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real; each channel by itself.
        filter: a Gabor filter.
        border: what lies beyond the pictures.

    Returns:
        complex: the real part answers lines, the imaginary part edges, the magnitude both whatever their phase.

    Example:
        >>> import numpy as np
        >>> stripes = np.cos(2 * np.pi * 0.25 * np.arange(32)) * np.ones((32, 1))
        >>> along, across = gabor_bank((0.25,), angles=2)
        >>> bool(np.abs(gabor_response(stripes, along)).mean() > 10 * np.abs(gabor_response(stripes, across)).mean())
        True
    """
    real = correlate(pictures, filter.weights.real, border=border)
    return real + 1j * correlate(pictures, filter.weights.imag, border=border)


def named_gabor(name: str) -> Kernel | None:
    """Return the real part of the filter that ``gabor-<frequency>-<degrees>`` names, None where it names none."""
    match = _NAME.fullmatch(name)
    if match is None or float(match[1]) < LOWEST_NAMED:
        return None
    filter = gabor_filter(float(match[1]), theta=math.radians(float(match[2])))
    summary = f"lines across {match[2]}°, {match[1]} a pixel"
    return make_kernel(name, filter.weights.real, summary=summary, source=_DAUGMAN)


def _widths(frequency: float, sigma: float | tuple[float, float] | None) -> tuple[float, float]:
    if sigma is None:
        sigma = sigma_of_bandwidth(frequency)
    along, across = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    if not (0 < along < math.inf and 0 < across < math.inf):
        raise RecipeError(f"sigma must be above 0 pixels, got {sigma}")
    return float(along), float(across)
