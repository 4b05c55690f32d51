"""What another process makes sure of before it trains along."""

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.images import open_dataset
from tellapart.images.preprocessing import Preprocessing
from tellapart.recipe import Recipe
from tellapart.workflow import team

RECIPE = Recipe.make(
    data={"source": "digits", "image_size": (8, 8), "channels": 1, "resize": "stretch", "resample": "bilinear"},
    net={"name": "softmax", "weights": "none"}, training={"transfer": "none"},
)  # fmt: skip


@pytest.fixture
def given(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))

    def make(**changes):
        nothing = (np.zeros(0, dtype=np.int64),) * 2
        plain = {
            "recipe": RECIPE.to_json(), "classes": 10, "train": nothing, "validation": nothing, "run": tmp_path,
            "preprocessing": Preprocessing(image_size=(8, 8), channels=1, mean=(0.3,), std=(0.3,)),
            "pixel_file": tmp_path / "not here.npy", "pictures": team.digest(open_dataset("digits")),
        }  # fmt: skip
        return team.Assignment(**plain | changes)

    return make


def test_the_first_process_s_pixels_are_mapped_where_they_are_seen(given, tmp_path):
    np.save(tmp_path / "pixels.npy", np.full((2, 8, 8, 1), 7, dtype=np.uint8))
    found = team._pixels(given(pixel_file=tmp_path / "pixels.npy"))
    assert isinstance(found, np.memmap)
    assert found[1, 0, 0, 0] == 7


def test_another_machine_reads_the_same_pictures_itself(given):
    assert team._pixels(given()).shape == (1797, 8, 8, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"version": "0.0.1"}, "0.0.1 where the first process runs"), ({"pictures": "other"}, "'digits' are others here")],
)
def test_other_pictures_or_another_version_are_said(given, changes, said):
    with pytest.raises(DataError, match=said):
        team._pixels(given(**changes))


def test_the_digest_follows_ids_and_labels():
    data = open_dataset("digits")
    assert team.digest(data) == team.digest(open_dataset("digits"))
    assert team.digest(data.select(np.arange(1796))) != team.digest(data)
    assert team.digest(data.with_class_names([*data.class_names[1:], data.class_names[0]])) != team.digest(data)
