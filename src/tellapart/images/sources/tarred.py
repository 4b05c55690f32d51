"""A tar archive of class folders: read in place; a compressed one is unpacked once to a plain tar in the cache."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
import tarfile
import tempfile
import time
import zlib
from pathlib import Path
from typing import IO, Any

from ...errors import SourceError
from ...files import is_file, refused, replace_patiently
from ..cache_folder import cache_folder
from ..dataset import Dataset
from ..encoded import RANGE, SUFFIX_NUMBER, RangeImages
from ..folders import suffix_of
from ..stored import FileRanges, stamp
from .base import Place, source
from .members import Members
from .text_encoding import SOME_WORDS, guess_encoding

_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
MAX_RATIO = 200
"""A compressed tar that grows more than this often is a bomb: pictures hardly shrink at all."""
FREE_BYTES = 2**28
"""Below this size, 256 MiB, any growth is allowed."""
LARGEST = 2**62
"""Bytes that a member may claim."""
ABANDONED = 3600
"""Seconds after which a copy that is still half unpacked has nobody who unpacks it."""
KEY_DIGITS = 32
"""Hexadecimal digits of an unpacked copy's name."""
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)


def _claims(place: Place) -> bool:
    if _is_tar(place.head):
        return True
    opener = _opener(place.head)
    if opener is None:
        return False
    try:
        with opener(place.path, "rb") as unpacked:
            return _is_tar(unpacked.read(512))
    except _BROKEN:
        return place.name != place.path.stem  # a damaged .tar.gz is still one


def _opener(head: bytes) -> Any:
    return next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)


def _is_tar(block: bytes) -> bool:
    """Return whether 512 bytes are a tar header: its own checksum says so (POSIX.1-1988 ustar)."""
    if len(block) < 512:
        return False
    try:
        said = int(block[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    return said == sum(block[:148]) + 8 * 32 + sum(block[156:512])


@source("tar", summary="a tar of class folders, plain or .gz, .bz2, .xz", claims=_claims, order=21)
def tarred(place: Place) -> Dataset:
    """Open a tar of class folders without unpacking its files."""
    where = str(place.path)
    opener = _opener(place.head)
    path = place.path if opener is None else _spooled(place.path, opener)
    files = FileRanges([path])
    names = _Names()
    members = _members(path, where, names=names)
    if names.others:
        names.encoding = guess_encoding(names.others, western="cp1252")
        members = _members(path, where, names=names)
        members.notes.append(f"the tar does not say how its names are encoded: read as {names.encoding}")
    return members.dataset(lambda table: RangeImages(files, table), name=place.name)


class _Names:
    """The names of a tar's members, which say nothing of their encoding.

    Attributes:
        encoding: of those that are not in UTF-8; of all that are not ASCII, where these are at least half of them, as
            some names in another encoding are valid UTF-8 by accident.
        others: what is not ASCII in names that are not in UTF-8.
    """

    def __init__(self) -> None:
        self.encoding = "utf-8"
        self.others: set[bytes] = set()
        self._valid, self._invalid = 0, 0  # names

    def read(self, name: str) -> str:
        """Return a name as a person reads it, and remember its parts where it is read for the first time."""
        if name.isascii():
            return name
        raw = name.encode("utf-8", "surrogateescape")
        valid = _is_utf8(raw)
        if self.encoding == "utf-8":
            self._valid += valid
            self._invalid += not valid
            if not valid and len(self.others) < SOME_WORDS:
                self.others.update(part for part in raw.split(b"/") if not part.isascii())
        alone = self._invalid < self._valid and valid
        return raw.decode("utf-8" if alone else self.encoding, "replace")


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _members(path: Path, where: str, *, names: _Names) -> Members:
    """Return the members of a plain tar."""
    members = Members(where, RANGE)
    try:
        with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
            for member in archive:
                member.name = names.read(member.name)
                _add(members, member)
                archive.members = []  # type: ignore[attr-defined]  # else it keeps an object for each member
            members.notes.extend(_notes_of_end(path, archive.offset))  # where the block after the last member lies
    except (*_BROKEN, ValueError, OverflowError) as error:  # the latter of numbers that are none, or beyond all bounds
        if isinstance(error, OSError) and refused(error):
            raise SourceError(f"{str(path)!r} cannot be read: {error.strerror}") from error
        raise SourceError(f"{where!r} is a damaged or cut tar: {error}") from error
    return members


def _notes_of_end(path: Path, at: int) -> list[str]:
    """Say what is odd about where the members end; tarfile ends at a damaged header without a word.

    Raises:
        TarError: there is such a header.
    """
    with path.open("rb") as file:
        file.seek(at)
        block = file.read(512)
    if block.strip(b"\0"):
        raise tarfile.TarError(f"the header at byte {at:,} cannot be read")
    return [] if block else ["the tar has no mark at its end: it may be cut"]


def _add(members: Members, member: tarfile.TarInfo) -> None:
    plain = member.isreg() and not member.issparse()
    if members.add(member.name, is_folder=member.isdir(), is_file=plain):
        size = min(max(member.size, 0), LARGEST)  # a damaged header may claim anything
        members.place(member.offset_data, size, SUFFIX_NUMBER.get(suffix_of(member.name), 0))


def _spooled(path: Path, opener: Any) -> Path:
    """Return the uncompressed copy of a tar in the cache, made where it is not there yet."""
    before = stamp(path)
    known_by = repr((str(path), before)).encode("utf-8", "surrogateescape")
    key = hashlib.blake2b(known_by, digest_size=KEY_DIGITS // 2).hexdigest()
    target = cache_folder() / "tar" / f"{key}.tar"
    if is_file(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(target.parent)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f"{key}-", suffix=".part")
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as out, opener(path, "rb") as unpacked:
                _copy(unpacked, out, limit=max(FREE_BYTES, MAX_RATIO * before[0]), where=str(path))
            if stamp(path) != before:
                raise SourceError(f"{str(path)!r} changed while it was unpacked: open it again")
            partial.chmod(target.parent.stat().st_mode & 0o644)  # for everybody who may read the cache
            replace_patiently(partial, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
    except _BROKEN as error:
        if refused(error):
            raise SourceError(
                f"{str(path)!r} cannot be unpacked to {str(target.parent)!r}: {error}: make room, or name another "
                "cache folder in TELLAPART_CACHE"
            ) from error
        raise SourceError(f"{str(path)!r} is a damaged or cut archive: {error}") from error
    return target


def _clear_abandoned(folder: Path) -> None:
    """Remove what killed processes left half unpacked: nothing was written to it for an hour."""
    for path in folder.glob(f"{'[0-9a-f]' * KEY_DIGITS}-*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


def _copy(unpacked: IO[bytes], out: IO[bytes], *, limit: int, where: str) -> None:
    written = 0
    while block := unpacked.read(2**20):
        written += len(block)
        if written > limit:
            raise SourceError(f"{where!r} unpacks to more than {limit:,} bytes, {MAX_RATIO} times its size: refused")
        out.write(block)
