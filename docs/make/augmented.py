"""Draw docs/pictures/training-augmented.png: what sets of random changes do to pictures.

Pictures: scikit-learn's digits, and the photographs chelsea and rocket that come with scikit-image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from sklearn.datasets import load_digits

from tellapart.recipe import AUGMENTATIONS, AugmentRecipe
from tellapart.training.augment import augment

PICTURE = Path(__file__).parents[1] / "pictures" / "training-augmented.png"
COLUMNS = 9


def changed(picture: NDArray[np.uint8], recipe: AugmentRecipe, *, count: int) -> list[NDArray[np.uint8]]:
    """Return the picture, uint8 (H, W, C), and after it so many random changes of it."""
    batch = torch.tensor(picture).permute(2, 0, 1)[None].float().div(255).repeat(count, 1, 1, 1)
    made = augment(batch, recipe, generator=torch.Generator().manual_seed(3))
    pixels = made.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    return [picture, *pixels]


def main() -> None:
    """Draw it."""
    digits = (load_digits().images * (255 / 16)).round().astype(np.uint8)
    cat = np.asarray(Image.fromarray(data.chelsea()[:300, 80:380]).resize((112, 112)))
    rocket = np.asarray(Image.fromarray(data.rocket()[0:420, 110:530]).resize((112, 112)))
    pictures = [("writing", digits[4][..., None]), ("writing", digits[9][..., None]), ("photo", cat), ("photo", rocket)]
    rows = [(name, changed(picture, AUGMENTATIONS[name], count=COLUMNS - 1)) for name, picture in pictures]
    own = AugmentRecipe(flip_horizontal=True, crop=0.5, saturation=0.6, hue=20)
    rows.append(("crop 0.5, hue 20,\nsaturation 0.6", changed(cat, own, count=COLUMNS - 1)))
    figure = Figure(figsize=(COLUMNS, len(rows) + 0.2), layout="constrained")
    for row, (name, shown) in enumerate(rows):
        for column, picture in enumerate(shown):
            axes = figure.add_subplot(len(rows), COLUMNS, row * COLUMNS + column + 1)
            axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if row == 0 and column < 2:
                axes.set_title(("as it is", "changed")[column], fontsize=8)
            if column == 0:
                axes.set_ylabel(name, fontsize=8)
    figure.savefig(PICTURE, dpi=90, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
