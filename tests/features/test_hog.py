"""HOG against scikit-image."""

import numpy as np
import pytest
from skimage import data, feature

from tellapart.errors import DataError, RecipeError
from tellapart.features import extract
from tellapart.features.hog import hog

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("cell", "orientations", "block"), [(4, 9, 2), (5, 8, 3), (8, 12, 1), (3, 2, 4)])
@pytest.mark.parametrize("shape", [(28, 28, 1), (30, 41, 3)])
def test_the_figures_are_scikit_images(cell, orientations, block, shape):
    pixels = RNG.integers(0, 256, size=(4, *shape), dtype=np.uint8)
    ours = hog(pixels, cell=cell, orientations=orientations, block=block)
    for picture, row in zip(pixels, ours, strict=True):
        theirs = feature.hog(
            picture if shape[2] == 3 else picture[..., 0],
            orientations=orientations,
            pixels_per_cell=(cell, cell),
            cells_per_block=(min(block, shape[0] // cell),) * 2,
            channel_axis=2 if shape[2] == 3 else None,
        )
        assert np.allclose(row, theirs, atol=1e-6)


def test_a_photograph():
    cat = data.chelsea()
    theirs = feature.hog(cat, pixels_per_cell=(16, 16), cells_per_block=(2, 2), channel_axis=2)
    assert np.allclose(extract(cat[None], "hog")[0], theirs, atol=1e-6)


def test_small_pictures_have_fewer_cells_in_a_block():
    assert hog(np.zeros((1, 8, 8, 1), dtype=np.uint8), cell=8, block=3).shape == (1, 9)
    assert hog(np.zeros((1, 2, 2, 1), dtype=np.uint8)).shape == (1, 9)


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="at least 9x9"):
        hog(np.zeros((1, 8, 8, 1), dtype=np.uint8), cell=9)
    for options in ({"cell": 0}, {"orientations": 1}, {"block": 0}, {"cell": 2.5}):
        with pytest.raises(RecipeError, match="whole number"):
            hog(np.zeros((1, 28, 28, 1), dtype=np.uint8), **options)
