"""A zip archive of class folders, read in place."""

from __future__ import annotations

import stat

from ...errors import SourceError
from ..dataset import Dataset
from ..encoded import ENTRY, ZipImages
from ..stored import FileRanges
from ..zip_directory import DEFLATED, STORED, Directory, Entry, read_directory
from .base import Place, source
from .members import Members
from .text_encoding import SOME_WORDS, guess_encoding

_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 99: "AES"}


WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".ods")
"""Suffixes of tables that are zips inside."""


def _claims(place: Place) -> bool:
    return place.head[:4] in (b"PK\3\4", b"PK\5\6", b"PK\7\x08") and place.suffix != ".npz"


@source("zip", summary="a zip archive of class folders, read in place", claims=_claims, order=20)
def zipped(place: Place) -> Dataset:
    """Open a zip of class folders without unpacking it."""
    where = str(place.path)
    if place.suffix in WORKBOOKS:
        raise SourceError(f"{where!r} is a workbook: save its sheet as CSV, with the columns path and label")
    files = FileRanges([place.path])
    directory = read_directory(files, place.path.stat().st_size, where)
    shift, encoding = directory.shift, _encoding(directory, where)
    members = Members(where, ENTRY)
    for at, entry in directory.entries(where):
        path = entry.unicode_name or entry.name.decode("utf-8" if entry.says_utf8 else encoding, "replace")
        mode = entry.attributes >> 16
        is_file = not mode or stat.S_IFMT(mode) in (0, stat.S_IFREG)
        if members.add(path, is_folder=path.endswith(("/", "\\")), is_file=is_file):
            _check_readable(entry, path, where)
            members.place(at)
    if encoding != "utf-8":
        members.notes.append(f"the zip does not say how its names are encoded: read as {encoding}")
    return members.dataset(lambda table: ZipImages(files, table, shift=shift), name=place.name)


def _check_readable(entry: Entry, path: str, where: str) -> None:
    if entry.flags & 1:
        raise SourceError(f"{where!r} is encrypted (member {path!r}): unpack it with its password and open the folder")
    if entry.method not in (STORED, DEFLATED):
        method = _METHODS.get(entry.method, str(entry.method))
        raise SourceError(
            f"{where!r} is packed by {method} (member {path!r}); stored and deflated members are read: "
            "unpack it and open the folder, or zip it again"
        )


def _encoding(directory: Directory, where: str) -> str:
    """Return the encoding of the names that do not say theirs."""
    unsaid: set[bytes] = set()
    for _, entry in directory.entries(where):
        if len(unsaid) >= SOME_WORDS:
            break
        if not entry.says_utf8 and entry.unicode_name is None and not entry.name.isascii():
            unsaid.update(part for part in entry.name.split(b"/") if not part.isascii())
    return guess_encoding(unsaid)
