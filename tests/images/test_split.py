"""Splits: exact shares, whole groups, given splits kept, clear errors."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.errors import SplitError
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import SPLIT_NAMES, Dataset
from tellapart.images.split import split
from tellapart.images.stratify import shares


def dataset(labels, *, groups=None, given_split=None, classes=None):
    labels = np.asarray(labels)
    names = tuple(f"class {i}" for i in range(classes or labels.max() + 1))
    images = ArrayImages(np.zeros((len(labels), 1, 1), dtype=np.uint8), fingerprint="none")
    ids = [f"p{i}" for i in range(len(labels))]
    return Dataset(ids, images, labels, class_names=names, groups=groups, given_split=given_split)


def counts(data, positions):
    return np.bincount(data.labels[positions], minlength=len(data.class_names))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-1, 4), min_size=30, max_size=200),
    st.integers(0, 2**40),
    st.floats(0.1, 0.4),
)
def test_every_labelled_picture_stands_in_one_split_and_shares_are_exact(labels, seed, fraction):
    data = dataset([0, 0, 0, 0, 1, 1, 1, 1, *labels], classes=5)
    splits = split(data, validation_fraction=fraction, test_fraction=fraction, seed=seed)
    everything = np.concatenate(list(splits.values()))
    assert sorted(everything) == np.flatnonzero(data.labels >= 0).tolist()
    total = counts(data, everything)
    exact = total * fraction
    taken = counts(data, splits.test)
    spare = np.maximum(total - 1, 0)
    assert (taken >= np.minimum(np.floor(exact + 1e-9), spare)).all()
    assert (taken <= np.ceil(exact - 1e-9)).all()
    assert ((counts(data, splits.train) > 0) == (total > 0)).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_group_stands_on_two_sides(draw):
    n_groups = draw.draw(st.integers(6, 30))
    groups = draw.draw(st.lists(st.integers(0, n_groups - 1), min_size=40, max_size=150))
    rng = np.random.default_rng(draw.draw(st.integers(0, 1000)))
    # Two classes with pictures in six groups each, so that a split is always possible.
    groups = np.concatenate([np.repeat(np.arange(6), 2), groups])
    labels = np.concatenate([np.tile([0, 1], 6), rng.integers(0, 3, len(groups) - 12)])
    data = dataset(labels, groups=groups.astype(str), classes=3)
    splits = split(data, seed=draw.draw(st.integers(0, 99)))
    sides = [set(data.groups[splits[name]]) for name in SPLIT_NAMES]
    assert sum(len(side) for side in sides) == len(set.union(*sides))
    assert all(len(positions) for positions in splits.values())
    assert ((counts(data, splits.train) > 0) == (np.bincount(labels, minlength=3) > 0)).all()


def test_grouped_shares_are_close_to_stratified():
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(55), 300)
    groups = np.repeat(np.arange(300), 55)
    keep = rng.random(len(labels)) > 0.1
    data = dataset(labels[keep], groups=groups[keep].astype(str))
    splits = split(data, test_fraction=0)
    share = counts(data, splits.validation) / np.bincount(data.labels)
    assert abs(len(splits.validation) / len(data) - 0.2) < 0.005
    assert abs(share - 0.2).max() < 0.03
    assert "in whole groups (60 of 300)" in splits.notes[0]


def test_given_splits_are_kept_and_the_missing_one_is_made():
    where = ["train"] * 50 + ["test"] * 20
    data = dataset([0, 1] * 35, given_split=where)
    splits = split(data)
    assert splits.test.tolist() == list(range(50, 70))
    assert len(splits.validation) == 10
    assert splits.notes[:2] == ("train: given by the source, 50 pictures", "test: given by the source, 20 pictures")
    assert splits.notes[2].startswith("validation: 10 of 50 training pictures (20.0%), stratified by class")


def test_all_given_splits_are_taken_as_they_are():
    where = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    splits = split(dataset([0, 1] * 5, given_split=where))
    assert {name: len(positions) for name, positions in splits.items()} == {"train": 6, "validation": 2, "test": 2}


def test_groups_of_a_given_test_set_do_not_validate_and_their_conflict_is_said():
    where = ["train"] * 40 + ["test"] * 4
    groups = [str(i // 4) for i in range(40)] + ["0"] * 4
    splits = split(dataset([0, 1] * 22, groups=groups, given_split=where))
    assert not set(range(4)) & set(splits.validation.tolist())
    assert any(note.startswith("warning: 1 of 10 groups stand in more than one") for note in splits.notes)


def test_pictures_of_which_nothing_is_said_follow_their_group():
    where = ["train"] * 20 + ["test"] * 4 + ["", ""]
    groups = [str(i // 2) for i in range(20)] + ["t"] * 4 + ["t", "new"]
    splits = split(dataset([0, 1] * 13, groups=groups, given_split=where))
    assert 24 in splits.test
    assert 25 not in splits.test


def test_the_seed_decides_and_the_global_state_does_not():
    data = dataset(np.arange(400) % 4)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = split(data, seed=1), split(data, seed=1), split(data, seed=2)
    assert (first.test == second.test).all()
    assert (first.validation == second.validation).all()
    assert not np.array_equal(first.test, other.test)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_a_class_of_one_picture_only_trains_and_is_said():
    splits = split(dataset([0] * 20 + [1] * 20 + [2]))
    assert 40 in splits.train
    assert "warning: class 'class 2' has a single picture: it can only train" in splits.notes


def test_a_class_without_validation_pictures_is_said():
    splits = split(dataset([0] * 40 + [1] * 40 + [2, 2]))
    assert any("class 'class 2' has no" in note for note in splits.notes)


def test_where_nothing_trains_because_all_is_test_the_source_is_named():
    data = dataclasses.replace(dataset([0, 1] * 4, classes=2), given_split=["test"] * 8)
    with pytest.raises(SplitError, match=r"all labelled ones are 8 of test: rename the folder, or give the one below"):
        split(data)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([0, 0, 0], "one class to train on, 'class 0'"),
        ([0, 1], "each of the 2 classes has one picture left"),
        ([-1, -1], "no labelled pictures"),
    ],
)
def test_what_cannot_be_split_is_said(labels, match):
    with pytest.raises(SplitError, match=match):
        split(dataset(labels, classes=2))


def test_one_group_a_class_cannot_be_split():
    with pytest.raises(SplitError, match="each group is needed to train"):
        split(dataset([0] * 10 + [1] * 10, groups=["a"] * 10 + ["b"] * 10))


def test_fractions_are_checked():
    with pytest.raises(SplitError, match=r"test_fraction must be at least 0 and below 1, got 1.5"):
        split(dataset([0, 1] * 5), test_fraction=1.5)


def test_largest_remainder_by_hand():
    # 0.3 of 7, 5, 4 is 2.1, 1.5, 1.2: five in all (4.8 rounded); the remainder 0.5 wins.
    assert shares(np.array([7, 5, 4]), 0.3, rng=np.random.default_rng(0)).tolist() == [2, 2, 1]


def test_fifty_five_classes_with_two_small_ones():
    sizes = np.array([585] * 53 + [200, 120])
    data = dataset(np.repeat(np.arange(55), sizes))
    splits = split(data, test_fraction=0)
    assert abs(counts(data, splits.validation) - sizes * 0.2).max() < 1


def test_copies_stay_together_and_shares_stay_close():
    family = np.arange(400)
    family[1::8] = family[0::8]
    data = dataset(np.repeat([0, 1], 200))
    splits = split(data, together=family)
    sides = [set(family[splits[name]].tolist()) for name in SPLIT_NAMES]
    assert sum(len(side) for side in sides) == len(set.union(*sides))
    assert abs(len(splits.test) - 60) < 6
    assert splits.notes[0].endswith("stratified by class, copies together, seed 0")


def test_a_class_whose_pictures_are_copies_of_another_s_trains():
    family = np.arange(61)
    family[60] = 0  # the only picture of the last class is a copy of one of the first
    data = dataset(np.append(np.repeat([0, 1], 30), 2))
    for seed in range(20):
        splits = split(data, seed=seed, test_fraction=0.4, together=family)
        assert {0, 60} <= set(splits.train.tolist())


def test_copies_join_groups():
    groups = np.repeat(np.arange(20), 5)
    family = np.arange(100)
    family[5] = 0  # groups 0 and 1 hold one picture
    data = dataset(np.arange(100) % 2, groups=groups.astype(str))
    for seed in range(5):
        names = split(data, seed=seed, together=family).names(100)
        assert len(set(names[:10].tolist())) == 1


def test_a_picture_that_stands_six_hundred_times_trains_and_the_others_give_their_share():
    family = np.arange(2000)
    family[:600] = 0  # "image not available"
    data = dataset(np.arange(2000) % 2)
    for seed in range(10):
        splits = split(data, seed=seed, together=family)
        assert set(range(600)) <= set(splits.train.tolist())
        assert abs(len(splits.test) - 0.15 * 1400) <= 2
        assert counts(data, splits.test).tolist() == [len(splits.test) // 2] * 2


@pytest.mark.parametrize("copies", [0, 3, 4, 6])
def test_copies_of_one_picture_leave_the_shares_of_small_classes_as_they_are(copies):
    """Forty classes of three pictures each, and more copies of the first."""
    labels = np.concatenate([np.repeat(np.arange(40), 3), np.zeros(copies, dtype=int)])
    family = np.concatenate([np.arange(120), np.zeros(copies, dtype=int)])
    splits = split(dataset(labels), together=family)
    assert 17 <= len(splits.test) <= 19
    assert 19 <= len(splits.validation) <= 22


def test_large_families_are_taken_whole_where_there_are_no_others():
    family = np.repeat(np.arange(40), 10)  # forty clips of ten frames
    data = dataset(np.arange(400) // 10 % 2)
    splits = split(data, together=family)
    assert abs(len(splits.test) - 60) <= 10
    sides = [set(family[splits[name]].tolist()) for name in SPLIT_NAMES]
    assert sum(map(len, sides)) == 40


def test_pictures_whose_group_trains_and_tests_train():
    where = ["train"] * 22 + ["test"] * 4 + [""]
    groups = [str(i // 2) for i in range(20)] + ["both"] * 7
    splits = split(dataset([0, 1] * 13 + [0], groups=groups, given_split=where))
    assert 26 not in splits.test
    assert {20, 21, 26} <= set(splits.train.tolist())
