"""Draw the pictures of docs/ladder.md.

``python -m docs.make`` draws the changed cat, scikit-image's chelsea. The others need the runs of the benchmark and its
pictures, which are no part of this project; none of them shows a photograph:

python -m docs.make.ladder benchmarks/results/cats_vs_dogs
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from sklearn.decomposition import PCA

import tellapart
from tellapart.recipe import AugmentRecipe
from tellapart.report import curves_figure
from tellapart.report.figures import OWN, SECOND
from tellapart.workflow.own_pictures import OwnPictures

from .augmented import changed

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
COLUMNS = 7


def main() -> None:
    """Draw a cat, and what the second rung makes of it."""
    recipe = tellapart.Recipe.load(ROOT / "benchmarks" / "cats_vs_dogs" / "augmented.toml")
    cat = np.asarray(Image.fromarray(data.chelsea()[:300, 80:380]).resize((150, 150)))
    shown = changed(cat, recipe.training.augment or AugmentRecipe(), count=2 * COLUMNS - 1)
    figure = Figure(figsize=(COLUMNS * 1.2, 2.5), layout="constrained")
    for place, picture in enumerate(shown, start=1):
        axes = figure.add_subplot(2, COLUMNS, place)
        axes.imshow(picture)
        axes.set_axis_off()
        if place <= 2:
            axes.set_title(("as it is", "changed")[place - 1], fontsize=8)
    figure.savefig(PICTURES / "ladder-augmented.jpg", dpi=90, pil_kwargs={"quality": 88})


def draw_curves(run: Path, *, name: str) -> None:
    """Draw the curves of a run, as a notebook shows them."""
    curves_figure(tellapart.Run.open(run)).savefig(PICTURES / f"{name}.png", dpi=80, pil_kwargs={"optimize": True})


def draw_features(run: Path) -> None:
    """Draw the validation pictures as dots, where their pixels, and their features, vary most."""
    opened, classifier = tellapart.Run.open(run), tellapart.Classifier.load(run)
    own = OwnPictures.reopened(opened, classifier)
    pixels = own.pixels[own.splits.validation]
    dogs = own.dataset.labels[own.splits.validation] == own.dataset.class_names.index("dogs")
    features = classifier.embeddings(pixels)
    figure = Figure(figsize=(9.0, 3.6), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    _dots(left, pixels.reshape(len(pixels), -1) / np.float32(255), dogs, title=f"{pixels[0].size:,} pixel values")
    _dots(right, features, dogs, title=f"{features.shape[1]:,} features")
    right.legend(frameon=False, markerscale=2)
    figure.savefig(PICTURES / "ladder-features.png", dpi=80, pil_kwargs={"optimize": True})


def _dots(axes: Axes, rows: NDArray[np.float32], dogs: NDArray[np.bool_], *, title: str) -> None:
    x, y = PCA(2, svd_solver="randomized", random_state=0).fit_transform(rows).T
    for which, name, colour in ((~dogs, "cats", SECOND), (dogs, "dogs", OWN)):
        axes.scatter(x[which], y[which], s=6, color=colour, alpha=0.6, linewidths=0, label=name)
    axes.set(title=title, xticks=[], yticks=[])


if __name__ == "__main__":
    runs = Path(sys.argv[1])
    for rung in ("scratch", "augmented"):
        draw_curves(runs / f"{rung}-0", name=f"ladder-{rung}-curves")
    draw_features(runs / "features-0")
