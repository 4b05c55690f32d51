"""What the recipe says of the pictures reaches the network's preprocessing."""

import numpy as np
import pytest

from tellapart.defaults.preprocessing import preprocessing_of
from tellapart.defaults.pretrained import BACKBONE
from tellapart.recipe import DataRecipe, NetRecipe


@pytest.mark.parametrize(
    "beside",
    [
        {},
        {"pixels": np.zeros((2, 8, 6, 3), dtype=np.uint8)},
        {"net": NetRecipe(name=BACKBONE, weights="imagenet")},
        {"net": NetRecipe(name="softmax"), "pixels": np.zeros((2, 8, 6, 3), dtype=np.uint8), "rows": np.array([1])},
    ],
)
def test_how_a_picture_gets_its_size_is_what_the_recipe_says(beside):
    said = {
        "image_size": (8, 6), "channels": 3, "resize": "pad", "resample": "lanczos", "background": (10, 20, 30),
    }  # fmt: skip
    found = preprocessing_of(DataRecipe(**said), **beside)
    assert {name: getattr(found, name) for name in said} == said
