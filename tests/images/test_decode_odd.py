"""Pictures that Pillow alone would read wrongly, or not at all."""

import numpy as np
import pytest
from PIL import Image

from tellapart.errors import UnreadableImageError
from tellapart.images.decode import decode_image

from .conftest import bare_png, chunk, noise, stored


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
