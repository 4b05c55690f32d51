"""PNG: its chunks are checked here, and the plain kind is decoded without Pillow's file layer.

Most pictures of a data set are small 8-bit grey or RGB PNG; for those the time goes into opening the file, not into
its pixels.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from PIL import Image

from ..errors import UnreadableImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">I4s")
GREY, RGB = 0, 2
"""Colour types of the IHDR chunk."""

_PLAIN = {(8, 0, 0): "L", (8, 2, 0): "RGB"}


class Parts(NamedTuple):
    """What a PNG's chunks hold.

    Attributes:
        width: in pixels.
        height: in pixels.
        depth: bits a sample, 1 to 16.
        plain: ``"L"`` or ``"RGB"`` where the samples are pixels as they stand; else "".
        header: the IHDR chunk's data.
        palette: the PLTE chunk's data, or None.
        transparency: the tRNS chunk's data, or None.
        exif: the eXIf chunk's data, or nothing.
        frames: 1, or more where it is animated.
        compressed: the IDAT chunks' data in one.
    """

    width: int
    height: int
    depth: int
    plain: str
    header: bytes
    palette: bytes | None
    transparency: bytes | None
    exif: bytes
    frames: int
    compressed: bytes


def read(data: bytes) -> Parts:
    """Take a PNG apart and check each chunk's CRC.

    Raises:
        UnreadableImageError: a chunk is cut short, damaged or missing.

    Source:
        ISO/IEC 15948:2004, chapters 5 and 11.
    """
    chunks: dict[bytes, bytes] = {}
    compressed: list[bytes] = []
    at, end = len(SIGNATURE), len(data)
    while at + 12 <= end:
        length, kind = _HEAD.unpack_from(data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length or at + 12 + length > end:
            break
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[at + 8 + length : at + 12 + length], "big"):
            raise UnreadableImageError(f"broken PNG: the checksum of its {_printed(kind)} chunk is wrong")
        if kind == b"IDAT":
            compressed.append(body)
        elif kind == b"IEND":
            break
        else:
            chunks.setdefault(kind, body)
        at += 12 + length
    header = chunks.get(b"IHDR", b"")
    if len(header) != 13 or not compressed:
        raise UnreadableImageError("truncated PNG: the file ends before the picture does")
    return _parts(header, chunks, compressed[0] if len(compressed) == 1 else b"".join(compressed))


def _parts(header: bytes, chunks: dict[bytes, bytes], compressed: bytes) -> Parts:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    transparency, exif = chunks.get(b"tRNS"), chunks.get(b"eXIf", b"")
    plain = "" if transparency or exif or b"acTL" in chunks else _PLAIN.get((depth, colour, interlaced), "")
    frames = int.from_bytes(chunks.get(b"acTL", b"\0\0\0\1")[:4], "big")
    return Parts(
        width, height, depth, plain, header, chunks.get(b"PLTE"), transparency, exif, max(1, frames), compressed
    )


def plain_image(parts: Parts) -> Image.Image:
    """Return a plain PNG as Pillow has it."""
    size = (parts.width, parts.height)
    return Image.frombytes(parts.plain, size, parts.compressed, "zip", (parts.plain, 0))


def without_extras(parts: Parts) -> bytes:
    """Return the same picture as a PNG of its critical chunks and its transparency alone.

    A transparent value is given as Pillow compares it, which makes 8 bits of samples that have 2, 4 or 16.
    """
    transparency = parts.transparency
    if transparency is not None and (key := [transparency[at : at + 2] for at in range(0, len(transparency), 2)]):
        if parts.header[9] == GREY and parts.depth in (2, 4):
            most = 2**parts.depth - 1
            transparency = ((int.from_bytes(key[0], "big") & most) * 255 // most).to_bytes(2, "big")
        elif parts.header[9] == RGB and parts.depth == 16:
            transparency = b"".join(b"\0" + one[:1] for one in key)
    chunks = [(b"IHDR", parts.header), (b"PLTE", parts.palette), (b"tRNS", transparency)]
    chunks += [(b"IDAT", parts.compressed), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        _HEAD.pack(len(body), kind) + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
        if body is not None
    )


def _printed(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")
