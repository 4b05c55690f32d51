from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import confusion_matrix, f1_score

from tellapart.errors import DataError
from tellapart.evaluation import (
    bootstrap_confusions,
    bootstrap_interval,
    bootstrap_means,
    percentile_interval,
    proportion,
    proportion_of,
    wilson_interval,
)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_scipys(level):
    trials = np.array([1, 1, 5, 40, 385, 7677, 7677])
    hits = np.array([0, 1, 2, 39, 294, 6396, 7677])
    low, high = wilson_interval(hits, trials, confidence_level=level)
    for i in range(len(trials)):
        want = binomtest(hits[i], trials[i]).proportion_ci(level, method="wilson")
        np.testing.assert_allclose([low[i], high[i]], [want.low, want.high], atol=1e-12)


def test_wilson_knows_nothing_without_trials_and_is_exact_at_the_ends():
    low, high = wilson_interval([0, 0, 9], [0, 7, 9])
    assert (low[0], high[0], low[1], high[2]) == (0, 1, 0, 1)
    assert proportion(0, 0).value is None
    with pytest.raises(DataError):
        wilson_interval(3, 2)
    for level in (0, 1, 95):
        with pytest.raises(DataError, match="confidence_level"):
            wilson_interval(1, 2, confidence_level=level)


def test_wilson_takes_less_than_one_picture():
    # Two groups, one of them with all mistakes: 2 pictures in effect, times (1.96 / 12.706)²: 0.048. Worked by hand.
    figure = proportion_of(np.arange(200) < 190, groups=np.repeat([0, 1], 100))
    assert (round(figure.low, 3), round(figure.high, 3)) == (0.011, 1.0)
    low, high = wilson_interval([0.0, 0.1], [0.2, 0.2])
    assert low[0] == 0
    assert low[1] < 0.5 < high[1]


def test_wilson_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = rng.binomial(200, 0.85, size=20_000)
    low, high = wilson_interval(hits, 200)
    assert abs(((low <= 0.85) & (high >= 0.85)).mean() - 0.95) < 0.015


def test_the_bootstrap_of_a_mean_is_scipys():
    values = np.random.default_rng(1).exponential(size=300)
    low, high = percentile_interval(bootstrap_means(values[:, None], resamples=4000)[:, 0])
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=1).confidence_interval
    width = theirs.high - theirs.low
    assert abs(low - theirs.low) < 0.05 * width
    assert abs(high - theirs.high) < 0.05 * width


def test_the_bootstrap_is_seeded_and_blocks_do_not_show():
    values = np.random.default_rng(2).normal(size=(50, 2))
    np.testing.assert_array_equal(bootstrap_means(values, seed=3), bootstrap_means(values, seed=3))
    assert not np.array_equal(bootstrap_means(values, seed=3), bootstrap_means(values, seed=4))
    assert bootstrap_means(np.ones((9000, 1)), resamples=1000).shape == (1000, 1)
    with pytest.raises(DataError):
        bootstrap_means(np.zeros((0, 1)))


def test_resampled_confusions_are_resampled_pictures():
    """The multinomial of cells gives the interval that resampling pictures gives, with scikit-learn's macro F1."""
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=300)
    said = np.where(rng.random(300) < 0.7, labels, rng.integers(4, size=300))
    right, actual, predicted = bootstrap_confusions(confusion_matrix(labels, said), resamples=3000)
    np.testing.assert_array_equal(actual.sum(axis=1), 300)
    np.testing.assert_array_equal(predicted.sum(axis=1), 300)
    fast = percentile_interval((2 * right / (actual + predicted)).mean(axis=1))
    picks = rng.integers(300, size=(600, 300))
    slow = np.percentile([f1_score(labels[p], said[p], average="macro") for p in picks], [2.5, 97.5])
    np.testing.assert_allclose(fast, slow, atol=0.012)


def test_percentiles_leave_out_what_is_not_defined():
    samples = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    low, high = percentile_interval(samples, confidence_level=0.5)
    np.testing.assert_allclose(low, [1.5, 5, np.nan])
    np.testing.assert_allclose(high, [2.5, 5, np.nan])


def test_few_groups_widen_an_interval_as_student_s_t_does():
    from scipy.stats import t

    samples = np.random.default_rng(0).normal(0.5, 0.01, (4000, 1))
    low, high = bootstrap_interval(samples, [0.5])
    for groups in (2, 3, 10, 1000):
        wide = bootstrap_interval(samples, [0.5], groups=[groups])
        factor = t.ppf(0.975, groups - 1) / 1.959964 * np.sqrt(groups / (groups - 1))
        assert (wide[1] - wide[0]) / (high - low) == pytest.approx(factor, rel=1e-3)
    cut = bootstrap_interval(samples, [0.5], groups=[2], bounds=(0.45, 0.6))
    assert (cut[0].item(), cut[1].item()) == (0.45, 0.6)


def test_bias_is_taken_away_twice_and_the_figure_stays_inside():
    samples = np.linspace(0.4, 0.5, 1001)
    low, high = bootstrap_interval(samples, 0.5, biased=True)
    assert low.item() == 0.5  # 0.5025 would leave the figure out
    assert high.item() == pytest.approx(0.5975)
    alike = bootstrap_interval(np.full(100, 0.7), 0.7, groups=3, biased=True)
    assert (alike[0].item(), alike[1].item()) == (0.7, 0.7)
