"""Data sets and splits: immutable, checked, classes by name."""

import dataclasses

import numpy as np
import pytest

from tellapart.errors import DataError, SplitError
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset, Splits, strings


def data(n: int = 4, **changes) -> Dataset:
    pixels = np.arange(n, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    fields = {
        "ids": [f"p{i}" for i in range(n)], "images": ArrayImages(pixels), "labels": [i % 2 for i in range(n)],
        "class_names": ("cat", "dog"),
    }  # fmt: skip
    return Dataset(**{**fields, **changes})


def test_select_takes_positions_and_masks_in_order():
    dataset = data(groups=list("aabb"), given_split=["train", "", "test", "test"])
    for chosen in (dataset.select([3, 0]), dataset.select(np.array([3, 0]))):
        assert chosen.ids.tolist() == ["p3", "p0"]
        assert chosen.labels.tolist() == [1, 0]
        assert chosen.groups.tolist() == ["b", "a"]
        assert chosen.given_split.tolist() == ["test", "train"]
        assert chosen.images.load(0).pixels[0, 0, 0] == 3
        assert chosen.class_names == ("cat", "dog")
    assert dataset.select(np.array([True, False, False, True])).ids.tolist() == ["p0", "p3"]
    assert len(dataset.select([])) == 0


def test_counts_and_names():
    dataset = data(labels=[0, 0, -1, 0])
    assert dataset.counts() == {"cat": 3, "dog": 0}
    assert dataset.counts(np.array([3, 2])) == {"cat": 1, "dog": 0}
    assert [dataset.label_name(i) for i in (0, 2)] == ["cat", None]
    assert "4 pictures, 2 classes" in repr(dataset)


def test_a_class_is_its_name_in_other_data_sets_too():
    dataset = data(labels=[0, 1, -1, 1]).with_class_names(("bird", "dog", "ant"))
    assert dataset.labels.tolist() == [-1, 1, -1, 1]
    assert dataset.class_names == ("bird", "dog", "ant")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0, 1]}, "labels must have one entry an id, got 2 for 4 ids"),
        ({"groups": ["a"]}, "groups must have one entry an id"),
        ({"given_split": ["train"] * 5}, "given_split must have one entry an id"),
        ({"ids": ["a"]}, "images must have one entry an id, got 4 for 1 ids"),
        ({"class_names": ("cat", "cat")}, "class names must differ"),
        ({"labels": [0, 1, 2, 0]}, "0 to 1 .*got 0 to 2"),
        ({"labels": [0, 1, -2, 0]}, "got -2 to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        data(**changes)


def test_a_data_set_does_not_change_and_shows_itself_safely():
    dataset = data(class_names=("<script>", "b & c"), name="<b>")
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.labels = None
    assert "<script>" not in dataset._repr_html_()
    assert "b &amp; c" in dataset._repr_html_()


def test_strings_of_any_script_and_length_are_kept():
    names = ["笔画", "é" * 5000, "", "\U0001f408", "a\0b"]
    array = strings(names)
    assert array.tolist() == names
    assert strings(array) is array


def test_splits_are_sorted_and_nobody_stands_in_two():
    splits = Splits(train=[3, 1], validation=[2], test=[])
    assert splits.train.tolist() == [1, 3]
    assert splits.names(5).tolist() == ["", "train", "validation", "train", ""]
    assert list(splits) == ["train", "validation", "test"]
    assert len(splits) == 3
    assert splits.without(np.array([3, 9])).train.tolist() == [1]
    with pytest.raises(KeyError):
        splits["Train"]
    for twice in ({"train": [1, 1], "validation": [], "test": []}, {"train": [1], "validation": [], "test": [1]}):
        with pytest.raises(SplitError, match="stands in two splits"):
            Splits(**twice)


def test_positions_are_those_of_a_dictionary_even_where_hashes_are_shared(monkeypatch):
    from tellapart.images import dataset

    ids = [f"class-{i % 3}/{i}.png" for i in range(500)]
    wanted = [ids[77], "class-0/none.png", ids[0], ids[499], ids[77]]
    expected = [77, -1, 0, 499, 77]
    assert dataset.positions_of(ids, wanted).tolist() == expected
    assert dataset.positions_of([], wanted).tolist() == [-1] * 5
    assert dataset.positions_of(ids, []).tolist() == []
    monkeypatch.setattr(dataset, "_hashes", lambda values: np.zeros(len(values), dtype=np.int64))
    assert dataset.positions_of(ids, wanted).tolist() == expected


def test_an_id_that_stands_twice_is_found_even_where_hashes_are_shared(monkeypatch):
    from tellapart.images import dataset

    ids = [f"class-{i % 3}/{i}.png" for i in range(500)]
    for hashes in (dataset._hashes, lambda values: np.zeros(len(values), dtype=np.int64)):
        monkeypatch.setattr(dataset, "_hashes", hashes)
        assert dataset.repeated(dataset.strings(ids)) is None
        assert dataset.repeated(dataset.strings([])) is None
        assert dataset.repeated(dataset.strings([*ids, ids[77]])) == ids[77]
