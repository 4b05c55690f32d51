"""The matrix of a convolution."""

import numpy as np
import pytest
from scipy import linalg

from tellapart.errors import DataError
from tellapart.filters import convolution_matrix, convolve, correlate, correlation_matrix

RNG = np.random.default_rng(1)


def test_the_worked_example():
    kernel = [[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]]
    matrix = correlation_matrix(kernel, picture_size=(4, 4))
    row = [-1, -2, -3, 0, -4, -5, -6, 0, -7, -8, -9]
    expected = np.zeros((4, 16))
    for i, start in enumerate((0, 1, 4, 5)):
        expected[i, start : start + len(row)] = row
    assert (matrix == expected).all()
    picture = np.arange(1.0, 17).reshape(4, 4)
    assert ((matrix @ picture.ravel()).reshape(2, 2) == correlate(picture, kernel, padding="valid")).all()
    assert (matrix @ picture.ravel()).tolist() == [-348, -393, -528, -573]


def test_it_is_doubly_blocked_toeplitz():
    kernel = RNG.random((2, 3))
    blocks = []
    for row in kernel:
        column = np.zeros(3)
        column[0] = row[0]
        blocks.append(linalg.toeplitz(column, np.r_[row, np.zeros(2)]))
    empty = np.zeros((3, 5))
    expected = np.block([[blocks[0], blocks[1], empty], [empty, blocks[0], blocks[1]]])
    assert (correlation_matrix(kernel, picture_size=(3, 5)) == expected).all()


@pytest.mark.parametrize("border", ["zero", "reflect", "symmetric", "nearest"])
@pytest.mark.parametrize("padding", ["valid", "same", 2])
@pytest.mark.parametrize("stride", [1, (2, 3)])
def test_matrix_times_vector_is_convolution(border, padding, stride):
    for _ in range(4):
        height, width = RNG.integers(5, 9, size=2).tolist()
        kernel = RNG.random(RNG.integers(1, 5, size=2))
        picture = RNG.random((height, width))
        how = {"padding": padding, "border": border, "stride": stride}
        for operation, make in ((correlate, correlation_matrix), (convolve, convolution_matrix)):
            result = operation(picture, kernel, **how)
            matrix = make(kernel, picture_size=(height, width), **how)
            assert np.allclose((matrix @ picture.ravel()).reshape(result.shape), result)


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match=r"\(h, w\)"):
        correlation_matrix(np.zeros((1, 2, 3)), picture_size=(4, 4))
    with pytest.raises(DataError, match="larger"):
        convolution_matrix(np.zeros((5, 5)), picture_size=(4, 4))
