"""Splits as ids: there and back, in JSON, and what becomes of a damaged file."""

import json
import sys

import numpy as np
import pytest

from tellapart.errors import RunCorruptError, SplitError
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import SPLIT_NAMES, Dataset, Splits
from tellapart.images.split import split
from tellapart.images.split_ids import from_ids, read_ids, to_ids, write_ids


@pytest.fixture
def data():
    images = ArrayImages(np.zeros((40, 1, 1), dtype=np.uint8), fingerprint="none")
    return Dataset([f"p{i}" for i in range(40)], images, [0, 1] * 20, class_names=("x", "y"))


def test_ids_go_there_and_back(data):
    splits = split(data)
    again = from_ids(data, to_ids(data, splits))
    assert all((again[name] == splits[name]).all() for name in SPLIT_NAMES)
    assert again.notes == splits.notes


def test_missing_ids_are_counted_and_named(data):
    document = to_ids(data, split(data))
    document["train"] = [*document["train"], "gone 1", "gone 2"]
    with pytest.raises(SplitError, match=r"2 of the 42 pictures .*'gone 1', 'gone 2'"):
        from_ids(data, document)
    with pytest.raises(SplitError, match="'test' has none"):
        from_ids(data, {"train": [], "validation": []})


def test_ids_are_written_as_json_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["tellapart.images.split_ids"], "BLOCK", 3)
    names = ["a", 'quo"te', "汉字", "b\\c", "d", "e", "f"]
    data = Dataset(names, ArrayImages(np.zeros((7, 2, 2), np.uint8)), [0, 1] * 3 + [0], class_names=("x", "y"))
    for splits in (
        Splits([0, 1, 2, 3, 4, 6], [5], [], notes=("one “note”",)),
        Splits([], [], [2, 1, 0]),
    ):
        write_ids(tmp_path / "splits.json", data, splits)
        document = json.loads((tmp_path / "splits.json").read_text(encoding="utf-8"))
        assert document == to_ids(data, splits)
        read = read_ids(tmp_path / "splits.json")
        assert {name: list(ids) for name, ids in read.items()} == document
        assert from_ids(data, read)["train"].tolist() == splits["train"].tolist()


@pytest.mark.parametrize("part", [0.0, 0.5, 0.9, 0.99])
def test_ids_that_are_cut_short_are_damaged(data, tmp_path, part):
    file = tmp_path / "splits.json"
    write_ids(file, data, split(data))
    whole = file.read_text()
    file.write_text(whole[: int(part * len(whole))])
    with pytest.raises(RunCorruptError, match=r"splits\.json is damaged .*: train again"):
        read_ids(file)
    file.write_text(json.dumps(json.loads(whole), indent=4))
    with pytest.raises(RunCorruptError, match="is damaged"):  # as another program would write it
        read_ids(file)
