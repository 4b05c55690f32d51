"""One decoded picture, as NumPy and as Pillow have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Picture:
    """One decoded picture, turned upright: grey or RGB.

    Args:
        pixels: uint8, (height, width, channels) with 1 or 3 channels; or the same as a Pillow image of mode L or RGB.
            Each is made from the other when it is asked for: the pass over all pictures needs the second alone.
        mode: Pillow's name of the stored mode: ``"L"``, ``"RGB"``, ``"P"``, ``"I;16"``, ``"CMYK"``, ...
        notes: what was done to it that a person should know: ``"first of 12 frames"``, ``"16-bit scaled to 8"``.
        digest: 16 bytes that are equal exactly where the stored bytes (or the given pixels) are equal.

    Example:
        >>> picture = Picture(np.full((4, 6, 1), 9, dtype=np.uint8), mode="L")
        >>> picture.image.size, picture.pixels.shape
        ((6, 4), (4, 6, 1))
    """

    __slots__ = ("_image", "_pixels", "digest", "mode", "notes")

    def __init__(
        self, pixels: NDArray[np.uint8] | Image.Image, *, mode: str, notes: tuple[str, ...] = (), digest: bytes = b""
    ) -> None:
        self._pixels: NDArray[np.uint8] | None = None
        self._image: Image.Image | None = None
        if isinstance(pixels, Image.Image):
            self._image = pixels
        else:
            self._pixels = pixels
        self.mode = mode
        self.notes = notes
        self.digest = digest

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The pixels, uint8 (height, width, 1 or 3)."""
        if self._pixels is None:
            self._pixels = to_array(self.image)
        return self._pixels

    @property
    def image(self) -> Image.Image:
        """The same as a Pillow image of mode L or RGB."""
        if self._image is None:
            self._image = to_image(self.pixels)
        return self._image


def to_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return pixels, uint8 (H, W, 1 or 3), as Pillow has them."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def to_array(image: Image.Image) -> NDArray[np.uint8]:
    """Return a Pillow image of mode L or RGB as uint8 (H, W, 1 or 3)."""
    return np.frombuffer(image.tobytes(), dtype=np.uint8).reshape(image.height, image.width, -1)
