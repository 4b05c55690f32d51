"""Facts: what one pass over the pictures learns of each, kept in some 320 bytes a picture."""

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
        ("small", "u1", (16, 16)),  # the grey picture at 16×16: what repeats are proposed from
    ],
    align=True,
)
"""One row a picture."""


def facts_of(picture: Picture) -> NDArray[np.void]:
    """Return one row of FACTS for a decoded picture.

    The grey values are looked at in a copy whose longer side is at most 64 pixels. Both reductions use the triangle
    filter: under a box filter the 16×16 picture of a resized copy differs several times as much from the original's.

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
        image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BILINEAR)
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
    row["small"] = np.asarray(grey.resize((16, 16), Image.Resampling.BILINEAR))
    out: NDArray[np.void] = row
    return out


_LEVELS = np.arange(256, dtype=np.float64)
_SQUARES = _LEVELS**2
