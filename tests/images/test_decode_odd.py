"""Pictures that Pillow alone would read wrongly, or not at all."""

import struct

import numpy as np
import pytest
from PIL import Image

from tellapart.errors import UnreadableImageError
from tellapart.images import decode
from tellapart.images.decode import as_pixels, decode_image

from .conftest import bare_png, chunk, grey_png, noise, stored


def test_16_bit_tiff_whose_zero_is_white_is_turned_round():
    values = np.array([[0, 20_000], [40_000, 65_535]], dtype=np.uint16)
    data = stored(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    assert decode_image(data).pixels[..., 0].tolist() == [[255, 177], [99, 0]]
    assert decode_image(stored(Image.fromarray(values), "TIFF")).pixels[..., 0].tolist() == [[0, 78], [156, 255]]


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "expected"),
    [
        (4, 0, b"\x5f", b"\0\5", [[255], [255]]),
        (2, 0, b"\x60", b"\0\1", [[255], [170]]),
        (1, 0, b"\x80", b"\0\1", [[255], [0]]),
        (8, 0, b"\x05\x0f", b"\0\5", [[255], [15]]),
        (16, 2, b"\x12\x34" * 3 + b"\x20\x00" * 3, b"\x12\x34" * 3, [[255] * 3, [32] * 3]),
    ],
)
def test_a_transparent_value_is_found_at_any_depth(depth, colour, row, key, expected):
    picture = decode_image(bare_png(2, 1, depth, colour, b"\0" + row, chunk(b"tRNS", key)))
    assert picture.pixels[0].tolist() == expected
    assert "transparency laid over 255" in picture.notes


def test_avif_is_known_by_what_it_is_compatible_with():
    data = stored(Image.fromarray(noise((8, 8, 3))), "AVIF")
    assert data[4:12] == b"ftypavif"
    other = data[:8] + b"mif1" + data[12:]
    np.testing.assert_array_equal(decode_image(other).pixels, decode_image(data).pixels)
    with pytest.raises(UnreadableImageError, match="a HEIC picture"):
        decode_image(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(40))


def plain_tiff(samples, *, bits, order="<", photometric=1, kind=1):
    """Return an uncompressed TIFF of one row of four grey pixels; kind 1 is whole numbers, 3 is floats."""
    tags = [(256, 4), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 134), (277, 1), (278, 1)]
    tags += [(279, len(samples)), (339, kind)]
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    head = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(tags))
    return head + entries + bytes(4) + samples


def test_a_tiff_that_says_that_it_has_12_bits_is_scaled_from_12():
    picture = decode_image(plain_tiff(b"\x00\x00\x80" + b"\x3e\x8f\xff", bits=12))  # 0, 128, 1000, 4095
    assert picture.pixels[0, :, 0].tolist() == [0, 8, 62, 255]
    assert picture.notes == ("12-bit scaled to 8",)


@pytest.mark.parametrize(
    "data",
    [
        plain_tiff(np.zeros(4, "<f8").tobytes(), bits=64, kind=3),
        plain_tiff(np.zeros(4, ">u2").tobytes(), bits=16, order=">", photometric=0),
    ],
)
def test_a_tiff_that_pillow_does_not_know_is_not_called_broken(data):
    with pytest.raises(UnreadableImageError, match=r"this kind of TIFF is not read, .* save it as PNG of 8 or 16 bits"):
        decode_image(data)


def test_a_picture_below_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a.png").write_bytes(grey_png(5))
    assert as_pixels("~/a.png").max() == 5


def test_a_large_gif_whose_second_frame_is_cut_keeps_its_first(monkeypatch):
    monkeypatch.setattr(decode, "COUNTED_BYTES", 10)
    frames = [Image.new("L", (8, 8), shade) for shade in (50, 90)]
    data = stored(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    second = data.index(b"\x21\xf9", data.index(b"\x21\xf9") + 2)
    for cut in range(second + 1, len(data)):
        picture = decode_image(data[:cut])
        assert picture.pixels[0, 0].tolist() == [50]
