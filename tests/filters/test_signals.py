"""One-dimensional smoothing against SciPy."""

import numpy as np
import pytest
from scipy import ndimage, signal

from tellapart.errors import DataError, RecipeError
from tellapart.filters import WINDOWS, gaussian_derivative, gaussian_weights, smooth, window_weights

WALK = np.random.default_rng(6).standard_normal(500).cumsum()


def test_a_random_walk_under_a_hann_window_of_50():
    n = np.arange(50)
    weights = 0.5 - 0.5 * np.cos(2 * np.pi * n / 49)
    assert np.allclose(window_weights("hann", length=50), weights)
    assert np.allclose(smooth(WALK, window="hann", length=50), np.convolve(WALK, weights, "same") / weights.sum())
    assert len(smooth(WALK)) == 500


def test_the_hamming_window():
    n = np.arange(31)
    assert np.allclose(window_weights("hamming", length=31), 0.54 - 0.46 * np.cos(2 * np.pi * n / 30))


@pytest.mark.parametrize("name", WINDOWS)
def test_every_window_smooths(name):
    assert np.allclose(window_weights(name, length=21), getattr(signal.windows, name)(21))
    smoothed = smooth(WALK, window=name, length=21)
    assert np.abs(np.diff(smoothed[20:-20])).mean() < np.abs(np.diff(WALK[20:-20])).mean()
    assert np.allclose(smooth(np.ones(100), window=name, length=21)[10:-10], 1)


@pytest.mark.parametrize("sigma", [0.7, 4.0])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_derivatives_are_scipys(sigma, order):
    expected = ndimage.gaussian_filter1d(WALK, sigma, order=order, mode="reflect")
    assert np.allclose(gaussian_derivative(WALK, sigma=sigma, order=order), expected)


def test_what_cannot_be_is_refused():
    for values in ([[1.0]], []):
        with pytest.raises(DataError, match="one dimension"):
            smooth(values, length=1)
    with pytest.raises(DataError, match="at least as long"):
        smooth([1.0, 2.0])
    with pytest.raises(RecipeError, match="hann"):
        smooth(WALK, window="kaiser")
    with pytest.raises(RecipeError, match="all zeros"):
        smooth(WALK, length=2)
    with pytest.raises(RecipeError, match="length"):
        window_weights("hann", length=0)
    with pytest.raises(RecipeError, match="sigma"):
        gaussian_weights(0.0)
    with pytest.raises(RecipeError, match="order"):
        gaussian_derivative(WALK, order=-1)
