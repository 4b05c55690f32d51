"""Pixels with their blocks averaged: what baselines see of large pictures."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ..files import whole
from .cache import reserve
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
    if folder is not None:
        file = folder / "averaged-{}x{}.npy".format(*preprocessing.image_size)
        with contextlib.suppress(OSError, EOFError, ValueError):  # none yet, or damaged: made anew
            kept: NDArray[np.uint8] = np.load(file, mmap_mode="r")
            if kept.shape == shape and kept.dtype == np.uint8:
                return kept
        with contextlib.suppress(OSError):  # a cache of another person, or a full disk
            with whole(file) as beside:
                out = open_memmap(beside, "w+", dtype=np.uint8, shape=shape)
                reserve(beside)
                _average(pixels, preprocessing, out=out)
                out.flush()
                del out
            found: NDArray[np.uint8] = np.load(file, mmap_mode="r")
            return found
    return _average(pixels, preprocessing, out=np.empty(shape, dtype=np.uint8))


def _average(pixels: NDArray[np.uint8], preprocessing: Preprocessing, *, out: NDArray[np.uint8]) -> NDArray[np.uint8]:
    for row in range(len(pixels)):
        out[row] = to_array(preprocessing.averaged(to_image(np.asarray(pixels[row]))))
    return out
