"""Convolution and correlation against loops, SciPy and PyTorch, and the cases worked by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from tellapart.errors import DataError, RecipeError
from tellapart.filters import YELLOW_DETECTOR, convolve, correlate, get_kernel, yellowness
from tellapart.filters.convolution import factors
from tellapart.filters.detectors import CURVE_DETECTOR

RNG = np.random.default_rng(0)
PICTURE = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]])
CROSS = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
SCIPY_MODE = {"zero": "constant", "reflect": "mirror", "symmetric": "reflect", "nearest": "nearest"}


def by_loops(padded, kernel, stride):
    rows = range(0, padded.shape[0] - kernel.shape[0] + 1, stride[0])
    columns = range(0, padded.shape[1] - kernel.shape[1] + 1, stride[1])
    height, width = kernel.shape
    return np.array([[(padded[i : i + height, j : j + width] * kernel).sum() for j in columns] for i in rows])


def test_the_worked_example():
    assert correlate(PICTURE, CROSS, padding="valid").tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    assert convolve(PICTURE, CROSS, padding="valid").tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    assert correlate(PICTURE, CROSS).shape == (5, 5)


def test_stride_three_with_three_by_three_uses_no_pixel_twice():
    assert correlate(np.ones((9, 9)), np.ones((3, 3)), padding="valid", stride=3).tolist() == [[9.0] * 3] * 3


@pytest.mark.parametrize("field", ["matches", "does not"])
def test_the_curve_detector(field):
    if field == "matches":
        rows = ["0 0 0 0 0 0 30", "0 0 0 0 50 50 50", "0 0 0 20 50 0 0"] + ["0 0 0 50 50 0 0"] * 4
    else:
        rows = ["0 0 0 0 0 0 0", "0 40 0 0 0 0 0", "40 0 40 0 0 0 0", "40 20 0 0 0 0 0", "0 50 0 0 0 0 0"]
        rows += ["0 0 50 0 0 0 0", "25 25 0 50 0 0 0"]
    picture = np.array([row.split() for row in rows], dtype=np.uint8)
    response = correlate(picture, CURVE_DETECTOR, padding="valid")
    assert response.tolist() == ([[6600]] if field == "matches" else [[0]])


def test_the_yellow_detector():
    colours = np.array([[[255, 255, 0], [255, 0, 0], [0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    assert yellowness(colours).tolist() == [[510, 255, -255, 255]]
    assert YELLOW_DETECTOR.shape == (1, 1, 3)
    with pytest.raises(DataError, match="three channels"):
        yellowness(np.zeros((4, 4)))


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 2), (1, 4), (5, 4), (7, 7), (9, 8), (11, 3)])
@pytest.mark.parametrize("border", SCIPY_MODE)
def test_same_size_equals_scipy(size, border):
    picture, kernel = RNG.random((17, 13)), RNG.random(size)
    ours = convolve(picture, kernel, border=border)
    assert np.allclose(ours, ndimage.convolve(picture, kernel, mode=SCIPY_MODE[border]), atol=1e-12)
    if size[0] % 2 and size[1] % 2:  # SciPy's correlate has the odd pixel of an even kernel on the other side
        ours = correlate(picture, kernel, border=border)
        assert np.allclose(ours, ndimage.correlate(picture, kernel, mode=SCIPY_MODE[border]), atol=1e-12)


@pytest.mark.parametrize("size", [(3, 3), (2, 5), (8, 9)])
def test_valid_equals_scipy_signal(size):
    picture, kernel = RNG.random((17, 13)), RNG.random(size)
    assert np.allclose(convolve(picture, kernel, padding="valid"), signal.convolve2d(picture, kernel, mode="valid"))
    assert np.allclose(correlate(picture, kernel, padding="valid"), signal.correlate2d(picture, kernel, mode="valid"))


@pytest.mark.parametrize("stride", [1, 2, (3, 1), (2, 5)])
@pytest.mark.parametrize("size", [(2, 2), (3, 3), (9, 7)])
@pytest.mark.parametrize("separable", [False, True])
def test_strides_equal_loops(stride, size, separable):
    picture = RNG.random((14, 19))
    kernel = np.outer(RNG.random(size[0]), RNG.random(size[1])) if separable else RNG.random(size)
    steps = stride if isinstance(stride, tuple) else (stride, stride)
    assert np.allclose(correlate(picture, kernel, padding="valid", stride=stride), by_loops(picture, kernel, steps))


@pytest.mark.parametrize("stride", [1, 2, (2, 3)])
@pytest.mark.parametrize("window", [1, 3, 5, (3, 2)])
@pytest.mark.parametrize("padding", ["valid", "same", 1, 4])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_many_filters_over_many_channels_equal_pytorch(stride, window, padding):
    height, width = window if isinstance(window, tuple) else (window, window)
    pictures, filters = RNG.standard_normal((3, 12, 11, 6)), RNG.standard_normal((4, height, width, 6))
    ours = correlate(pictures, filters, padding=padding, stride=stride)
    torch_pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    torch_filters = torch.from_numpy(filters).permute(0, 3, 1, 2)
    if padding == "same":  # PyTorch has "same" at stride 1 alone: ours is every so manyth of that
        theirs = torch.nn.functional.conv2d(torch_pictures, torch_filters, padding="same")
        steps = stride if isinstance(stride, tuple) else (stride, stride)
        theirs = theirs[:, :, :: steps[0], :: steps[1]]
    else:
        number = 0 if padding == "valid" else padding
        theirs = torch.nn.functional.conv2d(torch_pictures, torch_filters, padding=number, stride=stride)
    assert np.allclose(ours, theirs.permute(0, 2, 3, 1).numpy())
    assert np.allclose(correlate(pictures[1], filters[2], padding=padding, stride=stride), ours[1, ..., 2])


def test_one_by_one_mixes_channels():
    pictures, filters = RNG.random((5, 4, 300)), RNG.random((175, 1, 1, 300))
    assert np.allclose(correlate(pictures, filters), pictures @ filters[:, 0, 0].T)


@pytest.mark.parametrize("size", [(3, 3), (9, 9)])
def test_each_channel_and_each_picture_by_itself(size):
    pictures, kernel = RNG.random((2, 16, 15, 3)), RNG.random(size)
    whole = correlate(pictures, kernel, border="nearest")
    assert whole.shape == pictures.shape
    for n in range(2):
        assert np.allclose(correlate(pictures[n], kernel, border="nearest"), whole[n])
        for c in range(3):
            assert np.allclose(correlate(pictures[n, ..., c], kernel, border="nearest"), whole[n, ..., c])


def test_types():
    kernel = get_kernel("sobel-v").weights
    assert correlate(np.zeros((4, 4), dtype=np.uint8), kernel).dtype == np.float32
    assert correlate(np.zeros((4, 4), dtype=np.float32), kernel).dtype == np.float32
    assert correlate(np.zeros((4, 4), dtype=np.int64), kernel).dtype == np.float64
    assert correlate(np.zeros((0, 8, 8, 3)), np.ones((9, 9)) + np.eye(9)).shape == (0, 8, 8, 3)


def test_uint8_does_not_wrap_around():
    assert correlate(np.full((3, 3), 255, dtype=np.uint8), -np.ones((3, 3)), padding="valid").item() == -9 * 255


def test_factors():
    column, row = factors(np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]))
    assert np.allclose(column @ row, get_kernel("gaussian-5x5").weights * 256)
    assert factors(np.eye(3)) is None
    assert factors(np.zeros((2, 2))) is None


@pytest.mark.parametrize(
    ("picture", "kernel", "options", "error", "message"),
    [
        (np.zeros((2, 2)), np.zeros((3, 3)), {"padding": "valid"}, DataError, "larger than the picture"),
        (np.zeros((4, 4, 3)), np.zeros((2, 3, 3, 1)), {}, DataError, "as many as the picture, 3"),
        (np.zeros((4, 4)), np.zeros((3, 3, 1)), {}, DataError, "which has none"),
        (np.zeros(4), np.zeros((3, 3)), {}, DataError, r"\(N, H, W, C\)"),
        (np.zeros((4, 4)), np.zeros(3), {}, DataError, r"\(F, h, w, C\)"),
        (np.zeros((4, 4), dtype=complex), np.zeros((3, 3)), {}, DataError, "real numbers"),
        (np.zeros((4, 4)), np.zeros((3, 3)), {"padding": "full"}, RecipeError, "'full'"),
        (np.zeros((4, 4)), np.zeros((3, 3)), {"padding": -1}, RecipeError, "-1"),
        (np.zeros((4, 4)), np.zeros((3, 3)), {"border": "wrap"}, RecipeError, "'wrap'"),
        (np.zeros((4, 4)), np.zeros((3, 3)), {"stride": 0}, RecipeError, "stride"),
        (np.zeros((4, 4)), np.zeros((3, 3)), {"stride": 1.5}, RecipeError, "stride"),
    ],
)
def test_what_cannot_be_is_refused(picture, kernel, options, error, message):
    with pytest.raises(error, match=message):
        correlate(picture, kernel, **options)
