"""A tar archive of class folders: read in place; a compressed one is unpacked once to a plain tar in the cache."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import hashlib
import lzma
import os
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any

from ...errors import SourceError
from ..dataset import Dataset
from ..encoded import RAW
from ..stored import FileRanges, stamp
from .base import Place, source
from .members import Members
from .text_encoding import guess_encoding

_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
MAX_RATIO = 200
"""A compressed tar that grows more than this often is a bomb: pictures hardly shrink at all."""
FREE_BYTES = 2**28
"""Below this size, 256 MiB, any growth is allowed."""
MOST_NAMES = 10_000
"""Names that are looked at, about, to guess their encoding."""
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
    members, unsaid = _members(path, where, encoding="utf-8")
    encoding = guess_encoding(unsaid, western="cp1252")
    if encoding != "utf-8":
        members, _ = _members(path, where, encoding=encoding)
        members.notes.append(f"the tar does not say how its names are encoded: read as {encoding}")
    return members.dataset(files, name=place.name)


def _members(path: Path, where: str, *, encoding: str) -> tuple[Members, set[bytes]]:
    """Return the members of a plain tar, and parts of the names that do not say their encoding: it is ``encoding``."""
    members, unsaid = Members(where), set[bytes]()
    try:
        with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
            for member in archive:
                if not member.name.isascii() and "path" not in member.pax_headers:  # there it is UTF-8
                    name = member.name.encode("utf-8", "surrogateescape")
                    if len(unsaid) < MOST_NAMES:
                        unsaid.update(part for part in name.split(b"/") if not part.isascii())
                    member.name = name.decode(encoding, "replace")
                _add(members, member)
                archive.members = []  # type: ignore[attr-defined]  # else it keeps an object for each member
    except PermissionError as error:
        raise SourceError(f"{str(path)!r} may not be read by you: {error.strerror}") from error
    except _BROKEN as error:
        raise SourceError(f"{where!r} is a damaged or cut tar: {error}") from error
    return members, unsaid


def _add(members: Members, member: tarfile.TarInfo) -> None:
    plain = member.isreg() and not member.issparse()
    if members.add(member.name, is_folder=member.isdir(), is_file=plain):
        members.place(offset=member.offset_data, size=member.size, length=member.size, crc=0, lead=0, method=RAW,
                      path=member.name)  # fmt: skip


def _spooled(path: Path, opener: Any) -> Path:
    """Return the uncompressed copy of a tar in the cache, made where it is not there yet."""
    from ..cache import cache_folder

    before = stamp(path)
    key = hashlib.blake2b(repr((str(path), before)).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    target = cache_folder() / "tar" / f"{key}.tar"
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as out, opener(path, "rb") as unpacked:
                _copy(unpacked, out, limit=max(FREE_BYTES, MAX_RATIO * before[0]), where=str(path))
            if stamp(path) != before:
                raise SourceError(f"{str(path)!r} changed while it was unpacked: open it again")
            partial.chmod(target.parent.stat().st_mode & 0o644)  # for everybody who may read the cache
            partial.replace(target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
    except _BROKEN as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise SourceError(
                f"{str(path)!r} cannot be unpacked to {str(target.parent)!r}: {error}: make room, or name another "
                "cache folder in TELLAPART_CACHE"
            ) from error
        raise SourceError(f"{str(path)!r} is a damaged or cut archive: {error}") from error
    return target


def _copy(unpacked: IO[bytes], out: IO[bytes], *, limit: int, where: str) -> None:
    written = 0
    while block := unpacked.read(2**20):
        written += len(block)
        if written > limit:
            raise SourceError(f"{where!r} unpacks to more than {limit:,} bytes, {MAX_RATIO} times its size: refused")
        out.write(block)
