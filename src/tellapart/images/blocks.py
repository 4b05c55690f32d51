"""A few pictures at a time, however large they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MOST = 4096
"""Pictures of a block at most."""

HELD = 1 << 27
"""Bytes of a block at most, where it has more than one picture."""

BATCH = 256
"""Pictures that a network looks at together, at most."""

BATCH_PIXELS = 1 << 21
"""Pixels that it looks at together, at most: its maps take tens to hundreds of bytes for each."""


def block_length(picture_bytes: int) -> int:
    """Return how many pictures are held together: a power of two.

    Example:
        >>> block_length(784), block_length(224 * 224 * 3), block_length(4096 * 4096 * 3)
        (4096, 512, 2)
    """
    return _power_of_two(min(MOST, HELD // max(picture_bytes, 1)))


def batch_length(image_size: tuple[int, int]) -> int:
    """Return how many pictures a network looks at together, outside of training: a power of two, so that it divides
    ``block_length``, and blocks change no result.

    Example:
        >>> batch_length((72, 56)), batch_length((224, 224)), batch_length((2048, 2048))
        (256, 32, 1)
    """
    height, width = image_size
    return _power_of_two(min(BATCH, BATCH_PIXELS // (height * width)))


def by_block(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures at some rows, in order, copied into memory a block at a time.

    Args:
        pixels: uint8 (N, H, W, C), perhaps memory-mapped.
        rows: (n,) positions.

    Example:
        >>> pixels = np.zeros((10, 2, 2, 1), np.uint8)
        >>> [len(some) for some in by_block(pixels, np.arange(10).repeat(500))]
        [4096, 904]
    """
    step = block_length(int(np.prod(pixels.shape[1:])))
    for start in range(0, len(rows), step):
        yield pixels[rows[start : start + step]]


def _power_of_two(most: int) -> int:
    return 1 << max(most, 1).bit_length() - 1
