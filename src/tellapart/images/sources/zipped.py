"""A zip archive of class folders, read in place.

The table of members is parsed here because the standard library makes an object of a kilobyte for each member.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...errors import SourceError
from ..dataset import Dataset
from ..stored import FileRanges
from .base import Place, source
from .members import Members
from .text_encoding import guess_encoding

_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 99: "AES"}
MAX_TABLE = 2**31
"""Bytes of a zip's table of members that are read at most."""


class Entry(NamedTuple):
    """One member, as the central directory tells it (APPNOTE 6.3.10, section 4.3.12)."""

    name: bytes
    utf8: bool
    flags: int
    method: int
    crc: int
    size: int
    length: int
    offset: int
    attributes: int
    unicode_name: str | None


def _claims(place: Place) -> bool:
    return place.head[:4] in (b"PK\3\4", b"PK\5\6", b"PK\7\x08") and place.suffix != ".npz"


@source("zip", summary="a zip archive of class folders, read in place", claims=_claims, order=20)
def zipped(place: Place) -> Dataset:
    """Open a zip of class folders without unpacking it."""
    where = str(place.path)
    files = FileRanges([place.path])
    table, count, shift = _directory(files, place.path.stat().st_size, where)
    encoding = _encoding(table, count, where)
    members = Members(where)
    for entry in _entries(table, count, where):
        path = entry.unicode_name or entry.name.decode("utf-8" if entry.utf8 else encoding, "replace")
        mode = entry.attributes >> 16
        is_file = not mode or stat.S_IFMT(mode) in (0, stat.S_IFREG)
        if members.add(path, is_folder=path.endswith(("/", "\\")), is_file=is_file):
            _check_readable(entry, path, where)
            # The local header's extra field may be longer than ours; 64 bytes hold the usual ones.
            members.place(offset=entry.offset + shift, size=entry.size, length=entry.length, crc=entry.crc,
                          lead=30 + len(entry.name) + 64, method=entry.method, path=path)  # fmt: skip
    del table  # as long as the members' names together
    if encoding != "utf-8":
        members.notes.append(f"the zip does not say how its names are encoded: read as {encoding}")
    return members.dataset(files, name=place.name)


def _check_readable(entry: Entry, path: str, where: str) -> None:
    if entry.flags & 1:
        raise SourceError(f"{where!r} is encrypted (member {path!r}): unpack it with its password and open the folder")
    if entry.method not in (0, 8):
        method = _METHODS.get(entry.method, str(entry.method))
        raise SourceError(
            f"{where!r} is packed by {method} (member {path!r}); stored and deflated members are read: "
            "unpack it and open the folder, or zip it again"
        )


def _directory(files: FileRanges, size: int, where: str) -> tuple[bytes, int, int]:
    """Return the central directory, how many members it has, and how many bytes stand before the archive."""
    tail_start = max(0, size - _END.size - 65535)
    tail = files.read(0, tail_start, size - tail_start)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise SourceError(f"{where!r} is a damaged or cut zip: its table of members, at the end, is missing")
    _, _, _, _, count, length, offset, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    if 0xFFFF in (count,) or 0xFFFFFFFF in (length, offset):
        locator = files.read(0, max(0, end - 20), 20, short=True)
        if locator[:4] == b"PK\6\7":
            end = int.from_bytes(locator[8:16], "little")
            record = files.read(0, end, _END64.size, short=True)
            if len(record) < _END64.size or record[:4] != b"PK\6\6":
                raise SourceError(f"{where!r} is a damaged zip: its zip64 record is not where it should be")
            *_, count, length, offset = _END64.unpack(record)
    if length > min(MAX_TABLE, end):
        raise SourceError(f"{where!r} is a damaged zip: its table of members claims {length:,} bytes")
    shift = end - length - offset  # a program may stand before the archive (self-extracting)
    return files.read(0, end - length, length), count, max(0, shift)


def _entries(table: bytes, count: int, where: str) -> Iterator[Entry]:
    """Yield the members; their number may have lost what is above 16 bits: macOS writes such zips of many files."""
    at = found = 0
    while at < len(table) and table[at : at + 4] != b"PK\5\5":  # a signature may end the table
        if at + _ENTRY.size > len(table) or table[at : at + 4] != b"PK\1\2":
            raise SourceError(f"{where!r} is a damaged zip: its table of members ends early or is garbled")
        (_, _, _, flags, method, _, _, crc, size, length, n, m, k, _, _, attributes, offset) = _ENTRY.unpack_from(
            table, at
        )
        name = table[at + 46 : at + 46 + n]
        extra = table[at + 46 + n : at + 46 + n + m]
        unicode_name = None
        if m and (0xFFFFFFFF in (length, size, offset) or not name.isascii()):
            length, size, offset, unicode_name = _extra(extra, name, (length, size, offset))
        yield Entry(name, bool(flags & 0x800), flags, method, crc, size, length, offset, attributes, unicode_name)
        at += 46 + n + m + k
        found += 1
    if (found - count) % 2**16:
        raise SourceError(f"{where!r} is a damaged zip: its table has {found:,} members and should have {count:,}")


def _extra(extra: bytes, name: bytes, values: tuple[int, int, int]) -> tuple[int, int, int, str | None]:
    """Return (length, size, offset) with their zip64 values, and the Unicode name (Info-ZIP's field 0x7075)."""
    found: list[Any] = list(values)
    unicode_name = None
    at = 0
    while at + 4 <= len(extra):
        kind, n = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + n]
        if kind == 1:
            position = 0
            for i, value in enumerate(found):
                if value == 0xFFFFFFFF and position + 8 <= len(body):
                    found[i] = int.from_bytes(body[position : position + 8], "little")
                    position += 8
        elif kind == 0x7075 and len(body) > 5 and int.from_bytes(body[1:5], "little") == zlib.crc32(name):
            unicode_name = body[5:].decode("utf-8", "replace")
        at += 4 + n
    return found[0], found[1], found[2], unicode_name


def _encoding(table: bytes, count: int, where: str) -> str:
    """Return the encoding of the names that do not say theirs."""
    unsaid: set[bytes] = set()
    if table.isascii():
        return "utf-8"
    for entry in _entries(table, count, where):
        if not entry.utf8 and entry.unicode_name is None and not entry.name.isascii() and len(unsaid) < 10_000:
            unsaid.update(part for part in entry.name.split(b"/") if not part.isascii())
    return guess_encoding(unsaid)
