from __future__ import annotations

import json

import numpy as np
import pytest

from tellapart.errors import DataError, SplitError
from tellapart.evaluation import Figure, make_folds, summarize_folds, thin_classes

LABELS = np.random.default_rng(0).choice(4, p=[0.5, 0.3, 0.15, 0.05], size=400)


@pytest.mark.parametrize("grouped", [False, True])
def test_each_picture_is_held_out_once(grouped):
    groups = np.arange(400) // 8 if grouped else None
    folds = make_folds(LABELS, folds=5, groups=groups)
    np.testing.assert_array_equal(np.sort(np.concatenate([fold.held_out for fold in folds])), np.arange(400))
    for fold in folds:
        assert not set(fold.train) & set(fold.held_out)
        assert len(fold.train) + len(fold.held_out) == 400
        if groups is not None:
            assert not set(groups[fold.train]) & set(groups[fold.held_out])


def test_shares_of_the_classes_are_alike():
    for fold in make_folds(LABELS):
        share = np.bincount(LABELS[fold.held_out], minlength=4) / np.bincount(LABELS)
        np.testing.assert_allclose(share, 0.2, atol=0.06)


def test_seeds():
    first, again, other = (make_folds(LABELS, seed=seed) for seed in (0, 0, 1))
    assert all((a.held_out == b.held_out).all() for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a.held_out, b.held_out) for a, b in zip(first, other, strict=True))


def test_unknown_labels_are_in_no_fold():
    labels = np.array([-1, 0, 0, -1, 1, 1])
    folds = make_folds(labels, folds=2, groups=np.array(list("abcdef"), dtype=np.dtypes.StringDType()))
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == [1, 2, 4, 5]


def test_thin_classes_are_named_not_a_crash():
    labels = [0] * 6 + [1]
    folds = make_folds(labels, folds=3)
    assert thin_classes(labels, folds, class_names=("many", "one")) == (
        "“one” has no picture to train on in 1 of 3 folds, none held out in 2",
    )


@pytest.mark.parametrize(
    ("labels", "options", "says"),
    [
        ([0, 0, 1], {"folds": 1}, "at least 2"),
        ([0, 0, 1], {"folds": 3}, "the largest has 2"),
        ([-1, -1], {"folds": 2}, "the largest has 0"),
        ([0, 0, 1, 1], {"folds": 2, "groups": list("aaaa")}, "there are 1"),
        ([0, 0, 1, 1], {"folds": 2, "groups": list("a")}, "one entry a picture"),
    ],
)
def test_impossible_folds_are_named(labels, options, says):
    with pytest.raises(SplitError, match=says):
        make_folds(labels, **options)


def test_mean_and_deviation_over_the_folds():
    values = [0.91, 0.93, 0.9, 0.95]
    found = summarize_folds([Figure(value, count=50, name="accuracy", unit="%") for value in values])
    assert found.mean == pytest.approx(np.mean(values))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))
    assert str(found) == "92.2% ± 2.2 (4 folds, 200 pictures)"
    json.dumps(found.to_dict(), allow_nan=False)
    one = summarize_folds([Figure(0.5, count=9, name="loss"), Figure(None, count=1, name="loss")])
    assert (one.deviation, str(one)) == (None, "0.500 (1 folds, 10 pictures)")
    with pytest.raises(DataError):
        summarize_folds([])
    with pytest.raises(DataError, match="same one"):
        summarize_folds([Figure(0.5, name="loss"), Figure(0.5, name="accuracy")])
