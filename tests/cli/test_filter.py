"""filter: a picture convolved with kernels by name, each in a file of its own."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tellapart.filters import draw_filters
from tellapart.images.decode import as_pixels


@pytest.fixture
def picture(good, tmp_path):
    return shutil.copy(next((good / "a").iterdir()), tmp_path / "p.png")


def test_kernels_are_listed(call):
    called = call("filter")
    assert called.status == 0
    assert "sobel-v" in called.out


def test_each_kernel_makes_a_picture_beside_it(call, picture, tmp_path):
    called = call("filter", picture, "--kernel", "box", "--kernel", "sobel-v")
    assert (called.status, called.out.split()) == (0, [str(tmp_path / "p-box.png"), str(tmp_path / "p-sobel-v.png")])
    pixels = as_pixels(picture)
    expected = draw_filters(pixels[..., 0] if pixels.shape[2] == 1 else pixels, ["box"])["box"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "p-box.png").copy()), expected)


def test_what_stands_there_is_replaced_only_on_request(call, picture, tmp_path):
    (tmp_path / "p-box.png").write_bytes(b"mine")
    called = call("filter", picture, "--kernel", "box")
    assert called.status == 2
    assert "give --overwrite" in called.err
    assert (tmp_path / "p-box.png").read_bytes() == b"mine"
    assert call("filter", picture, "--kernel", "box", "--overwrite").status == 0
    assert (tmp_path / "p-box.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_without_a_kernel_and_a_kernel_without_a_picture_are_refused(call, picture):
    assert "say by which kernels" in call("filter", picture).err
    assert "--kernel needs a picture" in call("filter", "--kernel", "box").err
