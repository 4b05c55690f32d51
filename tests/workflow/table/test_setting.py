"""The pictures of all rows: at each size the same ones."""

import shutil

import pytest

from tellapart.errors import DataError
from tellapart.recipe import Recipe
from tellapart.workflow.table import ExternalSource, TablePlan
from tellapart.workflow.table.setting import read_setting


def test_a_picture_that_changed_before_it_is_read_at_another_size_is_named(good, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    own, there = shutil.copytree(good, tmp_path / "own"), pictures(tmp_path / "there", count=5, seed=9)
    recipe = Recipe.make(data={"source": str(own), "image_size": (8, 8)}, net={"name": "softmax"})
    setting = read_setting(TablePlan(recipe, external=ExternalSource(str(there))), tmp_path / "table")
    assert len(setting.material(setting.prepared.preprocessing).external) == len(setting.external) == 10
    other = setting.prepared.preprocessing.model_copy(update={"image_size": (6, 6)})
    for folder, name in ((there, "there"), (own, "own")):
        shutil.copy(folder / "a" / "1.png", folder / "a" / "0.png")
        with pytest.raises(DataError, match=rf"'{name}' changed .* 'a/0\.png' \(it has other bytes now\)"):
            setting.material(other)
