"""Pictures that lie in one array already."""

from __future__ import annotations

import copy
import hashlib

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, RecipeError
from .picture import Picture


class ArrayImages:
    """Pictures in one uint8 array, or in part of it.

    Args:
        pixels: uint8, (N, height, width) or (N, height, width, channels) with 1 or 3 channels; may be memory-mapped.
        rows: (n,) positions in ``pixels``; all of them where None.
        fingerprint: what changes when the pixels change, where the source knows better than hashing them all.
        over_white: whether they were transparent, and have been laid over white.

    Example:
        >>> import numpy as np
        >>> images = ArrayImages(np.full((2, 4, 5), 7, dtype=np.uint8))
        >>> images.load(1).pixels.shape
        (4, 5, 1)
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        *,
        rows: NDArray[np.int64] | None = None,
        fingerprint: str | None = None,
        over_white: bool = False,
    ) -> None:
        channels = pixels.shape[3] if pixels.ndim == 4 else 1
        if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or channels not in (1, 3) or 0 in pixels.shape[1:]:
            raise DataError(
                "pictures in an array must be uint8 of shape (N, height, width) or (N, height, width, 1 or 3), "
                f"got {pixels.dtype} of shape {pixels.shape}"
            )
        self.pixels = pixels if pixels.ndim == 4 else pixels[..., None]
        self.rows = np.arange(len(pixels), dtype=np.int64) if rows is None else rows
        self._fingerprint = fingerprint
        self._over_white = over_white

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, index: int) -> Picture:
        """Return one picture; its digest is that of its pixels."""
        pixels = np.ascontiguousarray(self.pixels[self.rows[index]])
        digest = hashlib.blake2b(pixels.tobytes(), digest_size=16, person=b"%dx%d" % pixels.shape[:2]).digest()
        return Picture(pixels, mode="L" if pixels.shape[2] == 1 else "RGB", digest=digest)

    def select(self, indices: NDArray[np.int64]) -> ArrayImages:
        """Return those pictures, sharing the array."""
        selected = copy.copy(self)
        selected.rows, selected._fingerprint = self.rows[indices], self._source_fingerprint()
        return selected

    def with_background(self, background: int | tuple[int, int, int]) -> ArrayImages:
        """Return the same pictures: nothing in an array is transparent.

        Raises:
            RecipeError: they were, and another background than white would be ignored.
        """
        if self._over_white and background not in (255, (255, 255, 255)):
            raise RecipeError(
                f"background = {background} would be ignored: transparency in an array is laid over white; lay it over "
                "another colour before, or save the pictures as files"
            )
        return self

    def fingerprint(self) -> str:
        """Return the hash of the whole array, or what the source gave."""
        return hashlib.blake2b(self._source_fingerprint().encode() + self.rows.tobytes(), digest_size=16).hexdigest()

    def _source_fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = _hash(self.pixels)
        return self._fingerprint


def _hash(pixels: NDArray[np.uint8]) -> str:
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    for start in range(0, len(pixels), 4096):
        digest.update(np.ascontiguousarray(pixels[start : start + 4096]).tobytes())
    return digest.hexdigest()
