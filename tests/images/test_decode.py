import concurrent.futures
import hashlib
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from tellapart.errors import UnreadableImageError
from tellapart.images import decode
from tellapart.images.decode import decode_image, exif_orientation
from tellapart.images.notes import loses_much
from tellapart.images.pixels import scaled_to_8

from .conftest import bare_png, chunk, grey_png, noise, stored


@pytest.mark.parametrize("shape", [(9, 13), (9, 13, 3), (1, 1)])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "PPM"])
def test_lossless_formats_give_the_pixels_that_were_stored(shape, kind):
    pixels = noise(shape)
    data = stored(Image.fromarray(pixels), kind, **({"lossless": True} if kind == "WEBP" else {}))
    picture = decode_image(data)
    expected = pixels[..., None] if pixels.ndim == 2 else pixels
    if kind == "WEBP" and pixels.ndim == 2:  # WebP has no grey
        expected = np.repeat(expected, 3, axis=2)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.pixels.dtype == np.uint8
    assert picture.notes == ()
    assert picture.digest == hashlib.blake2b(data, digest_size=16).digest()


def paeth(left, up, corner):
    near = left + up - corner
    return min((left, up, corner), key=lambda value: abs(near - value))


@pytest.mark.parametrize("kind", range(5))
def test_every_png_row_filter_is_undone(kind):
    pixels, predict = noise((6, 7)).astype(int), (
        lambda a, b, c: 0, lambda a, b, c: a, lambda a, b, c: b, lambda a, b, c: (a + b) // 2, paeth
    )[kind]  # fmt: skip
    padded = np.pad(pixels, ((1, 0), (1, 0)))  # PNG 1.2, section 6: what lies outside counts as 0
    rows = b"".join(
        bytes([kind, *((int(padded[y + 1, x + 1]) - predict(int(padded[y + 1, x]), int(padded[y, x + 1]),
                                                            int(padded[y, x]))) % 256 for x in range(7))])
        for y in range(6)
    )  # fmt: skip
    np.testing.assert_array_equal(decode_image(bare_png(7, 6, 8, 0, rows)).pixels[..., 0], pixels)


def test_interlaced_png():
    pixels = noise((11, 13))
    passes = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))  # Adam7
    rows = b"".join(
        b"\0" + row.tobytes() for y, down, x, across in passes for row in pixels[y::down, x::across] if row.size
    )
    found = decode_image(bare_png(13, 11, 8, 0, rows, interlaced=1))
    np.testing.assert_array_equal(found.pixels[..., 0], pixels)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg(mode, progressive):
    smooth = Image.linear_gradient("L").resize((40, 30)).convert(mode)
    picture = decode_image(stored(smooth, "JPEG", quality=95, progressive=progressive))
    assert picture.pixels.shape == (30, 40, 1 if mode == "L" else 3)
    assert np.abs(picture.pixels.squeeze().astype(int) - np.asarray(smooth)).max() < 12


def test_cmyk_jpeg_with_and_without_the_adobe_marker():
    adobe = stored(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)
    assert b"Adobe" in adobe
    picture = decode_image(adobe)
    assert picture.mode == "CMYK"
    assert picture.notes == ("CMYK to RGB without its colour profile",)
    assert np.abs(picture.pixels.reshape(-1, 3).mean(0) - [0, 255, 255]).max() < 6
    at = adobe.index(b"\xff\xee")
    plain = adobe[:at] + adobe[at + 2 + int.from_bytes(adobe[at + 2 : at + 4], "big") :]
    assert b"Adobe" not in plain
    # The same stored numbers, now meant as they stand: no ink where there was full ink.
    assert np.abs(decode_image(plain).pixels.reshape(-1, 3).mean(0) - [0, 0, 0]).max() < 6


def test_gif_animation_gives_the_first_frame_and_says_so():
    frames = [Image.new("P", (8, 8), i) for i in range(3)]
    for frame in frames:
        frame.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0])
    data = stored(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    picture = decode_image(data)
    assert picture.pixels[0, 0].tolist() == [10, 20, 30]
    assert picture.notes == ("first of 3 frames",)


@pytest.mark.parametrize(("kind", "note"), [("TIFF", "first of 2 pages"), ("WEBP", "first of 2 frames"),
                                            ("PNG", "first of 2 frames")])  # fmt: skip
def test_several_frames_are_said(kind, note):
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    picture = decode_image(stored(first, kind, save_all=True, append_images=[second]))
    assert picture.notes == (note,)
    assert picture.pixels[0, 0, 0] > 200


def test_a_tiff_of_very_many_pages_is_not_counted_to_its_end(monkeypatch):
    monkeypatch.setattr(decode, "COUNTED_PAGES", 3)
    pages = [Image.new("RGB", (8, 8), (10 * n, 0, 0)) for n in range(20, 26)]
    for number, note in ((3, "first of 3 pages"), (4, "first of more than 3 pages"), (6, "first of more than 3 pages")):
        picture = decode_image(stored(pages[0], "TIFF", save_all=True, append_images=pages[1:number]))
        assert picture.notes == (note,)
        assert picture.pixels[0, 0].tolist() == [200, 0, 0]


def test_frames_of_a_large_gif_are_not_counted(monkeypatch):
    data = stored(Image.new("L", (8, 8), 50), "GIF", save_all=True, append_images=[Image.new("L", (8, 8), 90)])
    assert decode_image(data).notes == ("first of 2 frames",)
    monkeypatch.setattr(decode, "COUNTED_BYTES", 10)
    assert decode_image(data).notes == ("first of several frames",)
    assert decode_image(data).pixels[0, 0].tolist() == [50]
    assert decode_image(stored(Image.new("L", (8, 8), 50), "GIF")).notes == ()


def test_palettes_grey_and_coloured():
    coloured = Image.new("P", (4, 4), 1)
    coloured.putpalette([0, 0, 0, 9, 8, 7])
    assert decode_image(stored(coloured)).pixels[0, 0].tolist() == [9, 8, 7]
    grey = Image.new("P", (4, 4), 1)
    grey.putpalette([0, 0, 0, 9, 9, 9])
    assert decode_image(stored(grey)).pixels.shape == (4, 4, 1)


def test_palette_with_transparency_lies_over_the_background():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    picture = decode_image(stored(image, transparency=bytes([255, 0])), background=(1, 2, 3))
    assert picture.pixels[0, 0].tolist() == [1, 2, 3]
    assert picture.notes == ("transparency laid over (1, 2, 3)",)


def test_alpha_over_white_and_over_a_colour():
    data = stored(Image.new("RGBA", (3, 3), (100, 0, 0, 0)))
    assert decode_image(data).pixels[0, 0].tolist() == [255, 255, 255]
    assert decode_image(data, background=0).pixels[0, 0].tolist() == [0, 0, 0]
    grey = stored(Image.new("LA", (3, 3), (100, 0)))
    assert decode_image(grey, background=(9, 9, 9)).pixels.shape == (3, 3, 1)
    assert decode_image(grey, background=(9, 8, 7)).pixels[0, 0].tolist() == [9, 8, 7]


def test_opaque_alpha_is_dropped_without_a_word():
    picture = decode_image(stored(Image.new("RGBA", (3, 3), (100, 0, 0, 255))))
    assert picture.pixels[0, 0].tolist() == [100, 0, 0]
    assert picture.notes == ()


def test_transparent_colour_key_of_grey_rgb_and_16_bit():
    key = chunk(b"tRNS", b"\0\x05")
    rows = b"".join(b"\0" + bytes([5, 6]) for _ in range(2))
    assert decode_image(bare_png(2, 2, 8, 0, rows, key)).pixels[..., 0].tolist() == [[255, 6], [255, 6]]
    rows = b"".join(b"\0" + struct.pack(">HH", 5, 65535) for _ in range(2))
    picture = decode_image(bare_png(2, 2, 16, 0, rows, key), background=77)
    assert picture.pixels[..., 0].tolist() == [[77, 255], [77, 255]]
    rows = b"\0" + bytes([1, 2, 3, 4, 5, 6])
    key = chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    assert decode_image(bare_png(2, 1, 8, 2, rows, key)).pixels.tolist() == [[[255, 255, 255], [4, 5, 6]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_1_bit(kind):
    bits = noise((9, 13)) > 127
    picture = decode_image(stored(Image.fromarray(bits), kind))
    np.testing.assert_array_equal(picture.pixels[..., 0], np.where(bits, 255, 0))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_said(kind):
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    picture = decode_image(stored(Image.fromarray(values), kind))
    assert picture.pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    assert picture.notes == ("16-bit scaled to 8",)


def test_16_bit_rgb_png_is_said():
    rows = b"\0" + struct.pack(">HHH", 65535, 256 * 100, 0)
    picture = decode_image(bare_png(1, 1, 16, 2, rows))
    assert picture.pixels[0, 0].tolist() == [255, 100, 0]
    assert picture.notes == ("16-bit scaled to 8",)


def test_dark_16_bit_is_said_and_scaled_as_its_bright_neighbours_are():
    dark = decode_image(stored(Image.fromarray(np.array([[0, 4095]], dtype=np.uint16))))
    assert "its largest value is 4095 of 65535" in dark.notes[0]
    assert loses_much(dark.notes[0])
    for brightest in (250, 260):
        alike = decode_image(stored(Image.fromarray(np.array([[0, brightest]], dtype=np.uint16))))
        assert alike.pixels[0, :, 0].tolist() == [0, 1]
        assert f"its largest value is {brightest} of 65535" in alike.notes[0]


@pytest.mark.parametrize("largest", [4095, 65535])
def test_every_16_bit_pgm_has_the_range_that_it_says(largest):
    def decoded(*values):
        stored = b"P5 %d 1 %d\n" % (len(values), largest) + np.array(values, dtype=">u2").tobytes()
        return decode_image(stored).pixels[0, :, 0].tolist()

    assert decoded(0, largest) == [0, 255]
    assert decoded(0, largest // 255) == [0, 1], "dark, and not scaled by what occurs in it"


def test_integer_and_float_tiffs():
    integers = np.array([[-5, 0, 100000]], dtype=np.int32)
    assert decode_image(stored(Image.fromarray(integers), "TIFF")).pixels[0, :, 0].tolist() == [0, 0, 255]
    floats = np.array([[0.0, 0.5, 1.0, np.nan]], dtype=np.float32)
    picture = decode_image(stored(Image.fromarray(floats), "TIFF"))
    assert picture.pixels[0, :, 0].tolist() == [0, 128, 255, 0]
    assert picture.notes == ("float 0 to 1 scaled to 0 to 255",)


@pytest.mark.parametrize("value", [-9999.0, 100000.0])
def test_a_picture_of_one_value_beyond_all_ranges_is_one_tone(value):
    picture = decode_image(stored(Image.fromarray(np.full((3, 4), value, np.float32)), "TIFF"))
    assert np.unique(picture.pixels).tolist() == [0]


def test_scaling_keeps_what_is_in_the_range_of_bytes():
    assert scaled_to_8(np.array([0.0, 200.4, 255.0]))[0].tolist() == [0, 200, 255]
    assert scaled_to_8(np.array([np.nan, np.inf]))[0].tolist() == [0, 0]
    assert scaled_to_8(np.zeros((0, 3), dtype=np.int64))[0].shape == (0, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_agrees_with_pillow(kind, orientation):
    from PIL import ImageOps

    corners = np.zeros((16, 24), dtype=np.uint8)
    corners[:8, :8], corners[8:, :8] = 255, 120
    image = Image.fromarray(corners).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = stored(image, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    flagged = image.copy()
    flagged.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(flagged))
    picture = decode_image(data)
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels.astype(int) - expected).max() < (40 if kind == "JPEG" else 1)
    said = (f"turned upright (EXIF orientation {orientation})",) if orientation > 1 else ()
    assert picture.notes == said


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"II*\0", b"XX*\0\x08\0\0\0", b"II*\0\xff\xff\xff\x7f\x01\0",
                                  b"MM\0*\0\0\0\x08\xff\xff"])  # fmt: skip
def test_damaged_exif_means_upright(exif):
    assert exif_orientation(exif) == 1


def test_damaged_exif_in_a_jpeg_neither_warns_nor_fails():
    data = stored(Image.new("L", (8, 8), 9), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x20\0garbage")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_image(data).pixels.shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty file"),
        (b"\0" * 500, "all its 500 bytes are zero"),
        (b"hello, world\n", "looks like text"),
        (b"<html><body>Not found", "web page"),
        (b"  <!DOCTYPE HTML>", "web page"),
        (b'{"error": 404}', "JSON"),
        (b"%PDF-1.4", "PDF"),
        (b"PK\3\4....", "zip archive"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"<svg xmlns=''>", "SVG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(range(128, 256)), "80 81 82 83"),
    ],
)
def test_what_is_no_picture_says_what_it_looks_like(data, says):
    with pytest.raises(UnreadableImageError, match=says):
        decode_image(data, name="a.jpg")


def test_a_png_named_jpg_is_decoded_and_said():
    assert decode_image(grey_png(), name="a/b.JPG").notes == ("a PNG named .jpg",)
    assert decode_image(stored(Image.new("L", (8, 8)), "JPEG"), name="a.JPEG").notes == ()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_every_cut_gives_a_reason_or_pixels_and_never_another_error(kind):
    data = stored(Image.fromarray(noise((30, 40, 3))), kind)
    for length in [*range(1, 60), *range(60, len(data), max(1, len(data) // 40))]:
        try:
            decode_image(data[:length])
        except UnreadableImageError:
            continue
    with pytest.raises(UnreadableImageError, match=r"truncated|broken"):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_flipped_bytes_give_a_reason_or_pixels_and_never_another_error(kind):
    data = bytearray(stored(Image.fromarray(noise((20, 20, 3))), kind))
    rng = np.random.default_rng(1)
    for _ in range(150):
        broken = bytearray(data)
        for at in rng.integers(0, min(len(data), 400), 3):
            broken[at] = rng.integers(256)
        try:
            picture = decode_image(bytes(broken), max_pixels=10**6)
        except UnreadableImageError:
            continue
        assert picture.pixels.ndim == 3


def test_a_wrong_checksum_is_named():
    data = bytearray(grey_png())
    data[data.index(b"IDAT") + 6] ^= 1
    with pytest.raises(UnreadableImageError, match="checksum of its IDAT"):
        decode_image(bytes(data))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG"])
def test_30000_by_30000_is_refused_before_it_is_decoded(kind, monkeypatch):
    side = {"WEBP": 16000}.get(kind, 30000)
    if kind == "PNG":
        data = bare_png(side, side, 8, 2, b"")
    elif kind == "GIF":
        data = (
            b"GIF89a"
            + struct.pack("<HH", side, side)
            + b"\0\0\0,"
            + struct.pack("<HHHHB", 0, 0, side, side, 0)
            + b"\2\0"
        )
    elif kind == "BMP":
        data = (
            b"BM"
            + struct.pack("<IHHI", 54, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
        )
    elif kind == "TIFF":
        small = bytearray(stored(Image.new("L", (8, 8)), "TIFF"))
        for tag in (256, 257):
            at = (
                small.index(struct.pack("<HHI", tag, 4, 1))
                if struct.pack("<HHI", tag, 4, 1) in small
                else small.index(struct.pack("<HHI", tag, 3, 1))
            )
            small[at + 8 : at + 12] = struct.pack("<I", side)
        data = bytes(small)
    elif kind == "JPEG":
        small = bytearray(stored(Image.new("L", (8, 8)), "JPEG"))
        at = small.index(b"\xff\xc0")
        small[at + 5 : at + 9] = struct.pack(">HH", side, side)
        data = bytes(small)
    else:
        body = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (side - 1).to_bytes(3, "little") * 2
        data = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(UnreadableImageError, match=f"{side}x{side} pixels .* are more than the 134 million"):
        decode_image(data)


def test_the_limit_can_be_chosen():
    assert decode_image(grey_png(size=(10, 10)), max_pixels=100).pixels.shape == (10, 10, 1)
    with pytest.raises(UnreadableImageError, match=r"10x11 pixels .* more than the 100 "):
        decode_image(grey_png(size=(10, 11)), max_pixels=100)


def test_a_text_bomb_in_a_png_is_left_packed():
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 200_000_000, 9)) + chunk(b"tRNS", b"\0\1")
    data = bare_png(2, 1, 8, 0, b"\0\5\6", bomb)
    assert decode_image(data).pixels[..., 0].tolist() == [[5, 6]]


def test_pillows_global_state_is_left_alone():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    for kind in ("PNG", "TIFF", "GIF", "JPEG"):
        decode_image(stored(Image.new("L", (5, 5)), kind))
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before


def test_threads_agree_with_one_another():
    files = [
        stored(Image.fromarray(noise((20, 30, 3), seed=i)), kind) for i in range(20) for kind in ("PNG", "TIFF", "GIF")
    ]
    alone = [decode_image(data).pixels.tobytes() for data in files]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert [p.pixels.tobytes() for p in pool.map(decode_image, files)] == alone


@pytest.mark.parametrize("high", [65535.0, 40000.0])
def test_many_pixels_of_16_bits_become_what_few_do(high):
    values = np.random.default_rng(1).integers(0, int(high) + 1, (300, 301), dtype=np.uint16)
    whole, _ = scaled_to_8(values, ends=(0.0, high))
    rows = np.stack([scaled_to_8(row, ends=(0.0, high))[0] for row in values])
    assert np.array_equal(whole, rows)
