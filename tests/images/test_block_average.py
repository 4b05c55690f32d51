"""Averaged pixels: as a file's own picture is averaged, kept beside the pixels, and made without a cache, too."""

import numpy as np
import pytest

from tellapart.images.block_average import block_averaged
from tellapart.images.preprocessing import Preprocessing


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 16, 23, 3), dtype=np.uint8)


FIRST = Preprocessing(image_size=(16, 23))
COARSE = FIRST.coarser(3)


def test_each_picture_is_averaged_as_a_file_is(pixels):
    found = block_averaged(pixels, COARSE)
    assert found.shape == (5, 5, 7, 3)
    assert all((one == COARSE.resized(picture)).all() for one, picture in zip(found, pixels, strict=True))


def test_what_has_its_size_already_stays(pixels):
    assert block_averaged(pixels, FIRST) is pixels


def test_what_is_made_is_kept_and_read_the_next_time(pixels, tmp_path):
    made = block_averaged(pixels, COARSE, folder=tmp_path)
    assert isinstance(made, np.memmap)
    assert (made == block_averaged(pixels, COARSE)).all()
    (file,) = tmp_path.iterdir()
    expected = np.array(made)
    again = block_averaged(np.zeros_like(pixels), COARSE, folder=tmp_path)
    assert (again == made).all()
    file.write_bytes(file.read_bytes()[:200])
    assert (block_averaged(pixels, COARSE, folder=tmp_path) == expected).all(), "a damaged file is made anew"


def test_a_cache_that_cannot_be_written_is_done_without(pixels, tmp_path):
    found = block_averaged(pixels, COARSE, folder=tmp_path / "gone")
    assert (found == block_averaged(pixels, COARSE)).all()
