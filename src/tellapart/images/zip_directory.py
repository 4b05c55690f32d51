"""A zip's central directory, in which each member has an entry (APPNOTE 6.3.10, sections 4.3.12 to 4.3.16).

Parsed here because the standard library makes an object of a kilobyte for each member.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..errors import SourceError
from .stored import FileRanges

STORED, DEFLATED = 0, 8
"""The methods of packing that are read (section 4.4.5)."""

MAX_DIRECTORY = 2**31
"""Bytes of a central directory that are read at most."""

PIECE = 1 << 20
"""Bytes of a central directory that are held at a time: an entry has 0.2 MB at most."""

HEADER_BYTES = 46
"""What an entry has before its name."""

LOCAL_BYTES = 30
"""What a member's local header has before its name (section 4.3.7)."""

_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_FULL = 0xFFFFFFFF


class Entry(NamedTuple):
    """One member, as the central directory tells it.

    Attributes:
        name: as stored.
        unicode_name: Info-ZIP's field 0x7075, where it is there and fits the name.
        flags: bit 0 says encrypted, bit 11 that the name is in UTF-8.
        method: how it is packed.
        crc: CRC-32 of the unpacked bytes.
        size: bytes stored.
        length: bytes when unpacked.
        offset: where its local header begins, counted from the archive's own begin.
        attributes: the system's; the upper half is Unix's mode.
        room: bytes that the entry takes.
    """

    name: bytes
    unicode_name: str | None
    flags: int
    method: int
    crc: int
    size: int
    length: int
    offset: int
    attributes: int
    room: int

    @property
    def says_utf8(self) -> bool:
        """Whether the name says that it is in UTF-8."""
        return bool(self.flags & 0x800)


@dataclasses.dataclass(frozen=True)
class Directory:
    """Where the members of a zip are listed; it is read in pieces, as it is longer than the members' names together.

    Attributes:
        files: the zip alone.
        start: of the central directory in the file.
        length: of the central directory.
        count: of members; of more than 16 bits count what is above them may be missing (macOS).
        shift: bytes that stand before the archive, such as a program that unpacks it.
    """

    files: FileRanges
    start: int
    length: int
    count: int
    shift: int

    def entries(self, where: str) -> Iterator[tuple[int, Entry]]:
        """Yield each entry, and where in the file it begins.

        Args:
            where: what the zip is called in messages.

        Raises:
            SourceError: the directory is garbled.
        """
        before = found = 0
        ended = False
        while before < self.length and not ended:
            data = self.files.read(0, self.start + before, min(PIECE, self.length - before))
            last, at = before + len(data) == self.length, 0
            while at < len(data):
                ended = data[at : at + 4] == b"PK\5\5"  # a signature may end the directory
                entry = None if ended else entry_at(data, at)
                if entry is None or (at + entry.room > len(data) and not last):  # it goes on in the next piece
                    break
                yield self.start + before + at, entry
                at += entry.room
                found += 1
            if not at and not ended:
                raise SourceError(f"{where!r} is a damaged zip: its table of members ends early or is garbled")
            before += at
        if (found - self.count) % 2**16:
            raise SourceError(
                f"{where!r} is a damaged zip: its table has {found:,} members and should have {self.count:,}"
            )


def read_directory(files: FileRanges, size: int, where: str) -> Directory:
    """Return the central directory of a zip.

    Args:
        files: the zip alone.
        size: its bytes.
        where: what it is called in messages.

    Raises:
        SourceError: the directory is missing, or is not where the zip's end says.
    """
    tail_start = max(0, size - _END.size - 65535)
    tail = files.read(0, tail_start, size - tail_start)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise SourceError(f"{where!r} is a damaged or cut zip: its table of members, at the end, is missing")
    _, _, _, _, count, length, offset, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    if count == 0xFFFF or _FULL in (length, offset):
        locator = files.read(0, max(0, end - 20), 20, short=True)
        if locator[:4] == b"PK\6\7":
            end = int.from_bytes(locator[8:16], "little")
            record = files.read(0, end, _END64.size, short=True)
            if len(record) < _END64.size or record[:4] != b"PK\6\6":
                raise SourceError(f"{where!r} is a damaged zip: its zip64 record is not where it should be")
            *_, count, length, offset = _END64.unpack(record)
    if length > min(MAX_DIRECTORY, end):
        raise SourceError(f"{where!r} is a damaged zip: its table of members claims {length:,} bytes")
    start = end - length
    return Directory(files, start, length, count, max(0, start - offset))


def entry_at(data: bytes, at: int) -> Entry | None:
    """Return the entry that begins at a byte; None where none does, or not with all that precedes its name.

    Args:
        data: a central directory, or a piece of one; where it ends within the entry, what is missing of the name and
            the fields after it is left out: ``room`` tells how long the whole is.
        at: a position in it.
    """
    if at + HEADER_BYTES > len(data) or data[at : at + 4] != b"PK\1\2":
        return None
    (_, _, _, flags, method, _, _, crc, size, length, n, m, k, _, _, attributes, offset) = _ENTRY.unpack_from(data, at)
    name = data[at + HEADER_BYTES : at + HEADER_BYTES + n]
    unicode_name = None
    if m and (_FULL in (length, size, offset) or not name.isascii()):
        extra = data[at + HEADER_BYTES + n : at + HEADER_BYTES + n + m]
        length, size, offset, unicode_name = _extra(extra, name, (length, size, offset))
    room = HEADER_BYTES + n + m + k
    return Entry(name, unicode_name, flags, method, crc, size, length, offset, attributes, room)


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
                if value == _FULL and position + 8 <= len(body):
                    found[i] = int.from_bytes(body[position : position + 8], "little")
                    position += 8
        elif kind == 0x7075 and len(body) > 5 and int.from_bytes(body[1:5], "little") == zlib.crc32(name):
            unicode_name = body[5:].decode("utf-8", "replace")
        at += 4 + n
    return found[0], found[1], found[2], unicode_name
