"""Each feature's figures against an independent reference."""

import numpy as np
import pytest

from tellapart.errors import RecipeError
from tellapart.features import extract
from tellapart.filters import gabor_bank, gabor_response

RNG = np.random.default_rng(1)
PIXELS = RNG.integers(0, 256, size=(3, 20, 14, 3), dtype=np.uint8)


def test_raw_pixels():
    assert np.allclose(extract(PIXELS, "pixels"), PIXELS.reshape(3, -1) / 255)


def test_pooled_pixels_are_means_of_windows():
    expected = PIXELS[:, :20, :14].reshape(3, 10, 2, 7, 2, 3).mean(axis=(2, 4)).reshape(3, -1) / 255
    assert np.allclose(extract(PIXELS, "pooled-pixels", options={"size": 7}), expected)
    assert extract(PIXELS, "pooled-pixels", options={"size": 200}).shape == (3, 20 * 14 * 3)


@pytest.mark.parametrize("bins", [2, 20, 256])
def test_histograms_are_numpys(bins):
    found = extract(PIXELS, "colour-histogram", options={"bins": bins})
    for picture, row in zip(PIXELS, found, strict=True):
        counts = [np.histogram(picture[..., c], bins=bins, range=(0, 256))[0] for c in range(3)]
        assert np.allclose(row, np.concatenate(counts) / 280)


def test_joint_histograms_are_numpys():
    found = extract(PIXELS, "colour-histogram", options={"bins": 4, "joint": True})
    expected = np.histogramdd(PIXELS[1].reshape(-1, 3), bins=4, range=[(0, 256)] * 3)[0]
    assert np.allclose(found[1], expected.ravel() / 280)


@pytest.mark.parametrize("size", [(20, 14), (90, 71), (8, 65)])
def test_gabor_features_are_those_of_the_responses(size):
    pixels = RNG.integers(0, 256, size=(2, *size, 3), dtype=np.uint8)
    options = {"frequencies": (0.15, 0.4), "angles": 3}
    found = extract(pixels, "gabor", options=options)
    grey = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    for picture, row in zip(grey, found, strict=True):
        answers = [np.abs(gabor_response(picture - picture.mean(), one)) for one in gabor_bank((0.15, 0.4), angles=3)]
        assert np.allclose(row, [a.mean() for a in answers] + [a.std() for a in answers], atol=1e-5)


@pytest.mark.parametrize(
    ("feature", "options"),
    [
        ("colour-histogram", {"bins": 1}),
        ("colour-histogram", {"bins": 33, "joint": True}),
        ("pooled-pixels", {"size": 0}),
        ("gabor", {"frequencies": (0.6,)}),
        ("gabor", {"frequencies": ()}),
        ("gabor", {"frequencies": "low"}),
        ("gabor", {"frequencies": 0.0001}),
        ("colour-histogram", {"joint": "no"}),
        ("gabor", {"angles": True}),
    ],
)
def test_what_cannot_be_is_refused(feature, options):
    with pytest.raises(RecipeError, match="must be"):
        extract(PIXELS, feature, options=options)


def test_one_gabor_frequency_is_a_number():
    one, several = (extract(PIXELS, "gabor", options={"frequencies": f}) for f in (0.2, (0.2,)))
    np.testing.assert_array_equal(one, several)
