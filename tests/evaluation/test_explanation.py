"""Why it is worse elsewhere: what is planted is found, and what chance made is not."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from tellapart.evaluation import Predictions, evaluate, explain
from tellapart.evaluation.explanation import fisher, holm

NAMES = ("one", "seven", "eight")


def said(count=600, *, seed=0, wrong=0.1, ones_as_sevens=0.0):
    """A classifier that is wrong at random, and takes some more ones for sevens."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    answers = np.where(rng.random(count) < wrong, (labels + rng.integers(1, 3, count)) % 3, labels)
    answers = np.where((labels == 0) & (rng.random(count) < ones_as_sevens), 1, answers)
    logits = 3 * np.eye(3)[answers] + rng.normal(0, 0.1, (count, 3))
    return Predictions([f"{seed}/{i}" for i in range(count)], logits, labels, NAMES)


def test_what_was_planted_is_named_and_nothing_else():
    own, other = said(seed=0), said(seed=1, ones_as_sevens=0.5)
    found = explain(evaluate(own), evaluate(other), other)
    assert [one.name for one in found.worse] == ["one"]
    assert not found.better
    assert [(one.true, one.predicted) for one in found.confusions] == [("one", "seven")]
    words = " ".join(found.sentences())
    assert "accuracy falls" in words
    assert "1 of 3 classes are shown to be recognised worse" in words
    assert "“one” taken for “seven”" in words
    json.dumps(found.to_dict(), allow_nan=False)


def test_chance_is_not_explained():
    """Of 40 pairs of samples from one source hardly any may be explained: 5% of each family, whatever its size."""
    rng = np.random.default_rng(0)
    said_something = np.zeros(4, dtype=int)
    for seed in range(40):
        own, other = said(300, seed=2 * seed), said(300, seed=2 * seed + 1)
        statistics = [{name: rng.normal(size=300) for name in ("brightness", "contrast", "width")} for _ in range(2)]
        found = explain(evaluate(own), evaluate(other), other, own_statistics=statistics[0], statistics=statistics[1])
        said_something += [bool(found.worse), bool(found.better), bool(found.confusions), bool(found.suspects)]
        if not (found.worse or found.confusions or found.suspects):
            assert "no single class of 3 is shown to be recognised worse" in found.sentences()
    assert (said_something <= 5).all()


def test_a_shift_that_goes_with_the_mistakes_is_told_from_one_that_does_not():
    rng = np.random.default_rng(3)
    own, other = said(seed=4), said(seed=5)
    dark = np.where(rng.random(600) < 0.4, 60.0, 200.0) + rng.normal(0, 10, 600)
    answers = np.where((dark < 100) & (rng.random(600) < 0.5), (other.labels + 1) % 3, other.labels)
    other = dataclasses.replace(other, logits=3 * np.eye(3)[answers])
    at_home = {"brightness": rng.normal(200, 10, 600), "contrast": rng.normal(50, 5, 600), "width": np.full(600, 28.0)}
    there = {"brightness": dark, "contrast": rng.normal(60, 5, 600), "width": np.full(600, 28.0)}
    there["contrast"][:50] = np.nan
    found = explain(evaluate(own), evaluate(other), other, own_statistics=at_home, statistics=there)
    assert [(one.shift.name, one.explains) for one in found.suspects] == [("brightness", True), ("contrast", False)]
    brightness = found.suspects[0]
    assert brightness.unusual.value < 0.6 < brightness.usual.value
    assert brightness.usual.count + brightness.unusual.count == 600
    assert found.suspects[1].usual.count + found.suspects[1].unusual.count == 550
    assert "darker" in str(brightness)
    assert str(brightness).endswith(": the mistakes go with it")


def test_where_hardly_any_picture_is_usual_nothing_is_explained():
    other = said(315, seed=5)
    dark = np.where(np.arange(315) < 15, 200.0, 60.0)  # FEW are 20
    answers = np.where((dark < 100) & (np.arange(315) % 2 == 0), (other.labels + 1) % 3, other.labels)
    other = dataclasses.replace(other, logits=3 * np.eye(3)[answers])
    own = {"brightness": np.random.default_rng(0).normal(200, 10, 600)}
    found = explain(evaluate(said(seed=4)), evaluate(other), other, own_statistics=own, statistics={"brightness": dark})
    assert [(one.usual.count, one.explains) for one in found.suspects] == [(15, False)]
    assert "almost none lies within the usual range of the run's own" in str(found.suspects[0])
    assert not any("a few groups alone" in one for one in found.sentences())
    grouped = dataclasses.replace(other, groups=[f"writer {number % 10}" for number in range(315)])
    found = explain(
        evaluate(said(seed=4)), evaluate(grouped), grouped, own_statistics=own, statistics={"brightness": dark}
    )
    assert any("a few groups alone" in one for one in found.sentences())


def test_where_hardly_any_picture_is_unusual_nothing_is_explained():
    other = said(300, seed=5)
    own = {"width": np.random.default_rng(0).uniform(200, 1000, 600)}
    found = explain(
        evaluate(said(seed=4)), evaluate(other), other, own_statistics=own, statistics={"width": np.full(300, 500.0)}
    )
    assert [(one.unusual.count, one.explains) for one in found.suspects] == [(0, False)]
    assert "almost all lie within the usual range of the run's own: its effect cannot be judged" in str(
        found.suspects[0]
    )


def test_novelty_is_a_share_with_its_interval():
    own = said()
    found = explain(evaluate(own), evaluate(own), own, novelty=np.linspace(0.5, 1.5, 600), novelty_auroc=0.875)
    assert found.unlike.value == pytest.approx(0.5)
    assert "87.5% of the time" in found.sentences()[-1]
    assert "accuracy is not shown to change" in found.sentences()[0]


def test_the_tests_are_scipy_s():
    assert fisher((8, 10), (1, 6)) == fisher_exact([[8, 2], [1, 5]]).pvalue
    rng = np.random.default_rng(0)
    p_values = rng.random(30) ** 3
    adjusted = np.array(holm(p_values.tolist()))
    assert (adjusted >= false_discovery_control(p_values) - 1e-9).all()  # controls more than Benjamini–Hochberg
    assert (adjusted <= np.minimum(1, 30 * p_values) + 1e-9).all()  # and no more than Bonferroni
    assert holm([0.01], tests=10) == [0.1]
    assert holm([]) == []


def test_among_many_classes_one_whose_interval_hardly_clears_0_is_not_named():
    """Five of the ten writers of a class go wrong: beyond 0 by itself, and not where there are twenty classes."""
    labels = np.repeat(np.arange(20), 100)
    names = tuple(f"class {n:02}" for n in range(20))
    groups = [f"writer {i // 10}" for i in range(2000)]

    def one(wrong: int) -> Predictions:
        said = np.where(np.arange(2000) < wrong, 1, labels)
        return Predictions(np.arange(2000).astype(str), 5.0 * np.eye(20)[said], labels, names, groups=groups)

    own, fallen = one(0), one(50)
    found = explain(evaluate(own), evaluate(fallen), fallen)
    (change,) = (each.change for each in found.comparison.classes if each.name == "class 00")
    assert change.high < 0 < change.among(20).high
    assert found.worse == ()


def test_one_group_that_goes_wrong_is_no_class_that_is_recognised_worse():
    labels = np.repeat([0, 1], 40)
    groups = [f"patient {i // 4}" for i in range(80)]
    own = Predictions(np.arange(80).astype(str), 3.0 * np.eye(2)[labels], labels, ("a", "b"), groups=groups)
    answers = np.where(labels == 0, 1, labels)
    one_patient = ["x"] * 40 + groups[40:]
    other = Predictions(np.arange(80).astype(str), 3.0 * np.eye(2)[answers], labels, ("a", "b"), groups=one_patient)
    found = explain(evaluate(own), evaluate(other), other)
    assert fisher((40, 40), (0, 40)) < 1e-9, "picture by picture it is beyond doubt"
    assert (found.worse, found.confusions) == ((), None)
    assert "not tested" in str(found)
    each = Predictions(other.ids, other.logits, labels, ("a", "b"), groups=groups)
    assert [one.name for one in explain(evaluate(own), evaluate(each), each).worse] == ["a"]


def test_what_is_better_elsewhere_is_named_too():
    own, other = said(seed=1, ones_as_sevens=0.5), said(seed=0)
    found = explain(evaluate(own), evaluate(other), other)
    assert [one.name for one in found.better] == ["one"]
    assert not found.worse
    words = " ".join(found.sentences())
    assert "accuracy rises" in words
    assert "recognised better" in words
