"""Pictures that lie in one array."""

import pickle

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Images


def test_grey_and_colour_arrays_load(random):
    grey = random.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    images = ArrayImages(grey)
    assert isinstance(images, Images)
    assert len(images) == 5
    picture = images.load(2)
    assert (picture.pixels[..., 0] == grey[2]).all()
    assert picture.mode == "L"
    colour = random.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    assert (ArrayImages(colour).load(4).pixels == colour[4]).all()
    assert ArrayImages(colour).load(0).mode == "RGB"


def test_a_digest_is_equal_exactly_where_pixels_and_shape_are(random):
    pixels = random.integers(0, 256, (3, 4, 6), dtype=np.uint8)
    pixels[2] = pixels[0]
    digests = [ArrayImages(pixels).load(i).digest for i in range(3)]
    assert digests[0] == digests[2] != digests[1]
    assert len(digests[0]) == 16
    assert ArrayImages(pixels.reshape(3, 6, 4)).load(0).digest != digests[0]


def test_selections_of_selections(random):
    pixels = random.integers(0, 256, (9, 4, 4), dtype=np.uint8)
    images = ArrayImages(pixels).select(np.array([8, 3, 5])).select(np.array([2, 0]))
    assert [(images.load(i).pixels[..., 0] == pixels[row]).all() for i, row in enumerate([5, 8])] == [True, True]
    assert images.with_background(0) is images


def test_the_fingerprint_changes_with_the_pixels_the_shape_and_the_selection(random):
    pixels = random.integers(0, 256, (9, 4, 6), dtype=np.uint8)
    other = pixels.copy()
    other[8, 3, 5] ^= 1
    images = ArrayImages(pixels)
    prints = [
        images.fingerprint(),
        ArrayImages(other).fingerprint(),
        ArrayImages(pixels.reshape(9, 6, 4)).fingerprint(),
        images.select(np.arange(8)).fingerprint(),
        images.select(np.arange(9)[::-1]).fingerprint(),
    ]
    assert len(set(prints)) == 5
    assert ArrayImages(pixels.copy()).fingerprint() == prints[0]
    assert images.select(np.arange(9)).fingerprint() == prints[0]


def test_a_source_that_knows_better_gives_the_fingerprint():
    pixels = np.zeros((2, 3, 3), dtype=np.uint8)
    first, second = (ArrayImages(pixels, fingerprint=name) for name in ("a", "b"))
    assert first.fingerprint() != second.fingerprint()
    assert first.select(np.array([0])).fingerprint() != second.select(np.array([0])).fingerprint()


def test_they_travel_to_other_processes():
    images = ArrayImages(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    assert (pickle.loads(pickle.dumps(images)).load(1).pixels == images.load(1).pixels).all()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 3, 3)), np.zeros((3, 3), np.uint8), np.zeros((2, 3, 3, 4), np.uint8),
        np.zeros((2, 3, 3), np.int8), np.zeros((2, 0, 3), np.uint8), np.zeros((1, 2, 3, 3, 3), np.uint8),
    ],
)  # fmt: skip
def test_arrays_that_are_no_pictures_are_refused_with_their_type_and_shape(pixels):
    with pytest.raises(DataError, match="uint8 of shape") as caught:
        ArrayImages(pixels)
    assert f"got {pixels.dtype} of shape {pixels.shape}" in str(caught.value)
