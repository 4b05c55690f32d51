from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from tellapart.errors import DataError
from tellapart.evaluation import (
    Predictions,
    calibration_error,
    calibration_error_by_chance,
    evaluate,
    fit_temperature,
    loss,
    proportion_of,
    reliability,
)
from tellapart.evaluation import predictions as room
from tellapart.evaluation.calibration import bin_of


def drawn(count: int, *, seed: int = 0, sharp: float = 1.0) -> Predictions:
    """Return predictions that are perfectly calibrated at temperature ``sharp``."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(count, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) > rng.random(count)[:, None]).argmax(axis=1)
    return Predictions(np.arange(count).astype(str), sharp * logits, labels, tuple("abcde"))


def by_hand(predictions, bins=15, temperature=1.0):
    """Guo et al. 2017, equation 3, written as it stands."""
    confidence, right = predictions.confidence(temperature), predictions.correct()
    total = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            total += inside.sum() / len(right) * abs(right[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize("sharp", [0.3, 1.0, 4.0])
def test_the_temperature_is_scipys(make_predictions, sharp):
    said = make_predictions(sharp=sharp)
    fit = fit_temperature(said)
    found = minimize_scalar(
        lambda log: log_loss(said.labels, said.probabilities(np.exp(log))), bounds=(-3, 3), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    assert fit.temperature == pytest.approx(np.exp(found.x), rel=1e-5)
    assert fit.loss_after == pytest.approx(found.fun, abs=1e-9)
    assert fit.loss_before == pytest.approx(log_loss(said.labels, said.probabilities()))
    assert not fit.at_bound


def test_figures_of_some_pictures_at_once_are_those_of_all(make_predictions, monkeypatch):
    said = make_predictions(sharp=2.0)
    sure = said.select(np.flatnonzero(said.correct()))  # without a mistake there is another rule

    def figures():
        fits = fit_temperature(said), fit_temperature(sure)
        return fits, said.confidence(0.7), loss(said), evaluate(said, temperature=fits[0].temperature)

    whole = figures()
    monkeypatch.setattr(room, "AT_ONCE", 7 * len(said.class_names) + 1)
    assert [len(said.ids[rows]) for rows in said.blocks()][:2] == [7, 7]
    parts = figures()
    assert parts[0] == whole[0]
    np.testing.assert_array_equal(parts[1], whole[1])
    assert (parts[2], parts[3].to_dict()) == (whole[2], whole[3].to_dict())


def test_the_temperature_that_was_put_in_comes_out():
    assert fit_temperature(drawn(20_000, sharp=3)).temperature == pytest.approx(3, rel=0.03)


def test_scaling_lowers_the_error_on_other_pictures():
    fit = fit_temperature(drawn(2000, sharp=3))
    other = drawn(2000, seed=1, sharp=3)
    before, after = evaluate(other), evaluate(other, temperature=fit.temperature)
    assert before["calibration_error"].value > 0.15
    assert after["calibration_error"].value < before["calibration_error"].value / 4
    assert after["accuracy"] == before["accuracy"]


def test_without_a_mistake_the_rule_of_succession_says_how_sure():
    said = Predictions(["a", "b"], [[1, 0], [0, 1]], [0, 1], ("x", "y"))
    fit = fit_temperature(said)
    # Two right answers expect 3/4 of the next one: 1 / (1 + exp(−1 / T)) = 3/4.
    assert fit.temperature == pytest.approx(1 / np.log(3))
    assert fit.at_bound
    assert "no picture is wrong" in str(fit)


def test_what_the_rule_of_succession_cannot_reach_is_not_claimed():
    fit = fit_temperature(Predictions([str(i) for i in range(50)], [[0.30, 0.22]] * 50, [0] * 50, ("x", "y")))
    # At the lowest temperature, 0.05: 1 / (1 + exp(−0.08 / 0.05)) = 83.20%, where 51 / 52 are wished for.
    assert fit.temperature == pytest.approx(0.05)
    assert "set to 83.20%, as near to the 98.08%" in str(fit)
    tied = fit_temperature(Predictions(["a", "b"], [[0, 0], [0, 0]], [0, 1], ("x", "y")))
    assert "no picture is wrong" not in str(tied)


def test_confidence_that_means_nothing_ends_at_the_bound():
    said = Predictions(["a", "b"], [[1, 0], [0, 1]], [1, 0], ("x", "y"))
    fit = fit_temperature(said)
    assert (fit.temperature, fit.at_bound) == (20.0, True)
    assert "bound" in str(fit)


def test_tiny_and_extreme_sets():
    assert fit_temperature(Predictions([], np.zeros((0, 2)), [], ("x", "y"))).temperature == 1
    flat = fit_temperature(Predictions(["a"], [[2, 2]], [0], ("x", "y")))
    assert np.isfinite(flat.temperature)
    huge = Predictions(list("abc"), [[1e4, 0], [1e4, 0], [1e4, 0]], [0, 0, 1], ("x", "y"))
    assert fit_temperature(huge).temperature == 20
    tiny = Predictions(list("abc"), [[1e-3, 0]] * 3, [0, 0, 1], ("x", "y"))
    assert fit_temperature(tiny).temperature == 0.05
    with pytest.raises(DataError, match="bounds"):
        fit_temperature(huge, bounds=(2, 1))


def test_the_error_is_the_papers(predictions):
    for temperature in (0.5, 1.0, 2.5):
        want = by_hand(predictions, temperature=temperature)
        assert reliability(predictions, temperature=temperature).error == pytest.approx(want)
        assert calibration_error(predictions, temperature=temperature).value == pytest.approx(want)
        assert evaluate(predictions, temperature=temperature)["calibration_error"].value == pytest.approx(want)
    assert reliability(predictions, bins=7).error == pytest.approx(by_hand(predictions, bins=7))


def test_a_hand_worked_diagram():
    logit = np.log([[0.9, 0.1]] * 4 + [[0.55, 0.45]] * 2)
    diagram = reliability(Predictions(list("abcdef"), logit, [0, 0, 0, 1, 0, 1], ("x", "y")), bins=5)
    assert diagram.counts.tolist() == [0, 0, 2, 0, 4]
    np.testing.assert_allclose(diagram.accuracy[[2, 4]], [0.5, 0.75])
    np.testing.assert_allclose(diagram.confidence[[2, 4]], [0.55, 0.9], rtol=1e-6)
    assert diagram.error == pytest.approx(2 / 6 * 0.05 + 4 / 6 * 0.15, rel=1e-5)
    bins = json.loads(json.dumps(diagram.to_dict(), allow_nan=False))["bins"]
    assert bins[0]["accuracy"] is None
    assert len(bins) == 5


def test_a_bin_holds_its_upper_edge():
    assert bin_of(np.array([0.0, 0.2, 0.5, 0.51, 1.0]), bins=2).tolist() == [0, 0, 0, 1, 1]


def test_a_perfect_classifier_is_told_from_a_wrong_one():
    good, bad = drawn(1500, seed=3), drawn(1500, seed=3, sharp=3)
    assert calibration_error(good).value <= calibration_error_by_chance(good).high
    assert calibration_error(bad).low > calibration_error_by_chance(bad).high


@pytest.mark.parametrize("seed", range(3))
def test_what_resampling_adds_to_a_calibration_error_is_taken_from_its_interval(seed):
    """Of a perfect classifier all of the error is noise, and a resample has as much of it again."""
    found = calibration_error(drawn(300, seed=seed))
    assert found.low <= found.value <= found.high
    assert found.value - found.low > 3 * (found.high - found.value)


def test_loss_leaves_out_unknown_labels():
    said = Predictions(["a", "b"], [[1, 0], [0, 9]], [0, -1], ("x", "y"))
    assert loss(said) == pytest.approx(np.log(1 + np.exp(-1)))


def test_bins_of_pictures_that_belong_together_have_wider_intervals():
    ids, labels = [str(i) for i in range(100)], np.repeat([0, 1], 50)
    logits = np.tile([2.0, 0.0], (100, 1))  # as sure of each, and right where the group is of the first class
    alone = Predictions(ids, logits, labels, ("a", "b"))
    grouped = Predictions(ids, logits, labels, ("a", "b"), groups=[f"g{i // 10}" for i in range(100)])
    (here,) = np.flatnonzero(reliability(alone).counts)
    narrow, wide = (reliability(one) for one in (alone, grouped))
    assert (narrow.accuracy[here], wide.accuracy[here]) == (0.5, 0.5)
    expected = proportion_of(labels == 0, groups=np.arange(100) // 10)
    assert (wide.low[here], wide.high[here]) == pytest.approx((expected.low, expected.high))
    assert wide.high[here] - wide.low[here] > 2 * (narrow.high[here] - narrow.low[here])


@pytest.mark.parametrize(
    ("pictures", "error"),
    [
        (1, 2 * 0.8 * 0.2),  # right with a chance of 0.8, off by 0.2 then, else by 0.8
        (2, 0.04 * 0.8 + 0.32 * 0.3 + 0.64 * 0.2),  # none, one or both right, of which 0.8 are expected
    ],
)
def test_the_calibration_error_of_chance_is_that_of_a_binomial(pictures, error):
    said = Predictions([str(i) for i in range(pictures)], np.log([[0.8, 0.2]] * pictures), [0] * pictures, ("x", "y"))
    assert calibration_error_by_chance(said, resamples=20_000).value == pytest.approx(error, abs=0.01)
