"""Stroke width: how thick the lines of a written or drawn picture are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .picture import to_image

LONGEST = 64
"""The longer side at which strokes are measured; larger pictures are reduced to it first."""

FLAT = 8
"""Grey levels between ink and ground below which a picture has no strokes."""


def stroke_width(pixels: NDArray[np.uint8]) -> float:
    """Return the mean width of the strokes in pixels; NaN where the picture has none.

    Ink and ground are parted at Otsu's threshold, and the ground is what most of the border is. Across a stroke of
    width w, the distance to the ground rises from 0 to w/2 and falls again, so that its mean over the ink is w/4. What
    the threshold adds to the strokes or takes from them is put right by how much ink the grey values hold.

    Args:
        pixels: uint8 (H, W, 1 or 3).

    Source: N. Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9 (1979), 62–66, for the threshold.

    Example:
        >>> page = np.full((40, 40, 1), 255, dtype=np.uint8)
        >>> page[5:35, 18:22] = 0
        >>> round(stroke_width(page), 1)
        3.8
    """
    from scipy.ndimage import distance_transform_edt

    grey = _longest(to_image(pixels).convert("L"))
    table = np.asarray(grey)
    threshold = otsu(np.bincount(table.ravel(), minlength=256))
    if threshold is None:
        return math.nan
    border = np.concatenate([table[0], table[-1], table[:, 0], table[:, -1]])
    ink_is_dark = bool((border > threshold).mean() >= 0.5)
    # Thrice the size: on the pixels' own grid strokes one and two pixels wide are as far from their edges.
    large = np.asarray(grey.resize((3 * grey.width, 3 * grey.height), Image.Resampling.BILINEAR))
    dark = large <= threshold
    ink = np.pad(dark if ink_is_dark else ~dark, 1)
    if not ink.any() or ink.all():
        return math.nan
    width = 4 * (float(distance_transform_edt(ink)[ink].mean()) - 0.5) / 3
    share = _ink(table, threshold, ink_is_dark=ink_is_dark) / (float(ink.sum()) / 9)
    return float(width * share * max(pixels.shape[:2]) / max(grey.size))


def _longest(grey: Image.Image) -> Image.Image:
    if max(grey.size) <= LONGEST:
        return grey
    scale = LONGEST / max(grey.size)
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    return grey.resize(size, Image.Resampling.BOX)


def _ink(table: NDArray[np.uint8], threshold: int, *, ink_is_dark: bool) -> float:
    """Return how many pixels of full ink the grey values make together."""
    dark, bright = table[table <= threshold], table[table > threshold]
    inside, outside = (dark, bright) if ink_is_dark else (bright, dark)
    full = float(np.quantile(inside, 0.1 if ink_is_dark else 0.9))
    ground = float(np.median(outside))
    return float(np.clip((table - ground) / (full - ground), 0, 1).sum())


def otsu(counts: NDArray[np.int64]) -> int | None:
    """Return the grey value up to which pixels are dark; None where they do not part.

    Args:
        counts: (256,) pixels of each grey value.

    Example:
        >>> otsu(np.bincount([10, 10, 12, 200, 210], minlength=256))
        105
    """
    levels = np.arange(len(counts))
    below = np.cumsum(counts)
    total = int(below[-1])
    sums = np.cumsum(counts * levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        dark, bright = sums / below, (sums[-1] - sums) / (total - below)
        between = below * (total - below) * (bright - dark) ** 2
    between = np.nan_to_num(between)
    if not total or between.max() <= 0:
        return None
    best = np.flatnonzero(between == between.max())
    at = int(best.mean())  # the middle of the gap between the two
    return at if bright[at] - dark[at] >= FLAT else None
