"""Memory is asked for before it is taken, and the advice fits."""

import re

import pytest

from tellapart.errors import OutOfMemoryError
from tellapart.recipe import Recipe
from tellapart.workflow import learn, train

MIB = 2**20


def test_too_little_memory_gives_a_batch_size_that_fits(good, tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(learn, "available_memory", lambda: 8 * MIB)
    monkeypatch.setattr(learn.torch.cuda, "is_available", lambda: False)
    recipe = Recipe.make(
        data={"image_size": (128, 128)}, net={"name": "convnet16"}, baselines=(),
        training={"batch_size": 100_000, "epochs": 1, "precision": "float32"},
    )  # fmt: skip
    with pytest.raises(OutOfMemoryError, match=r"one step of 19 pictures needs .* are free") as raised:
        train(good, recipe, out=tmp_path / "run")
    advised = int(re.search(r"--batch-size (\d+)", str(raised.value))[1])
    assert 1 <= advised < 19
