from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from tellapart.errors import DataError, SplitError
from tellapart.evaluation import Figure, make_folds, summarize_folds, thin_classes, wilson_interval
from tellapart.images.dealing import _shares

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


def test_pictures_without_a_group_stand_alone():
    groups = np.array([""] * 380 + ["Ann"] * 20, dtype=np.dtypes.StringDType())
    for fold in make_folds(LABELS, folds=5, groups=groups):
        assert 60 < len(fold.held_out) < 100
        assert len(set(groups[fold.train]) & {"Ann"}) + len(set(groups[fold.held_out]) & {"Ann"}) == 1


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
        ([0, 0, 1, 1], {"folds": 2, "groups": list("a")}, "one entry per picture"),
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


def figures(*values):
    return [Figure(value, value - 0.05, value + 0.05, 100, "accuracy", "%") for value in values]


def test_the_interval_is_student_s_with_the_variance_corrected_for_shared_training_pictures():
    from scipy import stats

    values = (0.90, 0.92, 0.91, 0.95, 0.89)
    found = summarize_folds(figures(*values))
    usual = stats.t.interval(0.95, 4, loc=np.mean(values), scale=np.std(values, ddof=1) / np.sqrt(5))
    # Nadeau and Bengio: 1/K becomes 1/K + 1/(K − 1), so that the half width grows by the root of 1 + K/(K − 1).
    half = (usual[1] - usual[0]) / 2 * np.sqrt(1 + 5 / 4)
    assert found.low == pytest.approx(np.mean(values) - half)
    assert found.high == pytest.approx(np.mean(values) + half)
    assert summarize_folds(figures(*values), ratio=0.5).low < found.low


def test_the_interval_is_never_narrower_than_the_count_of_pictures_allows():
    pooled = Figure(1.0, 0.96, 1.0, 100, "accuracy", "%")
    alike = summarize_folds(figures(1.0, 1.0, 1.0), pooled=pooled)
    assert (alike.deviation, alike.low, alike.high) == (0.0, 0.96, 1.0)
    low, high = wilson_interval(300, 300)
    found = summarize_folds(figures(1.0, 1.0, 1.0))
    assert (found.low, found.high) == pytest.approx((float(low), float(high)))
    losses = [Figure(0.5, count=9, name="loss")] * 3
    assert summarize_folds(losses).low is None, "folds that are alike do not tell how wide it is"


def test_folds_without_a_mistake_have_no_interval_where_nothing_tells_its_width():
    pooled = Figure(1.0, None, None, 100, "accuracy", "%")  # as of macro F1, whose resampling shows no spread
    alike = summarize_folds(figures(1.0, 1.0, 1.0), pooled=pooled)
    assert (alike.mean, alike.low, alike.high) == (1.0, None, None)
    assert summarize_folds(figures(1.0, 0.9, 1.0), pooled=pooled).low is not None


def test_one_fold_has_no_interval_and_shares_stay_shares():
    assert summarize_folds(figures(0.9)).figure.interval() == ""
    wide = summarize_folds(figures(0.2, 0.9))
    assert (wide.low, wide.high) == (0.0, 1.0)
    losses = summarize_folds([Figure(value, count=9, name="loss") for value in (0.2, 1.9)])
    assert losses.low == 0.0
    assert losses.high > 1.9


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    # Nearest-mean classifiers of 2-D points: the truth is their accuracy on 20,000 new points, averaged over trainings.
    rng = np.random.default_rng(0)

    def points(count):
        labels = np.arange(count) % 2
        return rng.normal(size=(count, 2)) + 0.8 * labels[:, None], labels

    def right(train, test):
        centres = np.stack([train[0][train[1] == k].mean(axis=0) for k in (0, 1)])
        nearer = ((test[0][:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        return (nearer == test[1]).mean()

    new = points(20_000)
    truth = np.mean([right(points(64), new) for _ in range(200)])
    hits = 0
    for trial in range(200):
        x, y = points(80)
        parts = make_folds(y, folds=5, seed=trial)
        values = [right((x[p.train], y[p.train]), (x[p.held_out], y[p.held_out])) for p in parts]
        found = summarize_folds([Figure(float(v), count=16, name="accuracy", unit="%") for v in values])
        hits += found.low <= truth <= found.high
    assert hits / 200 >= 0.93


@pytest.mark.parametrize("seed", range(20))
def test_a_few_groups_among_single_pictures_leave_the_classes_alike(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, size=203, p=[0.5, 0.3, 0.15, 0.05])
    groups = np.arange(203)
    for start in range(0, 3 * rng.integers(1, 9), 3):
        groups[start : start + 3] = start
    folds = make_folds(labels, folds=5, groups=groups, seed=seed)
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == list(range(203))
    shares = np.array([np.bincount(labels[fold.held_out], minlength=4) for fold in folds])
    assert np.ptp(shares, axis=0).max() <= 3  # a group of three may be of one class
    assert np.ptp(shares.sum(axis=1)) <= 4
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.held_out])


def test_one_pair_costs_no_table_of_all_pictures_by_all_classes():
    labels = np.arange(50_000) % 2_000
    groups = np.arange(50_000)
    groups[2_000] = groups[0]
    tracemalloc.start()
    folds = make_folds(labels, folds=5, groups=groups)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20  # the table would have 800 MB
    assert sum(len(fold.held_out) for fold in folds) == 50_000
    assert sum({0, 2_000} <= set(fold.held_out.tolist()) for fold in folds) == 1


@pytest.mark.parametrize("trial", range(200))
def test_pictures_are_spread_as_evenly_as_groups_allow(trial):
    rng = np.random.default_rng(trial)
    held, count = rng.integers(0, 6, size=int(rng.integers(2, 7))), int(rng.integers(0, 12))
    given = _shares(held, count, whole=held.copy(), rng=rng)
    level = list(held)
    for _ in range(count):  # one picture at a time, to the fold with the fewest
        level[level.index(min(level))] += 1
    assert given.sum() == count
    assert sorted(held + given) == sorted(level)
