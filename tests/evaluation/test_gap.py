"""The gap in macro F1 between one's own pictures and others."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tellapart.evaluation import Predictions, evaluate, macro_f1_gap

NAMES = ("cat", "dog", "fox")


def said(count, *, right, seed, groups=None):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    shown = np.where(rng.random(count) < right, labels, rng.integers(0, 3, count))
    return Predictions([f"{seed}/{i}" for i in range(count)], np.eye(3)[shown] * 4, labels, NAMES, groups)


def test_the_value_is_scikit_learn_s_and_the_evaluations_own():
    own, other = said(300, right=0.9, seed=0), said(200, right=0.5, seed=1)
    found = macro_f1_gap(own, other)
    expected = [f1_score(one.labels, one.predicted(), average="macro") for one in (own, other)]
    assert found.value == pytest.approx(expected[1] - expected[0])
    assert found.value == pytest.approx(evaluate(other)["macro_f1"].value - evaluate(own)["macro_f1"].value)
    assert (found.unit, found.count) == ("points", 200)
    assert found.low < found.value < found.high < 0


def test_the_interval_is_that_of_two_independent_figures():
    own, other = said(300, right=0.9, seed=0), said(200, right=0.5, seed=1)
    halves = [(f.high - f.low) / 2 for f in (evaluate(own)["macro_f1"], evaluate(other)["macro_f1"])]
    found = macro_f1_gap(own, other)
    assert (found.high - found.low) / 2 == pytest.approx(np.hypot(*halves), rel=0.1)


def test_where_all_is_right_on_both_sides_nothing_tells_the_interval():
    right = [said(count, right=1.0, seed=seed) for seed, count in enumerate((30, 10))]
    found = macro_f1_gap(*right)
    assert (found.value, found.low, found.high) == (0.0, None, None)
    assert found.short() == "0.0 points"


def test_groups_are_drawn_whole():
    own, other = said(300, right=0.9, seed=0), said(200, right=0.5, seed=1)
    alone = macro_f1_gap(own, other)
    hits = np.repeat(np.arange(10) % 2, 20).astype(bool)  # a writer is read well or badly
    shown = np.where(hits, other.labels, (other.labels + 1) % 3)
    writers = np.repeat([f"writer {i}" for i in range(10)], 20)
    grouped = dataclasses.replace(other, logits=np.eye(3)[shown] * 4, groups=writers)
    single = dataclasses.replace(grouped, groups=None)
    wide, narrow = macro_f1_gap(own, grouped), macro_f1_gap(own, single)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    assert alone.value != wide.value


def test_classes_without_pictures_are_in_no_mean():
    own = said(300, right=0.9, seed=0)
    other = said(200, right=0.9, seed=1)
    other = other.select(np.flatnonzero(other.labels != 2))
    expected = f1_score(other.labels, other.predicted(), average="macro", labels=[0, 1])
    assert macro_f1_gap(own, other).value == pytest.approx(expected - evaluate(own)["macro_f1"].value)
