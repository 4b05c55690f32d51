"""Gabor filters against scikit-image."""

import numpy as np
import pytest
from skimage import filters

from tellapart.errors import RecipeError, UnknownNameError
from tellapart.filters import gabor_bank, gabor_filter, gabor_response, get_kernel

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("frequency", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("theta", [0.0, 0.3, np.pi / 2, 2.5])
@pytest.mark.parametrize("sigma", [None, 2.0, (1.5, 4.0)])
def test_weights_are_those_of_scikit_image(frequency, theta, sigma):
    x, y = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    expected = filters.gabor_kernel(frequency, theta=theta, sigma_x=x, sigma_y=y)
    assert np.allclose(gabor_filter(frequency, theta=theta, sigma=sigma).weights, expected)


def test_responses_are_those_of_scikit_image():
    picture = RNG.random((40, 37))
    real, imaginary = filters.gabor(picture, 0.3, theta=0.7, mode="reflect")
    ours = gabor_response(picture, gabor_filter(0.3, theta=0.7))
    # Scikit-image convolves: that turns the sign of the odd part.
    assert np.allclose(ours, real - 1j * imaginary, atol=1e-9)


def test_the_bank_finds_the_angle():
    y, x = np.mgrid[:64, :64]
    for i, theta in enumerate(np.arange(6) * np.pi / 6):
        stripes = np.cos(2 * np.pi * 0.2 * (x * np.cos(theta) + y * np.sin(theta)))
        answers = [np.abs(gabor_response(stripes, one)).mean() for one in gabor_bank([0.2], angles=6)]
        assert int(np.argmax(answers)) == i


def test_names():
    kernel = get_kernel("gabor-0.25-30")
    assert np.allclose(kernel.weights, gabor_filter(0.25, theta=np.radians(30)).weights.real)
    for filter in (*gabor_bank(), *gabor_bank(angles=7)):
        assert np.allclose(get_kernel(filter.name).weights, filter.weights.real, atol=1e-5)
    for name in ("gabor-0-30", "gabor-2-30", "gabor", "gabor-0.0001-0"):
        with pytest.raises(UnknownNameError):
            get_kernel(name)


@pytest.mark.parametrize("options", [{"frequency": 0}, {"frequency": 1.5}, {"sigma": 0.0}, {"extent": -1}])
def test_what_cannot_be_is_refused(options):
    frequency = options.pop("frequency", 0.2)
    with pytest.raises(RecipeError, match="above 0"):
        gabor_filter(frequency, **options)
    with pytest.raises(RecipeError, match="an angle"):
        gabor_bank(angles=0)
