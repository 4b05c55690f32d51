"""From pictures to a network's input: sizes, and the mean and deviation that it expects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.preprocessing import Preprocessing
from ..nets.weights import expected_pixels
from ..recipe import DataRecipe, NetRecipe


def preprocessing_of(
    data: DataRecipe,
    *,
    pixels: NDArray[np.uint8] | None = None,
    rows: NDArray[np.int64] | None = None,
    net: NetRecipe | None = None,
) -> Preprocessing:
    """Return the preprocessing: the mean and deviation that published weights expect, else those of some pixels.

    Args:
        data: with nothing open.
        pixels: uint8 (N, H, W, C), perhaps memory-mapped; None where the size alone matters.
        rows: positions of training pictures in them, of which some thousand are looked at; all N where None.
        net: the network and its weights; None where the size alone matters.
    """
    size: dict[str, Any] = {
        name: getattr(data, name) for name in ("image_size", "channels", "resize", "resample", "background")
    }
    channels = data.channels or 3
    expected = None
    if net is not None and net.weights is not None:
        expected = expected_pixels(net.name, where=net.weights, channels=channels)
    if expected is not None:
        return Preprocessing(**size, mean=expected[0], std=expected[1])
    if pixels is None:
        return Preprocessing(**size)
    # One mean and deviation for all channels keeps greys grey.
    rows = np.arange(len(pixels)) if rows is None else rows
    mean, deviation = _mean_and_deviation(pixels, rows[:: max(1, len(rows) // 1000)])
    mean, std = round(mean, 4), max(0.05, round(deviation, 4))
    return Preprocessing(**size, mean=(mean,) * channels, std=(std,) * channels)


def _mean_and_deviation(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[float, float]:
    """Return those of the pixels of some pictures, 0 to 1, a few pictures at a time."""
    counts = np.zeros(256, dtype=np.int64)
    for start in range(0, len(rows), 64):
        counts += np.bincount(pixels[rows[start : start + 64]].ravel(), minlength=256)
    values, shares = np.arange(256) / 255, counts / max(1, counts.sum())
    mean = float(shares @ values)
    return mean, float(np.sqrt(shares @ (values - mean) ** 2))
