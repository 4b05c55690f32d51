"""Intervals that respect groups, against simulations and against resampling by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.evaluation import Predictions, compare, error_at, evaluate, proportion_of, wilson_interval
from tellapart.evaluation.comparison import sign_flip_test
from tellapart.evaluation.groups import effective_count, group_sums
from tellapart.evaluation.intervals import bootstrap_confusions, bootstrap_means


def test_the_interval_covers_as_often_as_it_says_where_the_plain_one_does_not():
    """40 writers of 25 pictures whose own skill varies: beta-binomial, correlation 1 / (8 + 2 + 1)."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    respected = plain = 0
    for _ in range(1000):
        hits = rng.random(1000) < np.repeat(rng.beta(8, 2, size=40), 25)
        found = proportion_of(hits, groups=groups)
        respected += found.low <= 0.8 <= found.high
        low, high = wilson_interval(hits.sum(), 1000)
        plain += low <= 0.8 <= high
    assert 935 <= respected <= 970
    assert plain < 800


def test_groups_of_one_change_nothing_and_one_group_knows_nothing():
    hits = np.random.default_rng(1).random(60) < 0.7
    assert proportion_of(hits, groups=np.arange(60)) == proportion_of(hits)
    alone = proportion_of(hits, groups=np.zeros(60, dtype=np.int64))
    assert (alone.low, alone.high) == (0.0, 1.0)
    assert effective_count(np.ones(100, dtype=bool), np.repeat(np.arange(10), 10)) < 10


def test_a_mistake_in_one_group_alone_makes_nothing_more_certain():
    groups = np.repeat(np.arange(100), 10)
    none, one = np.ones(1000, dtype=bool), np.arange(1000) > 0
    assert proportion_of(none, groups=groups).low == pytest.approx(0.962, abs=0.001)
    assert proportion_of(one, groups=groups).low < proportion_of(none, groups=groups).low
    assert effective_count(np.arange(1000) % 400 > 0, groups) > 500, "three groups have one each: that is chance"


def test_groups_that_are_more_even_than_chance_tell_no_more_than_their_pictures():
    groups = np.repeat(np.arange(50), 4)
    hits = np.tile([True, True, True, False], 50)  # three of four in each
    hits[[3, 4]] = True, False  # but for two
    assert 180 < effective_count(hits, groups) <= 200


def test_resampling_groups_is_concatenating_drawn_groups():
    rng = np.random.default_rng(2)
    groups = np.sort(rng.integers(0, 12, 90))
    values = rng.normal(size=(90, 1)) + groups[:, None] / 4
    ours = bootstrap_means(values, groups=groups, resamples=4000)[:, 0]
    drawn = [np.concatenate([values[groups == g] for g in rng.choice(12, 12)]).mean() for _ in range(4000)]
    np.testing.assert_allclose(
        np.quantile(ours, [0.025, 0.5, 0.975]), np.quantile(drawn, [0.025, 0.5, 0.975]), atol=0.08
    )


def test_groups_that_are_alike_are_drawn_together_to_the_same_end():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(3000), rng.integers(1, 5, 3000))
    hits = (rng.random(len(groups)) < 0.8).astype(float)[:, None]
    sums = np.column_stack([np.bincount(groups, hits[:, 0]), np.bincount(groups)])
    weights = rng.multinomial(3000, np.full(3000, 1 / 3000), size=4000)
    drawn = weights @ sums
    found = bootstrap_means(hits, groups=groups, resamples=4000)[:, 0]
    np.testing.assert_allclose(
        np.quantile(found, [0.025, 0.5, 0.975]), np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.5, 0.975]), atol=0.001
    )


def test_confusions_are_drawn_by_whole_groups():
    labels, said = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    groups = np.array([0, 0, 1, 1, 1])
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (labels, said), 1)
    right, actual, predicted = bootstrap_confusions(
        confusion, by_group=np.column_stack([groups, labels, said]), resamples=50
    )
    first, second = actual[:, 0] / 2, actual[:, 1] / 2  # how often each group was drawn
    np.testing.assert_array_equal(first + second, 2)
    np.testing.assert_array_equal(right, np.column_stack([first, 2 * second, 0 * first]))
    np.testing.assert_array_equal(predicted, np.column_stack([first + second, first + 2 * second, 0 * first]))


def test_an_evaluation_respects_groups_and_says_so(make_predictions):
    said = make_predictions(300)
    order = np.argsort(said.correct(), kind="stable")  # each group all right or all wrong: as good as 30 pictures
    grouped = dataclasses.replace(said.select(order), groups=np.repeat(np.arange(30), 10).astype(str))
    plain, found = evaluate(said), evaluate(grouped)
    for key in ("accuracy", "macro_f1", "loss", "brier"):
        assert found[key].value == pytest.approx(plain[key].value)
        assert found[key].high - found[key].low > 1.8 * (plain[key].high - plain[key].low)
    for key in ("macro_precision", "macro_recall", "balanced_accuracy", "calibration_error"):
        assert found[key].high - found[key].low > 1.1 * (plain[key].high - plain[key].low), key
    for mine, alone in zip(found.classes, plain.classes, strict=True):
        assert mine.recall.method == mine.precision.method == "Wilson, by group"
        assert mine.f1.high - mine.f1.low > alone.f1.high - alone.f1.low
    assert found["accuracy"].method == "Wilson, by group"
    assert any("30 groups" in note for note in found.notes)
    assert error_at(grouped, 0.0)[1].high > error_at(said, 0.0)[1].high


def test_predictions_keep_their_groups(tmp_path, make_predictions):
    said = dataclasses.replace(make_predictions(6), groups=list("aabbcc"))
    said.save(tmp_path / "said.npz")
    assert Predictions.load(tmp_path / "said.npz").groups.tolist() == list("aabbcc")
    assert Predictions.join([said, said]).groups.tolist() == list("aabbcc") * 2
    assert Predictions.join([said, make_predictions(6)]).groups.tolist() == [*"aabbcc", *[""] * 6], "these stand alone"
    assert said.select([5, 0, 4]).group_numbers().tolist() == [1, 0, 1]
    assert said.select([5, 0]).group_numbers() is None
    lonely = dataclasses.replace(said, groups=["", "", "", "b", "", "b"])
    assert len(set(lonely.group_numbers().tolist())) == 5
    assert said.with_class_names(said.class_names[::-1]).groups.tolist() == list("aabbcc")
    with pytest.raises(DataError, match="groups must have one entry an id"):
        dataclasses.replace(said, groups=["a"])


def test_a_comparison_by_groups_is_more_careful(make_predictions):
    said = make_predictions(200)
    labels = said.labels
    better = dataclasses.replace(
        said, logits=np.where(np.arange(200)[:, None] < 40, 9 * np.eye(6)[labels], said.logits)
    )
    groups = np.repeat(np.arange(4), 50).astype(str)  # all of the gain comes from one writer of four
    assert compare(said, better).better == "B"
    by_group = compare(dataclasses.replace(said, groups=groups), better)
    assert by_group.better is None
    assert by_group.p_value > 0.4
    other_way = compare(said, dataclasses.replace(better, groups=groups))  # the groups of either side count
    assert (other_way.p_value, other_way.difference) == (by_group.p_value, by_group.difference)


def test_the_sign_flip_test_is_the_exact_one_for_few_groups():
    gains = np.array([3.0, 1.0, 2.0, -1.0])
    patterns = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    exact = (np.abs(patterns @ gains) >= gains.sum()).mean()
    assert sign_flip_test(gains) == pytest.approx(exact, abs=0.015)
    assert group_sums(gains[:, None], np.array([0, 1, 0, 1])).tolist() == [[5.0], [0.0]]
