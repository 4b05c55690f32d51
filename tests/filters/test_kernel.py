"""Kernels by name, and what they draw."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import data, filters

from tellapart.errors import DataError, RecipeError, UnknownNameError
from tellapart.filters import add_kernel, correlate, draw_filters, get_kernel, gradient, kernels, sharpened

RNG = np.random.default_rng(2)
BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
BY_HAND = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "edge-1": [[1, 0, -1], [0, 0, 0], [-1, 0, 1]],
    "edge-2": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "edge-3": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "box": np.ones((3, 3)) / 9,
    "gaussian-3x3": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
    "gaussian-5x5": BINOMIAL / 256,
    "unsharp-5x5": -(BINOMIAL - 512 * (np.arange(25) == 12).reshape(5, 5)) / 256,
    "sobel-v": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel-h": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "mean-10x10": np.ones((10, 10)) / 100,
    "mean-2x7": np.ones((2, 7)) / 14,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_weights_are_those_of_the_notes(name):
    assert np.allclose(get_kernel(name).weights, BY_HAND[name], atol=0)
    assert get_kernel("unsharp-5x5").weights[2, 2] == 476 / 256


def test_every_kernel_says_what_it_does_and_cannot_be_changed():
    for name, kernel in kernels:
        assert kernel.name == name
        assert kernel.summary
        assert kernel.source
        with pytest.raises(ValueError, match="read-only"):
            kernel.weights[0, 0] = 1


def test_laplacian_and_sobel_are_scipys():
    picture = RNG.random((12, 13))
    assert np.allclose(
        correlate(picture, get_kernel("laplacian").weights, border="symmetric"), ndimage.laplace(picture)
    )
    assert np.allclose(gradient(picture).across, ndimage.sobel(picture, axis=1))
    assert np.allclose(gradient(picture).down, ndimage.sobel(picture, axis=0))


def test_gradient_of_the_photographer():
    camera = data.camera()
    found = gradient(camera)
    assert found.magnitude.shape == camera.shape
    expected = filters.sobel(camera.astype(float), mode="reflect") * 4 * np.sqrt(2)
    assert np.allclose(found.magnitude, expected, rtol=1e-5, atol=1e-3)
    assert np.allclose(np.cos(found.direction) * found.magnitude, found.across, atol=1e-3)


def test_sharpened_is_picture_plus_what_a_blur_loses():
    picture = RNG.random((20, 21))
    blurred = ndimage.uniform_filter(picture, 9)
    assert np.allclose(sharpened(picture, blur="mean-9x9", amount=0.5), picture + 0.5 * (picture - blurred))
    unsharp = correlate(picture, get_kernel("unsharp-5x5").weights, border="symmetric")
    assert np.allclose(sharpened(picture, blur="gaussian-5x5"), unsharp)
    with pytest.raises(RecipeError, match="add up to 1"):
        sharpened(picture, blur="sobel-v")
    with pytest.raises(RecipeError, match="amount"):
        sharpened(picture, amount=-1)


def test_names():
    with pytest.raises(UnknownNameError, match="did you mean 'sobel-v'"):
        get_kernel("sobelv")
    with pytest.raises(UnknownNameError):
        get_kernel("mean-0x3")
    with pytest.raises(RecipeError, match="two kernels"):
        add_kernel("box", [[1]], summary="", source="")
    with pytest.raises(RecipeError, match="finite"):
        add_kernel("broken", [[np.nan]], summary="", source="")
    assert "broken" not in kernels


@pytest.mark.parametrize("name", [*BY_HAND, "laplacian", "curve", "gabor-0.2-45"])
def test_drawing_gives_a_picture(name):
    picture = RNG.integers(0, 256, size=(30, 40, 3), dtype=np.uint8)
    drawn = draw_filters(picture, [name])
    assert list(drawn) == [name]
    assert (drawn[name].shape, drawn[name].dtype) == (picture.shape, np.uint8)
    assert drawn[name].std() > 1


def test_drawing_by_hand():
    step = np.array([[0, 0, 200, 200]] * 3, dtype=np.uint8)
    drawn = draw_filters(step, ["identity", "sobel-v", "sobel-h", "box"])
    assert list(drawn) == ["identity", "sobel-v", "sobel-h", "box"]
    assert (drawn["identity"] == step).all()
    assert drawn["sobel-v"][1].tolist() == [128, 255, 255, 128]
    assert (drawn["sobel-h"] == 128).all()
    assert drawn["box"][1].tolist() == [0, 67, 133, 200]
    with pytest.raises(DataError, match="uint8"):
        draw_filters(step.astype(float), ["box"])


@pytest.mark.parametrize("name", ["gabor-0.2-45", "gabor-0.1-0", "gabor-0.4-30"])
def test_what_finds_stripes_draws_a_flat_picture_grey(name):
    assert (draw_filters(np.full((40, 40), 200, np.uint8), [name])[name] == 128).all()
