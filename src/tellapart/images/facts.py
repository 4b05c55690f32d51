"""Facts: what one pass over the pictures learns of each, kept in 64 bytes a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .dataset import Picture

FACTS = np.dtype(
    [
        ("readable", "?"),
        ("channels", "u1"),  # 1 or 3, as decoded
        ("low", "u1"),  # the darkest and the brightest grey value
        ("high", "u1"),
        ("width", "i4"),  # as stored, upright
        ("height", "i4"),
        ("brightness", "f4"),  # mean grey value, 0 to 255
        ("contrast", "f4"),  # standard deviation of the grey values
        ("colour", "f4"),  # mean difference of the largest and the smallest channel, 0 to 255
        ("entropy", "f4"),  # bits of the grey histogram with 32 bins, 0 to 5: low for glyphs, high for photographs
        ("mode", "S8"),  # Pillow's mode
        ("digest", "V16"),  # equal exactly where the stored bytes are equal
        ("hash", "u8"),  # perceptual: difference hash of 8×8 horizontal steps
    ],
    align=True,
)
"""One row a picture."""


def facts_of(picture: Picture) -> NDArray[np.void]:
    """Return one row of FACTS for a decoded picture.

    The grey values are looked at in a copy whose longer side is at most 64 pixels.

    Example:
        >>> import numpy as np
        >>> row = facts_of(Picture(np.full((4, 6, 1), 9, dtype=np.uint8), mode="L"))
        >>> int(row["width"]), int(row["height"]), float(row["brightness"])
        (6, 4, 9.0)
    """
    pixels = picture.pixels
    height, width, channels = pixels.shape
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    if max(width, height) > 64:
        scale = 64 / max(width, height)
        image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX)
    grey = image if channels == 1 else image.convert("L")
    histogram = np.array(grey.histogram(), dtype=np.float64)
    present = np.flatnonzero(histogram)
    share = histogram / histogram.sum()
    mean = float(share @ _LEVELS)
    bins = share.reshape(32, 8).sum(axis=1)
    bins = bins[bins > 0]
    row = np.zeros((), dtype=FACTS)
    row["readable"] = True
    row["channels"] = channels
    row["low"], row["high"] = present[0], present[-1]
    row["width"], row["height"] = width, height
    row["brightness"] = mean
    row["contrast"] = np.sqrt(max(0.0, float(share @ _SQUARES) - mean * mean))
    row["entropy"] = -float(bins @ np.log2(bins))
    if channels == 3:
        small = np.asarray(image)
        row["colour"] = float((small.max(axis=2) - small.min(axis=2)).mean())
    row["mode"] = picture.mode.encode()
    row["digest"] = np.void(picture.digest.ljust(16, b"\0"))
    row["hash"] = difference_hash(grey)
    out: NDArray[np.void] = row
    return out


def difference_hash(grey: Image.Image) -> int:
    """Return 64 bits: for 8 rows of 9 averaged grey values, whether each is brighter than the one to its right.

    Source: N. Krawetz, "Kind of Like That", 2013.
    """
    small = np.asarray(grey.resize((9, 8), Image.Resampling.BOX))
    bits = np.packbits(small[:, :-1] > small[:, 1:])
    return int.from_bytes(bits.tobytes(), "big")


_LEVELS = np.arange(256, dtype=np.float64)
_SQUARES = _LEVELS**2
