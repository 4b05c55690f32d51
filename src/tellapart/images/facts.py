"""Facts: what one pass over the pictures learns of each, kept in some 310 bytes a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from .picture import Picture

SMALL = 16
"""Side of the small grey picture that repeats are proposed from."""

SMALL_ENOUGH = 64
"""The longer side that large pictures are brought down to first."""

FACTS = np.dtype(
    [
        ("readable", "?"),
        ("channels", "u1"),  # 1 or 3, as decoded
        ("one_tone", "?"),  # all pixels have the same value, or colour
        ("width", "i4"),  # as stored, upright
        ("height", "i4"),
        ("brightness", "f4"),  # mean grey value, 0 to 255
        ("contrast", "f4"),  # standard deviation of the grey values
        ("colour", "f4"),  # mean difference of the largest and the smallest channel, 0 to 255
        ("entropy", "f4"),  # bits of the grey histogram with 32 bins, 0 to 5: low for glyphs, high for photographs
        ("mode", "S8"),  # Pillow's mode
        ("digest", "V16"),  # equal exactly where the stored bytes are equal
        ("small", "u1", (SMALL, SMALL)),  # the grey picture, reduced
    ],
    align=True,
)
"""One row per picture."""


GREY_BELOW = 2.0
"""Mean difference of the colour channels, 0 to 255, below which a picture counts as grey."""


def grey_share(facts: NDArray[np.void]) -> float:
    """Return the share of pictures without colour, 0 to 1.

    Args:
        facts: rows of FACTS of readable pictures.

    Example:
        >>> rows = np.zeros(4, dtype=FACTS)
        >>> rows["colour"] = [0, 1, 30, 40]
        >>> grey_share(rows)
        0.5
    """
    return float((facts["colour"] < GREY_BELOW).mean())


class FactsTable:
    """Gathers the facts of pictures one by one; what can be computed for all of them at once is, at the end.

    The grey values are looked at in a copy whose longer side is at most 64 pixels, each the mean of a block of the
    picture's. The 16×16 picture is made of that copy with the triangle filter: under a box filter that of a resized
    copy differs several times as much from the original's.

    Example:
        >>> import numpy as np
        >>> table = FactsTable()
        >>> table.add(Picture(np.full((4, 6, 1), 9, dtype=np.uint8), mode="L"))
        >>> table.rows()["brightness"].tolist()
        [9.0]
    """

    def __init__(self) -> None:
        self._shapes: list[tuple[int, int, int]] = []
        self._counts: list[int] = []
        self._smalls: list[bytes] = []
        self._colours: list[float] = []
        self._one_tone: list[bool] = []
        self._modes: list[bytes] = []
        self._digests: list[bytes] = []

    def add(self, picture: Picture) -> None:
        """Look at one picture; nothing of its size is kept."""
        whole = picture.image
        channels = 1 if whole.mode == "L" else 3
        self._shapes.append((*whole.size, channels))
        image = _reduced(whole, most=SMALL_ENOUGH)
        grey = image if channels == 1 else image.convert("L")
        self._smalls.append(grey.resize((SMALL, SMALL), Resampling.BILINEAR).tobytes())
        counts = grey.histogram()
        self._counts += counts
        self._colours.append(_colour(image) if channels == 3 else 0.0)
        self._one_tone.append(max(counts) == sum(counts) and _is_one_tone(whole))
        self._modes.append(picture.mode.encode())
        self._digests.append(picture.digest.ljust(16, b"\0"))

    def rows(self) -> NDArray[np.void]:
        """Return one row of FACTS for each picture that was added, in that order."""
        rows = np.zeros(len(self._shapes), dtype=FACTS)
        if not len(rows):
            return rows
        rows["readable"] = True
        rows["width"], rows["height"], rows["channels"] = np.array(self._shapes).T
        rows["colour"], rows["mode"] = self._colours, self._modes
        rows["digest"] = np.frombuffer(b"".join(self._digests), dtype="V16")
        rows["small"] = np.frombuffer(b"".join(self._smalls), dtype=np.uint8).reshape(-1, SMALL, SMALL)
        counts = np.array(self._counts).reshape(-1, 256)
        share = counts / counts.sum(axis=1, keepdims=True)
        rows["one_tone"] = self._one_tone
        mean = share @ _LEVELS
        rows["brightness"] = mean
        rows["contrast"] = np.sqrt(np.maximum(0.0, share @ _LEVELS**2 - mean**2))
        bins = share.reshape(-1, 32, 8).sum(axis=2)
        rows["entropy"] = -(bins * np.log2(bins, where=bins > 0, out=np.zeros_like(bins))).sum(axis=1)
        return rows


def facts_of(picture: Picture) -> NDArray[np.void]:
    """Return one row of FACTS for a decoded picture.

    Example:
        >>> import numpy as np
        >>> row = facts_of(Picture(np.full((4, 6, 1), 9, dtype=np.uint8), mode="L"))
        >>> int(row["width"]), int(row["height"]), float(row["brightness"])
        (6, 4, 9.0)
    """
    table = FactsTable()
    table.add(picture)
    row: NDArray[np.void] = table.rows()[0]
    return row


def _reduced(image: Image.Image, *, most: int) -> Image.Image:
    """Return the picture with blocks of pixels averaged, so that no side is longer than ``most``."""
    factor = -(-max(image.size) // most)
    return image.reduce(factor) if factor > 1 else image


def _colour(image: Image.Image) -> float:
    small = np.asarray(image)
    return float((small.max(axis=2) - small.min(axis=2)).mean())


def _is_one_tone(image: Image.Image) -> bool:
    """Return whether all pixels are the same: means of blocks may be where a fine pattern or specks are not."""
    found = image.getextrema()
    ends = found if isinstance(found[0], tuple) else (found,)
    return all(least == most for least, most in ends)


_LEVELS = np.arange(256, dtype=np.float64)
