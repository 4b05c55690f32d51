"""Pyramids reconstruct exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tellapart.errors import DataError, RecipeError
from tellapart.filters import gaussian_pyramid, laplacian_pyramid, reconstruct
from tellapart.filters.pyramids import expanded, reduced

RNG = np.random.default_rng(4)


@settings(max_examples=60, deadline=None)
@given(arrays(st.sampled_from([np.uint8, np.uint16]), array_shapes(min_dims=2, max_dims=3, max_side=40)))
def test_whole_numbers_come_back_without_error(picture):
    assert (reconstruct(laplacian_pyramid(picture)) == picture).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (31, 33, 3), (3, 17, 5, 4), (101, 64, 7)])
def test_any_size_and_channels(shape):
    picture = RNG.integers(0, 256, size=shape)
    pyramid = laplacian_pyramid(picture)
    assert (reconstruct(pyramid) == picture).all()
    assert [p.shape for p in pyramid] == [p.shape for p in gaussian_pyramid(picture)]
    real = RNG.standard_normal(shape)
    assert np.allclose(reconstruct(laplacian_pyramid(real)), real, rtol=0, atol=1e-14)


def test_reduce_is_blur_and_every_other_pixel():
    picture = RNG.random((15, 12))
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    blurred = ndimage.correlate1d(ndimage.correlate1d(picture, kernel, 0, mode="mirror"), kernel, 1, mode="mirror")
    assert np.allclose(reduced(picture), blurred[::2, ::2], atol=1e-7)


def test_flat_pictures_stay_flat():
    for size in ((1, 1), (1, 8), (5, 6), (7, 2)):
        assert (expanded(reduced(np.full(size, 7.0)), size=size) == 7).all()
        assert all((level == 0).all() for level in laplacian_pyramid(np.full(size, 7.0))[:-1])


def test_sizes_and_levels():
    assert [p.shape for p in gaussian_pyramid(np.zeros((9, 20)))] == [(9, 20), (5, 10), (3, 5), (2, 3), (1, 2)]
    assert len(gaussian_pyramid(np.zeros((9, 20)), levels=1)) == 1
    for levels in (0, 6):
        with pytest.raises(RecipeError, match="1 to 5"):
            gaussian_pyramid(np.zeros((9, 20)), levels=levels)
    with pytest.raises(DataError, match="half"):
        reconstruct([np.zeros((8, 8)), np.zeros((3, 4))])
    with pytest.raises(DataError, match="none"):
        reconstruct([])


def test_small_numbers_are_not_rounded_away():
    level = gaussian_pyramid(np.full((4, 4), 1e-9))[1]
    np.testing.assert_allclose(level, 1e-9, rtol=1e-12)
