"""Pixels with their blocks averaged: what baselines see of large pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .kept import kept_array
from .picture import to_array, to_image
from .preprocessing import Preprocessing


def block_averaged(
    pixels: NDArray[np.uint8], preprocessing: Preprocessing, *, folder: Path | None = None
) -> NDArray[np.uint8]:
    """Return pictures of a preprocessing's first size with their blocks averaged.

    Args:
        pixels: uint8 (N, H, W, C).
        preprocessing: as its ``coarser`` gives it; one without a first size returns the pixels as they are.
        folder: of the cache that the pixels lie in: what is made is kept there, and memory-mapped. In memory where
            None, or where nothing can be written.

    Returns:
        uint8 (N, h, w, C).

    Example:
        >>> pixels = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
        >>> coarse = Preprocessing(image_size=(4, 4), channels=1).coarser(2)
        >>> block_averaged(pixels, coarse)[0, :, :, 0].tolist()
        [[3, 5], [11, 13]]
    """
    if preprocessing.averaged_from is None:
        return pixels
    shape = (len(pixels), *preprocessing.image_size, preprocessing.channels)

    def average(out: NDArray[np.uint8]) -> None:
        for row in range(len(pixels)):
            out[row] = to_array(preprocessing.averaged(to_image(np.asarray(pixels[row]))))

    if folder is None:
        made: NDArray[np.uint8] = np.empty(shape, dtype=np.uint8)
        average(made)
        return made
    file = folder / "averaged-{}x{}.npy".format(*preprocessing.image_size)
    return kept_array(file, shape=shape, dtype=np.uint8, fill=average)
