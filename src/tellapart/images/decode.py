"""One picture's stored bytes become uint8 pixels, upright, grey or RGB; a file that cannot be read gets its reason."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import DataError, UnreadableImageError
from ..files import expanded
from . import png
from .notes import FIRST_OF
from .picture import Picture
from .pixels import Colour, to_pixels
from .sniff import looks_like, picture_format, wrong_suffix
from .stored import read_whole

MAX_PIXELS = 2**27
"""The most pixels of a picture that are decoded by default: 134 million, enough for any telephone's camera."""

UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""What turns stored pixels upright, by EXIF orientation (EXIF 2.32, tag 0x0112)."""


def decode_image(data: bytes, *, background: Colour = 255, max_pixels: int = MAX_PIXELS, name: str = "") -> Picture:
    """Decode one stored picture.

    Args:
        data: the file's bytes: PNG, JPEG, GIF, BMP, TIFF, WebP, PPM, JPEG 2000 or AVIF, whatever its name says.
        background: what lies under transparency: a grey value 0 to 255, or (red, green, blue).
        max_pixels: width × height above which nothing is decoded.
        name: the file's name, for the note about a suffix that is not true.

    Returns:
        uint8 pixels (H, W, 1) where the picture is grey, else (H, W, 3); 16-bit and float values scaled to 8 bits,
        the first frame of several, turned upright. Its digest is BLAKE2b of ``data``.

    Raises:
        UnreadableImageError: with the reason alone: empty, truncated, broken, too large, or no picture at all.

    Source:
        PNG: ISO/IEC 15948; orientation: EXIF 2.32.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> stored = io.BytesIO()
        >>> Image.new("LA", (5, 4), (0, 128)).save(stored, "PNG")
        >>> picture = decode_image(stored.getvalue())
        >>> picture.pixels.shape, int(picture.pixels[0, 0, 0]), picture.mode, picture.notes
        ((4, 5, 1), 127, 'LA', ('transparency laid over 255',))
        >>> decode_image(b"<!DOCTYPE html><title>404</title>")
        Traceback (most recent call last):
        tellapart.errors.UnreadableImageError: not a picture: it looks like a web page (HTML)
    """
    format_ = picture_format(data)
    if format_ is None:
        raise UnreadableImageError(looks_like(data))
    notes = wrong_suffix(format_, name)
    try:
        if format_ == "PNG":
            pixels, mode, more = _decode_png(data, background, max_pixels)
        else:
            pixels, mode, more = _decode_other(data, format_, background, max_pixels)
    except UnreadableImageError:
        raise
    except Exception as error:  # Pillow's parsers raise whatever their arithmetic on broken bytes raises
        raise UnreadableImageError(_reason(format_, error)) from error
    digest = hashlib.blake2b(data, digest_size=16).digest()
    return Picture(pixels, mode=mode, notes=notes + more, digest=digest)


FORMATS_THAT_WARN = ("TIFF", "GIF")
"""Formats whose decoder may warn of what it finds."""

Decoded = tuple[NDArray[np.uint8] | Image.Image, str, tuple[str, ...]]


def _decode_png(data: bytes, background: Colour, max_pixels: int) -> Decoded:
    parts = png.read(data)
    check_size(parts.width, parts.height, max_pixels)
    if parts.plain:
        return png.plain_image(parts), parts.plain, ()
    # Text, profiles and animation control are left behind: they cannot change the pixels, and can be bombs.
    image = PngImageFile(BytesIO(png.without_extras(parts)))
    notes: tuple[str, ...] = ("16-bit scaled to 8",) if parts.depth == 16 and image.mode != "I;16" else ()
    notes += (f"{FIRST_OF}{parts.frames} frames",) if parts.frames > 1 else ()
    return _finish(image, background, exif_orientation(parts.exif), notes)


def _decode_other(data: bytes, format_: str, background: Colour, max_pixels: int) -> Decoded:
    if format_ == "WEBP":
        check_size(*_webp_size(data), max_pixels)  # Pillow's plugin makes the canvas when it opens the file
    if format_ == "JPEG":
        image: ImageFile = _Jpeg(BytesIO(data))
        check_size(*image.size, max_pixels)
        notes: tuple[str, ...] = ("CMYK to RGB without its colour profile",) if image.mode == "CMYK" else ()
        return _finish(_true_cmyk(image), background, exif_orientation(image.info.get("exif", b"")), notes)
    with _quiet():
        image = OPENERS[format_](BytesIO(data))
        check_size(*image.size, max_pixels)
        if format_ == "TIFF":
            notes, orientation = _tiff_notes(image), 1  # Pillow turns a TIFF itself while it loads it
        elif format_ == "GIF" and len(data) > COUNTED_BYTES:
            notes, orientation = _some_frames(image), 1
        else:
            notes, orientation = _frames(image, "frames"), exif_orientation(image.info.get("exif", b""))
        if format_ in FORMATS_THAT_WARN:
            image.load()
    image.load()  # with the lock of those warnings free: threads decode side by side
    return _finish(_true_tiff(image) if format_ == "TIFF" else image, background, orientation, notes)


def _finish(image: Image.Image, background: Colour, orientation: int, notes: tuple[str, ...]) -> Decoded:
    mode = image.mode
    pixels, more = to_pixels(image, background=background)
    if orientation in UPRIGHT:
        pixels = UPRIGHT[orientation](pixels)
        more += (f"turned upright (EXIF orientation {orientation})",)
    return np.ascontiguousarray(pixels), mode, notes + more


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise UnreadableImageError where width × height is nothing, or above ``max_pixels``.

    Example:
        >>> check_size(30_000, 30_000, 2**27)
        Traceback (most recent call last):
        tellapart.errors.UnreadableImageError: 30000x30000 pixels (width x height) are more than the 134 million ...
    """
    if width < 1 or height < 1:
        raise UnreadableImageError(f"broken: {width}x{height} pixels (width x height)")
    if width * height > max_pixels:
        allowed = f"{max_pixels / 1e6:.0f} million" if max_pixels >= 10**7 else f"{max_pixels:,}"
        raise UnreadableImageError(
            f"{width}x{height} pixels (width x height) are more than the {allowed} that are decoded: "
            "make the picture smaller"
        )


def exif_orientation(exif: bytes) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) where the block says nothing that makes sense.

    Example:
        >>> exif_orientation(b"Exif\\0\\0II*\\0\\x08\\0\\0\\0\\x01\\0\\x12\\x01\\x03\\0\\x01\\0\\0\\0\\x06\\0\\0\\0")
        6
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * entries, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, entry)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:  # cut short: then it says nothing
        return 1
    return 1


class _Jpeg(JpegImageFile):
    def _read_dpi_from_exif(self) -> None:
        """Leave the EXIF block alone: Pillow warns where it is damaged, and the resolution in print is no matter."""


OPENERS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "WEBP": WebPImageFile,
    "PPM": PpmImageFile,
    "JPEG2000": Jpeg2KImageFile,
    "AVIF": AvifImageFile,
}
"""Pillow's reader by format. Called directly: neither its table of plugins nor its limits, both global, are touched."""

COUNTED_PAGES = 1000
"""Of a TIFF; a file can be made to have half a million of one pixel each."""

COUNTED_BYTES = 2**22
"""Of a GIF whose frames are counted, which reads all of it."""

_warnings_lock = threading.RLock()


@contextmanager
def _quiet() -> Iterator[None]:
    # Python's warning filters belong to the process: one thread at a time changes them and puts them back.
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _true_cmyk(image: Image.Image) -> Image.Image:
    """Return a JPEG as it is; CMYK turned round where no Adobe marker says that it is stored inverted."""
    if image.mode != "CMYK" or "adobe" in image.info:
        return image
    image.load()
    return Image.merge("CMYK", [band.point(lambda value: 255 - value) for band in image.split()])


def _true_tiff(image: Image.Image) -> Image.Image:
    """Return a TIFF as it is; 16-bit grey turned round where 0 is white, as Pillow does with fewer bits alone."""
    if getattr(image, "tag_v2", {}).get(262) != 0 or not image.mode.startswith("I;16"):
        return image
    return Image.fromarray(np.uint16(65535) - np.asarray(image).astype(np.uint16))


def _tiff_notes(image: ImageFile) -> tuple[str, ...]:
    notes = _frames(image, "pages")
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, ())
    if 16 in (bits if isinstance(bits, tuple) else (bits,)) and image.mode in ("RGB", "RGBA", "RGBX", "CMYK"):
        notes += ("16-bit scaled to 8",)
    orientation = tags.get(0x0112, 1)
    if orientation in UPRIGHT:
        notes += (f"turned upright (EXIF orientation {orientation})",)
    return notes


def _frames(image: ImageFile, word: str) -> tuple[str, ...]:
    try:
        count = _pages(image) if isinstance(image, TiffImageFile) else int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is broken: the first one is what counts, and is judged by itself
        image.seek(0)
        return (f"{FIRST_OF}several {word}",)
    if count > COUNTED_PAGES and isinstance(image, TiffImageFile):
        return (f"{FIRST_OF}more than {COUNTED_PAGES:,} {word}",)
    return (f"{FIRST_OF}{count} {word}",) if count > 1 else ()


def _some_frames(image: ImageFile) -> tuple[str, ...]:
    """Say that there are several frames, without counting them."""
    try:
        several = bool(getattr(image, "is_animated", False))
    except Exception:  # the second one is broken
        image.seek(0)
        several = True
    return (f"{FIRST_OF}several frames",) if several else ()


def _pages(image: ImageFile) -> int:
    """Return how many pages a TIFF has, or that there are more than are counted: for all, Pillow takes the square."""
    page = 1
    try:
        while page <= COUNTED_PAGES:
            image.seek(page)
            page += 1
    except EOFError:
        pass
    image.seek(0)
    return page


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) from a WebP's first chunk (RFC 9649, section 2)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


TRUNCATED = ("truncated", "not enough image data", "unpack_from", "unexpected end", "buffer is not large enough")


def _reason(format_: str, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"this {format_} needs more memory than there is"
    if isinstance(error, (struct.error, EOFError)) or any(word in str(error).lower() for word in TRUNCATED):
        return f"truncated {format_}: the file ends before the picture does"
    text = " ".join(str(error).split()) or type(error).__name__
    if text == "unknown pixel mode":  # Pillow's word for samples that it does not know
        return (
            f"this kind of {format_} is not read, for the number or type of its samples: save it as PNG of 8 or 16 bits"
        )
    return f"broken {format_}: {text[:200]}"


def as_pixels(picture: Any, background: Colour = 255, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Return a picture as uint8 (H, W, 1 or 3).

    Args:
        picture: uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), a PIL image, a path, or a file's bytes.
        background: the grey value, 0 to 255, or (red, green, blue), under transparency.
        max_pixels: width × height above which a file or a PIL image is refused before it is decoded.

    Raises:
        DataError: it is none of these, is not there, or cannot be decoded.
    """
    if isinstance(picture, Image.Image):
        return _of_image(picture, background, max_pixels=max_pixels)
    if isinstance(picture, str | Path):
        path = str(expanded(picture))
        if not str(picture) or not os.path.exists(path):  # noqa: PTH110 (a name that no system takes is none)
            raise DataError(f"there is no picture at {str(picture)!r}")
        try:
            data = read_whole(path)
            return decode_image(data, background=background, max_pixels=max_pixels).pixels
        except UnreadableImageError as error:
            raise UnreadableImageError(f"the picture {str(picture)!r}: {error}") from error
    if isinstance(picture, bytes):
        return decode_image(picture, background=background, max_pixels=max_pixels).pixels
    array = np.asarray(picture)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.size == 0:
        raise DataError(
            "a picture must be uint8 of shape (height, width) or (height, width, 1, 3 or 4), a path, bytes or a PIL "
            f"image; got {array.dtype} of shape {array.shape}" + _shape_hint(array)
        )
    if channels == 4:
        return to_pixels(Image.fromarray(array), background=background)[0]
    return array if array.ndim == 3 else array[..., None]


def _of_image(picture: Image.Image, background: Colour, *, max_pixels: int) -> NDArray[np.uint8]:
    """Return the same pixels that the PIL image's own file would give."""
    try:
        check_size(*picture.size, max_pixels)
        picture.load()  # which turns a TIFF upright
        as_meant = {"JPEG": _true_cmyk, "TIFF": _true_tiff}.get(picture.format or "")
        pixels = to_pixels(as_meant(picture) if as_meant else picture, background=background)[0]
        orientation = exif_orientation(picture.info.get("exif", b""))
        return UPRIGHT[orientation](pixels) if orientation in UPRIGHT else pixels
    except (OSError, ValueError, SyntaxError) as error:  # Pillow reads a file when its pixels are first needed
        raise DataError(f"the PIL image cannot be read: {error}") from error


def _shape_hint(array: NDArray[Any]) -> str:
    if array.ndim == 4:
        return ": pass the pictures one by one, or all of them to classify_all"
    if array.dtype.kind == "f":
        return ": multiply by 255 where the values are 0 to 1, and convert to uint8"
    return ""
