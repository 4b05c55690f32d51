"""Facts of a picture against NumPy by hand."""

import numpy as np
import pytest

from tellapart.images.facts import FACTS, facts_of
from tellapart.images.picture import Picture


@pytest.fixture
def grey(random) -> np.ndarray:
    return random.integers(3, 250, (40, 60, 1), dtype=np.uint8)


def test_grey_figures_are_those_of_numpy(grey):
    row = facts_of(Picture(grey, mode="L", digest=b"0123456789abcdef"))
    assert row.dtype == FACTS
    assert (row["width"], row["height"], row["channels"], row["readable"]) == (60, 40, 1, True)
    assert not row["one_tone"]
    assert row["brightness"] == pytest.approx(grey.mean(), rel=1e-6)
    assert row["contrast"] == pytest.approx(grey.std(), rel=1e-5)
    assert row["colour"] == 0
    share = np.histogram(grey, bins=32, range=(0, 256))[0] / grey.size
    assert row["entropy"] == pytest.approx(-(share[share > 0] * np.log2(share[share > 0])).sum(), rel=1e-5)
    assert row["mode"] == b"L"
    assert bytes(row["digest"]) == b"0123456789abcdef"


def test_colour_is_the_distance_of_the_channels(random):
    pixels = random.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    row = facts_of(Picture(pixels, mode="RGB"))
    spread = pixels.max(axis=2).astype(float) - pixels.min(axis=2)
    assert row["colour"] == pytest.approx(spread.mean(), rel=1e-5)
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    assert row["brightness"] == pytest.approx(luma.mean(), abs=0.6)
    same = np.repeat(pixels[..., :1], 3, axis=2)
    assert facts_of(Picture(same, mode="RGB"))["colour"] == 0


def test_large_pictures_are_looked_at_in_a_small_copy(random):
    blocks = random.integers(0, 256, (16, 12, 1), dtype=np.uint8)
    large = np.kron(blocks, np.ones((40, 40, 1), dtype=np.uint8))
    row = facts_of(Picture(large, mode="L"))
    assert (row["width"], row["height"]) == (480, 640)
    assert row["brightness"] == pytest.approx(large.mean(), abs=1)


def test_the_small_picture_has_the_means_of_its_parts():
    pixels = np.kron(np.arange(256, dtype=np.uint8).reshape(16, 16), np.ones((4, 4), dtype=np.uint8))[..., None]
    small = facts_of(Picture(pixels, mode="L"))["small"].astype(int)
    assert np.abs(small[1:-1, 1:-1] - np.arange(256).reshape(16, 16)[1:-1, 1:-1]).max() <= 2


def test_a_constant_picture_has_no_contrast_and_no_entropy():
    row = facts_of(Picture(np.full((5, 5, 3), 200, dtype=np.uint8), mode="RGB"))
    assert (row["contrast"], row["entropy"], row["one_tone"]) == (0, 0, True)


def test_two_colours_of_one_brightness_are_not_one_tone():
    pixels = np.full((5, 5, 3), 76, dtype=np.uint8)
    assert facts_of(Picture(pixels, mode="RGB"))["one_tone"]
    pixels[2:] = 255, 0, 0  # 0.299 × 255 = 76.2
    row = facts_of(Picture(pixels, mode="RGB"))
    assert (row["brightness"], row["one_tone"]) == (76, False)


def test_a_single_other_pixel_is_another_tone(grey):
    grey[:] = 9
    assert facts_of(Picture(grey, mode="L"))["one_tone"]
    grey[3, 4] = 10
    assert not facts_of(Picture(grey, mode="L"))["one_tone"]


def test_two_halves_have_one_bit():
    pixels = np.zeros((8, 8, 1), dtype=np.uint8)
    pixels[4:] = 255
    row = facts_of(Picture(pixels, mode="1"))
    assert row["entropy"] == 1.0
    assert row["contrast"] == 127.5


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 3), (1, 3000, 1), (3000, 1, 3)])
def test_the_smallest_and_the_longest_pictures_have_facts(shape):
    row = facts_of(Picture(np.full(shape, 9, dtype=np.uint8), mode="L"))
    assert (row["height"], row["width"], row["brightness"]) == (*shape[:2], 9)


def test_a_row_is_small_and_without_python_objects():
    assert FACTS.itemsize <= 308
    assert not FACTS.hasobject


def test_a_fine_pattern_whose_mean_is_one_tone_is_not_one_tone():
    checks = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
    assert not facts_of(Picture(checks, mode="L"))["one_tone"]
    speck = np.zeros((900, 900, 3), dtype=np.uint8)
    assert facts_of(Picture(speck, mode="RGB"))["one_tone"]
    speck[500, 400, 1] = 90
    assert not facts_of(Picture(speck, mode="RGB"))["one_tone"]
