"""Alignment: lay one picture over another, to a fraction of a pixel, and measure what is left.

Copies differ by a resize and a trim, so that a shift and a stretch across and down bring them together. These four
numbers, a gain and an offset are found by least squares on the pictures' gradients, from coarse to fine.

Source: B. D. Lucas, T. Kanade, "An iterative image registration technique", 1981.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .descriptors import SIDE, moves

MARGIN = 0.035
"""Share of each side of the one picture that is left out, so that the rest may be sought in the other."""

GRID = 64
"""Longer side, in pixels, at which two pictures are compared."""

COARSE = 20

LARGEST = 4 * GRID
"""Larger pictures are brought below twice this first, by whole blocks: each step looks at all of their pixels."""

ROUNDS = (4, 5)
"""Steps at the coarse and at the full grid."""

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Match:
    """How well two pictures agree once one is laid over the other.

    Attributes:
        residual: root mean square of the grey difference over the standard deviation, 0 for equal pictures.
        detail: correlation of the pictures less their blurred selves, −1 to 1.
        worst: the largest root mean square difference of a block of an 8×8 raster, over the standard deviation.
        levels: root mean square of the grey difference, in grey levels.
        colour: root mean square difference of the colour (channels less grey), in levels; 0 for grey pictures.
        gain: contrast of the second over that of the first.
        offset: mean of the second less that of the first, in levels.
        fineness: standard deviation of the detail over that of the pictures: near 0 for blurred shapes, which agree
            in what little they show; 0.3 and more for strokes and textures.
    """

    residual: float
    detail: float
    worst: float
    levels: float
    colour: float
    gain: float
    offset: float
    fineness: float


def small_residual(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Floats:
    """Return how much two 16×16 pictures differ after the best small shift and stretch, over their contrast.

    Args:
        first: (P, 16, 16) uint8.
        second: (P, 16, 16) uint8.

    Returns:
        (P,) float32.

    Example:
        >>> a = np.random.default_rng(0).integers(0, 256, (1, 16, 16), dtype=np.uint8)
        >>> float(small_residual(a, a)[0])
        0.0
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    basis = moves((a + b) * np.float32(0.5))
    basis -= basis.mean(axis=2, keepdims=True)
    difference = (a - b).reshape(len(a), SIDE * SIDE)
    difference -= difference.mean(axis=1, keepdims=True)
    transposed = basis.transpose(0, 2, 1)
    normal = basis @ transposed + np.eye(4, dtype=np.float32) * SIDE**2
    solution = np.linalg.solve(normal, basis @ difference[..., None])
    left = difference - (transposed @ solution)[..., 0]
    contrast = np.maximum((a.std(axis=(1, 2)) + b.std(axis=(1, 2))) / 2, 1.0)
    out: Floats = np.sqrt((left**2).mean(axis=1)) / contrast
    return out


def align(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Match:
    """Return how well two pictures agree after the best shift and stretch of a few percent.

    Args:
        first: uint8, (H, W, 1 or 3).
        second: likewise, of any size.

    Example:
        >>> from skimage import data
        >>> cat = data.chelsea()
        >>> align(cat, cat[6:-6, 9:-9]).residual < 0.05
        True
    """
    a, b = _grey(first), _grey(second)
    box = np.array([MARGIN, MARGIN, 1 - MARGIN, 1 - MARGIN])
    sought = box.copy()
    full = _grid(a, b)
    for size, rounds in zip((_shrunk(full), full), ROUNDS, strict=True):
        target = _render(b, box, size)
        for _ in range(rounds):
            step = _step(_render(a, sought, size), target)
            sought = np.clip(sought + step * (sought[[2, 3, 2, 3]] - sought[[0, 1, 0, 1]]), 0, 1)
            if np.abs(step).max() < 0.02 / max(size):
                break
    return _compare(_render(a, sought, full), _render(b, box, full), colour=_colour(first, second, sought, box))


def _grey(pixels: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(pixels[..., 0]) if pixels.shape[2] == 1 else Image.fromarray(pixels).convert("L")
    factor = max(image.size) // LARGEST
    return image.reduce(factor) if factor > 1 else image


def _grid(a: Image.Image, b: Image.Image) -> tuple[int, int]:
    """Return (width, height) to compare at: no finer than either picture."""
    width, height = min(a.width, b.width), min(a.height, b.height)
    scale = min(1.0, GRID / max(width, height))
    return max(8, round(width * scale)), max(8, round(height * scale))


def _shrunk(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, COARSE / max(size))
    return max(8, round(size[0] * scale)), max(8, round(size[1] * scale))


def _render(image: Image.Image, box: NDArray[np.float64], size: tuple[int, int]) -> Floats:
    """Return the part of a picture inside a box (left, top, right, bottom as shares) at a size, slightly blurred."""
    area = box * [image.width, image.height, image.width, image.height]
    area[2:] = np.minimum(area[2:], [image.width, image.height])
    drawn = image.resize(size, Image.Resampling.BILINEAR, box=tuple(area.tolist()))
    return _blurred(np.asarray(drawn, dtype=np.float32))


def _blurred(pixels: Floats) -> Floats:
    """Return pixels under the 3×3 binomial kernel: evens out how sharp two copies are."""
    return _weighed(_weighed(pixels).T).T


def _weighed(pixels: Floats) -> Floats:
    """Return pixels under the kernel 1 2 1 along the columns, edges repeated; np.pad takes as long as all of it."""
    out = pixels * np.float32(0.5)
    quarter = pixels * np.float32(0.25)
    out[1:] += quarter[:-1]
    out[:-1] += quarter[1:]
    out[0] += quarter[0]
    out[-1] += quarter[-1]
    return out


def _step(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Return how the box in the first picture should move, as shares of its own size: (left, top, right, bottom)."""
    height, width = a.shape
    down, across = np.gradient((a + b) / 2)
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
    # a(x + left·(1 − x) + right·x, ...) ≈ a + across·(left·(1 − x) + right·x)·width + ...: linear in the six unknowns.
    columns = [across * (1 - x) * width, down * (1 - y) * height, across * x * width, down * y * height, a, a * 0 + 1]
    matrix = np.stack([column.ravel() for column in columns], axis=1).astype(np.float64)
    normal = matrix.T @ matrix
    normal[np.arange(4), np.arange(4)] += 1e-3 * np.trace(normal[:4, :4]) + 1e-6
    normal[4, 4] += 1e-6
    normal[5, 5] += 1e-6
    solution = np.linalg.solve(normal, matrix.T @ (b - a).ravel())
    out: NDArray[np.float64] = np.clip(solution[:4], -0.04, 0.04)
    return out


def _compare(a: Floats, b: Floats, *, colour: float) -> Match:
    spread = max(float((a.std() + b.std()) / 2), 1e-6)
    offset = float(b.mean() - a.mean())
    difference = b - a - offset
    fine_a, fine_b = a - _wide(a), b - _wide(b)
    energy = float(np.sqrt((fine_a**2).sum() * (fine_b**2).sum()))
    return Match(
        residual=float(np.sqrt((difference**2).mean())) / spread,
        detail=float((fine_a * fine_b).sum()) / energy if energy > 0 else 0.0,
        worst=float(np.sqrt(_block_means(difference**2).max())) / spread,
        levels=float(np.sqrt((difference**2).mean())),
        colour=colour,
        gain=float(b.std()) / max(float(a.std()), 1e-6),
        offset=offset,
        fineness=float(np.sqrt(energy / a.size)) / spread,
    )


def _block_means(values: Floats) -> Floats:
    """Return (8, 8) the means of the blocks of a raster; (H, W) of 8 and more a side."""
    rows, columns = ((np.arange(8) * side + 7) // 8 for side in values.shape)
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    counts = np.outer(*(np.diff(edges, append=side) for edges, side in zip((rows, columns), values.shape, strict=True)))
    out: Floats = sums / counts
    return out


def _wide(pixels: Floats) -> Floats:
    for _ in range(3):
        pixels = _blurred(pixels)
    return pixels


def _colour(
    first: NDArray[np.uint8], second: NDArray[np.uint8], sought: NDArray[np.float64], box: NDArray[np.float64]
) -> float:
    if first.shape[2] == 1 and second.shape[2] == 1:
        return 0.0
    drawn = []
    for pixels, area in ((first, sought), (second, box)):
        height, width = pixels.shape[:2]
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
        limits = np.minimum(area * [width, height, width, height], [width, height, width, height])
        small = image.resize((16, 16), Image.Resampling.BILINEAR, box=tuple(limits.tolist()))
        values = np.asarray(small, dtype=np.float32)
        drawn.append(values - values.mean(axis=2, keepdims=True))
    return float(np.sqrt(((drawn[0] - drawn[1]) ** 2).mean()))
