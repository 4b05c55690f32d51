"""Responses to a bank of Gabor filters: how much of each stripe width and direction there is."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from ..errors import RecipeError
from ..filters import correlation_matrix, gabor_bank
from ..filters.convolution import factors
from .base import feature, whole_number

Bank = tuple[tuple[NDArray[np.complex64], NDArray[np.complex64]], ...]


@feature("gabor", summary="mean and deviation of the responses to Gabor filters", scaling="each")
def gabor_features(
    pixels: NDArray[np.uint8], *, frequencies: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4), angles: int = 4
) -> NDArray[np.float32]:
    """Return mean and standard deviation over the picture of each filter's magnitude.

    Pictures are made grey (ITU-R 601 luma, 0 to 1), their mean is taken off, and their borders are symmetric. The
    filters' Gaussians are round, so each is a column times a row, and both are matrices of the picture's size.

    Args:
        pixels: uint8, (N, H, W, C).
        frequencies: cycles a pixel, above 0 and at most 0.5.
        angles: how many, evenly over 180°, 1 to 36.

    Returns:
        float32, (N, 2 · frequencies · angles): all means, then all deviations, frequency by frequency.

    Raises:
        RecipeError: an option out of range.

    Source: B. Manjunath and W. Ma, "Texture features for browsing and retrieval of image data", 1996.

    Example:
        >>> gabor_features(np.zeros((2, 16, 16, 1), dtype=np.uint8)).shape
        (2, 32)
    """
    whole_number(angles, name="angles", low=1, high=36)
    frequencies = tuple(float(f) for f in frequencies)
    if not frequencies or not all(0 < f <= 0.5 for f in frequencies):
        raise RecipeError(f"frequencies must be above 0 and at most 0.5 cycles a pixel, got {frequencies}")
    grey = _grey(pixels)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    bank = _matrices(grey.shape[1], grey.shape[2], frequencies, angles)
    out = np.empty((2, len(grey), len(bank)), dtype=np.float32)
    for i, (down, across) in enumerate(bank):
        magnitude = np.abs(down @ (grey @ across))
        out[0, :, i] = magnitude.mean(axis=(1, 2))
        out[1, :, i] = magnitude.std(axis=(1, 2))
    return np.concatenate([out[0], out[1]], axis=1)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    scaled = pixels.astype(np.float32) / np.float32(255)
    if pixels.shape[3] == 1:
        return scaled[..., 0]
    grey: NDArray[np.float32] = scaled @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return grey


@functools.lru_cache(maxsize=2)
def _matrices(height: int, width: int, frequencies: tuple[float, ...], angles: int) -> Bank:
    """Return, for each filter, the matrices that stand left and right of a picture to give its response."""
    bank = []
    for filter in gabor_bank(frequencies, angles=angles):
        split = factors(filter.weights)
        if split is None:
            raise RecipeError(f"the Gabor filter {filter.name!r} is not separable: its Gaussian must be round")
        down, across = _line_matrix(split[0].ravel(), height), _line_matrix(split[1].ravel(), width)
        bank.append((down, np.ascontiguousarray(across.T)))
    return tuple(bank)


def _line_matrix(weights: NDArray[np.complex128], length: int) -> NDArray[np.complex64]:
    parts = [
        correlation_matrix(part[None], picture_size=(1, length), padding="same", border="symmetric")
        for part in (weights.real, weights.imag)
    ]
    return (parts[0] + 1j * parts[1]).astype(np.complex64)
