from __future__ import annotations

import json

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.evaluation import Predictions, error_at, threshold_for_error


def sequence(right: str, *, confidences=None) -> Predictions:
    """Return pictures from the surest to the least sure, right where there is a 1."""
    wanted = np.array([sign == "1" for sign in right])
    sure = np.linspace(5, 1, len(right)) if confidences is None else np.array(confidences, dtype=float)
    logits = np.stack([sure, np.zeros(len(right))], axis=1)
    return Predictions(np.arange(len(right)).astype(str), logits, (~wanted).astype(int), ("x", "y"))


def test_brute_force_finds_the_same(predictions):
    found = threshold_for_error(predictions, max_error=0.1)
    confidence, wrong = predictions.confidence(), ~predictions.correct()
    best = 0
    for limit in confidence:
        inside = confidence >= limit
        if wrong[inside].mean() <= 0.1:
            best = max(best, inside.sum())
    assert found.coverage.value == best / len(predictions)
    coverage, error = error_at(predictions, found.confidence)
    assert (coverage, error) == (found.coverage, found.error)
    assert error.value <= 0.1


def test_everything_is_answered_where_nothing_is_wrong():
    found = threshold_for_error(sequence("1111"))
    assert (found.confidence, found.coverage.value) == (0.0, 1.0)
    assert "may be up to 49.0%" in found.note
    assert str(found).startswith("no threshold is needed: answers 100.0%")


def test_out_of_reach_is_said():
    found = threshold_for_error(sequence("0111"))
    assert (found.confidence, found.coverage.value) == (None, 0.0)
    assert "no threshold keeps the error at 1%" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)


def test_neighbouring_doubles_have_no_middle_and_stay_apart():
    said = Predictions(["a", "b"], [[36.5, 0.0], [35.7, 0.0]], [0, 1], ("x", "y"))
    first, second = said.confidence()
    assert np.nextafter(second, 1) == first
    found = threshold_for_error(said, max_error=0.0)
    assert (found.confidence, found.coverage.value, found.error.value) == (first, 0.5, 0.0)


def test_equal_confidences_go_together():
    found = threshold_for_error(sequence("1110", confidences=[5, 3, 3, 3]), max_error=0.2)
    assert found.coverage.value == 0.25
    assert threshold_for_error(sequence("10", confidences=[3, 3])).confidence is None


def test_certain_needs_the_pictures():
    """Ten thresholds are tried: Wilson's upper end without a mistake is z² / (n + z²), at 99.5% z² = 7.8794."""
    assert threshold_for_error(sequence("1" * 781), certain=True).confidence is not None
    few = threshold_for_error(sequence("1" * 780), certain=True)
    assert few.confidence is None
    assert "it takes 781 answers" in few.note
    assert "endlessly many" in threshold_for_error(sequence("11"), max_error=0, certain=True).note
    assert threshold_for_error(sequence("1" * 380)).confidence is not None


def test_certain_keeps_its_promise_although_the_best_of_many_is_taken():
    """A confidence that says nothing, of a classifier that is wrong a little too often."""
    rng, promised = np.random.default_rng(0), 0
    for _ in range(200):
        right = "".join("01"[int(one)] for one in rng.random(2000) >= 0.02)
        promised += threshold_for_error(sequence(right), max_error=0.02, certain=True).confidence is not None
    assert promised <= 0.05 * 200


def test_temperature_does_not_change_two_class_coverage(predictions):
    two = sequence("1" * 30 + "01" * 10)
    assert (
        threshold_for_error(two, max_error=0.1, temperature=3).coverage
        == threshold_for_error(two, max_error=0.1).coverage
    )


def test_arguments_are_checked(predictions):
    for wrong in (-0.1, 1.1):
        with pytest.raises(DataError, match="max_error"):
            threshold_for_error(predictions, max_error=wrong)
    assert error_at(predictions, 1.1)[1].value is None


def test_certain_respects_groups():
    wrong = np.zeros(1000, dtype=bool)
    wrong[900:915] = True  # three writers'
    alone = sequence("".join("01"[not one] for one in wrong))
    writers = [f"writer {i // 5}" for i in range(1000)]
    grouped = Predictions(alone.ids, alone.logits, alone.labels, alone.class_names, groups=writers)
    found = [threshold_for_error(one, max_error=0.05, certain=True) for one in (alone, grouped)]
    assert [one.coverage.value for one in found] == [1.0, 0.9]
    assert all(one.error.high <= 0.05 for one in found)
    assert error_at(grouped, 0.0, confidence_level=0.995)[1].high > 0.05
    none = threshold_for_error(grouped, max_error=0.0001, certain=True)
    assert none.confidence is None
    assert none.note == "1,000 pictures of 200 groups are too few, or too many are wrong"
