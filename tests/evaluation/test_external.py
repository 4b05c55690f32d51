from __future__ import annotations

import json

import numpy as np
import pytest

from tellapart.errors import ClassMismatchError
from tellapart.evaluation import Predictions, compare_evaluations, difference, evaluate, proportion


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [  # Newcombe 1998, table II, method 10, for a/m − b/n
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_newcombes_own_cases(a, m, b, n, low, high):
    found = difference(proportion(b, n), proportion(a, m))
    assert found.value == pytest.approx(a / m - b / n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert difference(proportion(0, 0), proportion(1, 2)).value is None


def test_the_two_parts_sum_to_the_change(make_predictions):
    own, other = make_predictions(800), make_predictions(500, seed=3)
    rare = other.select(np.random.default_rng(0).random(500) < 1 / (1 + other.labels))
    found = compare_evaluations(evaluate(own), evaluate(rare))
    assert found.from_mix + found.from_recognition == pytest.approx(found.change.value)
    assert found.change.low <= found.change.value <= found.change.high
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_change_of_shares_alone_is_a_change_of_mix():
    names = ("easy", "hard")
    own = Predictions(np.arange(20).astype(str), np.eye(2)[[0] * 10 + [1, 0] * 5], [0] * 10 + [1] * 10, names)
    other = own.select([*range(2), *range(10, 20)])
    found = compare_evaluations(evaluate(own), evaluate(other))
    assert found.from_recognition == 0
    assert found.from_mix == pytest.approx(7 / 12 - 15 / 20)


def test_classes_are_matched_by_name(make_predictions):
    own, other = evaluate(make_predictions(800)), make_predictions(500, seed=3)
    turned = evaluate(other.with_class_names(other.class_names[::-1]))
    straight, back = compare_evaluations(own, evaluate(other)), compare_evaluations(own, turned)
    assert straight.classes == back.classes
    assert set(straight.confusions) == set(back.confusions)


def test_what_became_worse_is_named():
    names = ("a", "b", "c")
    labels = np.repeat([0, 1, 2], 20)
    own = Predictions(np.arange(60).astype(str), np.eye(3)[labels], labels, names)
    said = labels.copy()
    said[20:32] = 2  # twelve of b are taken for c
    other = Predictions(np.arange(60).astype(str), np.eye(3)[said], labels, names)
    found = compare_evaluations(evaluate(own), evaluate(other))
    assert found.classes[0].name == "b"
    assert found.classes[0].change.value == pytest.approx(-0.6)
    assert [(one.true, one.predicted, one.own, one.other, one.count) for one in found.confusions] == [
        ("b", "c", 0.0, 0.6, 12)
    ]
    assert "“b” taken for “c”: 0.0% to 60.0% of its pictures" in str(found)


def test_classes_of_one_side_are_named():
    own = evaluate(Predictions(list("pq"), np.eye(3)[[0, 1]], [0, 1], ("a", "b", "c")))
    other = evaluate(Predictions(list("pq"), np.eye(3)[[0, 2]], [0, 2], ("a", "b", "c")))
    found = compare_evaluations(own, other)
    assert (found.only_own, found.only_other) == (("b",), ("c",))
    assert "no pictures among the others of: b" in str(found)
    strange = evaluate(Predictions(list("pq"), np.eye(2)[[0, 1]], [0, 1], ("x", "y")))
    with pytest.raises(ClassMismatchError, match="no class has pictures in both"):
        compare_evaluations(own, strange)


def test_what_the_classes_of_one_side_make_of_the_change_is_said():
    names = ("a", "b")
    own = Predictions(np.arange(20).astype(str), np.eye(2)[[0] * 10 + [1] * 10], [0] * 10 + [1] * 10, names)
    other = Predictions(np.arange(29).astype(str), np.eye(3)[[0] * 29], [0] * 20 + [2] * 9, (*names, "stranger"))
    found = compare_evaluations(evaluate(own), evaluate(other))
    assert found.from_unshared == pytest.approx(20 / 29 - 1)
    assert found.from_mix + found.from_recognition + found.from_unshared == pytest.approx(found.change.value)
    assert "−31.0 points from classes that only one side has" in found.parts()
    assert "only one side" not in compare_evaluations(evaluate(own), evaluate(own)).parts()


def test_the_confusions_that_grew_are_those_of_whole_tables():
    rng = np.random.default_rng(4)
    here, there = ("a", "b", "c", "d"), ("d", "x", "b", "a")
    own, other = (
        evaluate(Predictions(np.arange(300).astype(str), rng.normal(size=(300, 4)), rng.integers(0, 4, 300), names))
        for names in (here, there)
    )
    expected = []
    for true in ("a", "b", "d"):
        row, elsewhere = own.confusion[here.index(true)], other.confusion[there.index(true)]
        for said in set(there) - {true}:
            before = row[here.index(said)] / row.sum() if said in here else 0.0
            after = elsewhere[there.index(said)] / elsewhere.sum()
            expected += [((after - before) * elsewhere.sum(), true, said, before, after)] if after > before else []
    found = compare_evaluations(own, other).confusions
    assert len(found) == len(expected) > 3
    for one, (_, true, said, before, after) in zip(found, sorted(expected, reverse=True), strict=True):
        assert (one.true, one.predicted) == (true, said)
        assert (one.own, one.other) == pytest.approx((before, after))
