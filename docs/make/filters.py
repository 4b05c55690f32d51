"""Draw the pictures of docs/filters.md and docs/classical-vision.md into docs/pictures/.

python docs/make/filters.py
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from skimage import data

from tellapart.features.hog import _cell_histograms
from tellapart.filters import (
    average_pool,
    draw_filters,
    gabor_bank,
    gabor_response,
    gaussian_derivative,
    gaussian_pyramid,
    gradient,
    laplacian_pyramid,
    max_pool,
    smooth,
    yellowness,
)

PICTURES = Path(__file__).parents[1] / "pictures"


def draw(name: str, panels: dict[str, np.ndarray], *, columns: int, signed: bool = False, size: float = 2.0) -> None:
    """Save a grid of pictures with titles."""
    rows = -(-len(panels) // columns)
    first = next(iter(panels.values()))
    figure = Figure(
        figsize=(columns * size, rows * (size * first.shape[0] / first.shape[1] + 0.3)), layout="constrained"
    )
    for i, (title, panel) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, i + 1)
        limit = np.abs(panel).max() if signed else None
        options = {"vmin": -limit, "vmax": limit} if signed else {}
        if panel.dtype == np.uint8:
            options = {"vmin": 0, "vmax": 255}
        axes.imshow(panel, cmap="gray", interpolation="nearest", **options)
        axes.set_title(title, fontsize=8)
        axes.set_axis_off()
    figure.savefig(PICTURES / f"{name}.png", dpi=90, pil_kwargs={"optimize": True})


def draw_signals() -> None:
    """Save the smoothed random walk."""
    walk = np.random.default_rng(1).standard_normal(500).cumsum()
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot(walk, color="0.7", linewidth=0.8, label="random walk, 500 steps")
    upper.plot(smooth(walk, window="hann", length=50), color="C0", label="Hann window of 50")
    lower.plot(gaussian_derivative(walk, sigma=4, order=1), color="C1", label="Gaussian derivative, sigma 4, order 1")
    lower.axhline(0, color="0.8", linewidth=0.8)
    for axes in (upper, lower):
        axes.legend(fontsize=7, frameon=False)
        axes.tick_params(labelsize=7)
    figure.savefig(PICTURES / "filters-signal.png", dpi=100)


def draw_hog(photo: np.ndarray) -> None:
    """Save a photograph beside its HOG cells, each a star of strokes along the edges it holds."""
    cells = _cell_histograms(photo[None], 8, 9)[0]
    figure = Figure(figsize=(5, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(photo[..., 0], cmap="gray")
    for i in range(9):
        angle = np.pi * (i + 0.5) / 9 + np.pi / 2  # an edge runs across its gradient
        y, x = np.mgrid[: cells.shape[0], : cells.shape[1]] * 8.0 + 4
        length = 4 * np.sqrt(cells[..., i] / cells.max())  # the root shows weak edges too
        across, down = length * np.cos(angle), length * np.sin(angle)
        ends = np.stack([x - across, x + across]).reshape(2, -1), np.stack([y - down, y + down]).reshape(2, -1)
        right.plot(*ends, color="black", linewidth=0.7)
    right.set_aspect("equal")
    right.invert_yaxis()
    for axes, title in ((left, "photograph"), (right, "HOG, cells of 8 pixels")):
        axes.set_title(title, fontsize=8)
        axes.set_axis_off()
    figure.savefig(PICTURES / "features-hog.png", dpi=100, pil_kwargs={"optimize": True})


def main() -> None:
    """Draw them all."""
    PICTURES.mkdir(exist_ok=True)
    camera = data.camera()[40:296, 90:346]
    cat = data.chelsea()[30:230, 80:340]
    names = ["identity", "sobel-v", "sobel-h", "laplacian", "edge-1", "edge-2", "edge-3", "sharpen"]
    names += ["box", "gaussian-5x5", "mean-10x10", "unsharp-5x5"]
    draw("filters-kernels", draw_filters(camera, names), columns=4, size=1.4)
    found = gradient(camera)
    draw("filters-gradient", {"magnitude": found.magnitude, "direction": found.direction}, columns=2, size=1.8)
    bank = gabor_bank((0.1, 0.25), angles=4)
    draw("filters-gabor-bank", {f.name: f.weights.real for f in bank}, columns=4, signed=True, size=1.2)
    draw("filters-gabor", {f.name: np.abs(gabor_response(camera, f)) for f in bank}, columns=4, size=1.4)
    gaussian, laplacian = gaussian_pyramid(camera, levels=4), laplacian_pyramid(camera, levels=4)
    panels = {f"Gaussian {p.shape[0]}×{p.shape[1]}": p for p in gaussian}
    panels |= {f"{'Laplacian' if i < 3 else 'rest'} {p.shape[0]}×{p.shape[1]}": p for i, p in enumerate(laplacian)}
    draw("filters-pyramid", panels, columns=4, size=1.4)
    small = camera[32:128, 60:156]
    pooled = {"96×96": small, "maximum of 4×4": max_pool(small, 4), "average of 4×4": average_pool(small, 4)}
    draw("filters-pooling", pooled, columns=3, size=1.6)
    draw("filters-yellow", {"chelsea": cat, "red + green − blue": yellowness(cat)}, columns=2, size=2.2)
    draw_signals()
    draw_hog(camera[24:152, 40:168, None])


if __name__ == "__main__":
    main()
