"""From a picture of any size to the network's input size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tellapart.images.preprocessing import Preprocessing

RESIZES = ("stretch", "crop", "pad")


def gradient(height: int, width: int, channels: int = 1) -> np.ndarray:
    rows = np.linspace(0, 255, height)[:, None, None] * 0.5 + np.linspace(0, 255, width)[None, :, None] * 0.5
    return np.repeat(rows, channels, axis=2).astype(np.uint8)


@settings(max_examples=150, deadline=None)
@given(
    given_size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    channels=st.sampled_from([1, 3]),
    stored=st.sampled_from([1, 3]),
    resize=st.sampled_from(RESIZES),
    resample=st.sampled_from(["nearest", "box", "bilinear", "bicubic", "lanczos"]),
)
def test_any_size_becomes_the_wished_one(given_size, size, channels, stored, resize, resample):
    spec = Preprocessing(image_size=size, channels=channels, resize=resize, resample=resample)
    out = spec.resized(np.full((*given_size, stored), 77, dtype=np.uint8))
    assert out.shape == (*size, channels)
    assert out.dtype == np.uint8
    if resize == "pad":
        assert set(np.unique(out)) <= {77, 255}
        assert (out == 77).any()
    else:
        assert (out == 77).all()


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (4999, 3)])
@pytest.mark.parametrize("resize", RESIZES)
def test_extreme_shapes_are_taken(shape, resize):
    spec = Preprocessing(image_size=(64, 48), channels=1, resize=resize)
    assert spec.resized(np.zeros((*shape, 3), dtype=np.uint8)).shape == (64, 48, 1)


@pytest.mark.parametrize("resize", RESIZES)
def test_a_picture_of_the_right_size_is_left_alone(resize):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    assert (Preprocessing(image_size=(8, 6), resize=resize).resized(pixels) == pixels).all()


def test_grey_is_the_luma_of_itu_r_601_and_colour_of_grey_is_grey():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    grey = Preprocessing(image_size=(8, 6), channels=1).resized(pixels)[..., 0]
    assert np.abs(grey - pixels @ [0.299, 0.587, 0.114]).max() <= 1
    back = Preprocessing(image_size=(8, 6), channels=3).resized(grey[..., None])
    assert (back == grey[..., None]).all()


def test_stretch_with_box_is_the_mean_of_blocks():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 1), dtype=np.uint8)
    out = Preprocessing(image_size=(4, 4), channels=1, resample="box").resized(pixels)
    blocks = pixels.reshape(4, 3, 4, 2).astype(float).mean(axis=(1, 3))
    assert np.abs(out[..., 0] - blocks).max() <= 1  # Pillow rounds after each of its two passes


def test_crop_keeps_the_shape_and_cuts_both_sides_alike():
    pixels = np.zeros((10, 30, 1), dtype=np.uint8)
    pixels[:, 10:20] = 200
    assert (Preprocessing(image_size=(10, 10), channels=1, resize="crop").resized(pixels) == 200).all()
    assert (Preprocessing(image_size=(5, 5), channels=1, resize="crop", resample="box").resized(pixels) == 200).all()
    assert (Preprocessing(image_size=(10, 10), channels=1, resize="crop").resized(pixels.swapaxes(0, 1)) == 200).all()


def test_pad_keeps_everything_and_adds_borders_of_the_background():
    pixels = np.full((10, 30, 3), 9, dtype=np.uint8)
    out = Preprocessing(image_size=(30, 30), resize="pad", background=100).resized(pixels)
    assert (out[10:20] == 9).all()
    assert (out[:10] == 100).all()
    assert (out[20:] == 100).all()


@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos"])
def test_the_filter_is_that_of_pillow(resample):
    pixels = gradient(40, 30)
    out = Preprocessing(image_size=(8, 6), channels=1, resample=resample).resized(pixels)
    filter_ = Image.Resampling[resample.upper()]
    assert (out[..., 0] == np.asarray(Image.fromarray(pixels[..., 0]).resize((6, 8), filter_))).all()


def test_the_pixel_key_changes_with_what_changes_pixels_and_with_nothing_else():
    spec = Preprocessing(image_size=(8, 6), channels=1)
    different = [
        Preprocessing(image_size=(6, 8), channels=1),
        Preprocessing(image_size=(8, 6), channels=3),
        Preprocessing(image_size=(8, 6), channels=1, resize="crop"),
        Preprocessing(image_size=(8, 6), channels=1, resize="pad"),
        Preprocessing(image_size=(8, 6), channels=1, resize="pad", background=0),
        Preprocessing(image_size=(8, 6), channels=1, resample="lanczos"),
        Preprocessing(image_size=(16, 12), channels=1).coarser(2),
        Preprocessing(image_size=(17, 12), channels=1).coarser(2),
    ]
    assert len({spec.pixel_key(), *(other.pixel_key() for other in different)}) == 9
    same = Preprocessing(image_size=(8, 6), channels=1, mean=(0.5,), std=(0.2,), background=0)
    assert same.pixel_key() == spec.pixel_key()


def test_mean_and_deviation_are_nothing_where_nothing_is_said():
    assert Preprocessing(image_size=(8, 6), channels=1).mean == (0.0,)
    assert Preprocessing(image_size=(8, 6)).std == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_size": (0, 8)}, "1 to 4096"),
        ({"image_size": (8, 5000)}, "1 to 4096"),
        ({"channels": 2}, "1 or 3"),
        ({"channels": 10**12}, "1 or 3"),
        ({"channels": "many"}, "1 or 3"),
        ({"channels": None}, "1 or 3"),
        ({"mean": (0.5,)}, "must have 3 values"),
        ({"std": (1.0, 1.0, 0.0)}, "above 0"),
        ({"std": (1.0, 1.0, float("inf"))}, "finite"),
        ({"mean": (0.0, 0.0, float("nan"))}, "finite"),
        ({"background": 256}, "255"),
        ({"averaged_from": (4, 8)}, r"averaged_from must be image_size, \(8, 8\), times a whole number"),
        ({"averaged_from": (16, 24)}, "times a whole number"),
        ({"averaged_from": (8000, 8000)}, "at most 4096"),
        ({"colour": True}, "Extra"),
    ],
)
def test_what_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(**{"image_size": (8, 8), **values})


def test_a_background_may_be_a_colour():
    spec = Preprocessing(image_size=(4, 8), resize="pad", background=(255, 136, 0))
    out = spec.resized(np.zeros((4, 4, 3), dtype=np.uint8))
    assert out[0, 0].tolist() == [255, 136, 0]
    assert (out[:, 2:6] == 0).all()
    grey = spec.model_copy(update={"channels": 1, "mean": (0.0,), "std": (1.0,)})
    assert grey.resized(np.zeros((4, 4, 1), dtype=np.uint8))[0, 0, 0] == round(0.299 * 255 + 0.587 * 136)


def test_a_coarser_picture_is_the_mean_of_the_first_size_s_blocks():
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    first = Preprocessing(image_size=(16, 23))
    coarse = first.coarser(3)
    assert (coarse.image_size, coarse.averaged_from) == ((5, 7), (16, 23))
    fine = first.resized(photo)
    blocks = fine[:15, :21].reshape(5, 3, 7, 3, 3).astype(float).mean(axis=(1, 3))
    out = coarse.resized(photo)
    assert np.abs(out - blocks).max() < 0.6  # Pillow divides in whole numbers
