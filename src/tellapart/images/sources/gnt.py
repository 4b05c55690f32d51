"""CASIA-HWDB's ``.gnt``: handwritten Chinese characters, one file a writer; a file, or a folder of them.

A record is its size (uint32), a tag code in GBK (2 bytes), width and height (uint16), and width × height grey bytes.
Source: C.-L. Liu et al., "CASIA Online and Offline Chinese Handwriting Databases", ICDAR 2011.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..dataset import Dataset, strings
from ..encoded import BITMAP, BitmapImages
from ..folders import files_below, is_clutter, is_utf8, suffix_of
from ..stored import FileRanges
from .base import Place, source
from .classes import sort_classes
from .tree import split_in

_HEAD = struct.Struct("<I2sHH")
RECORD = np.dtype([("offset", "i8"), ("tag", "u2"), ("width", "u2"), ("height", "u2")])
"""What a record's head says, and where its bitmap begins."""


def _claims(place: Place) -> bool:
    if not place.is_folder:
        return place.suffix == ".gnt"
    if any(name.lower().endswith(".gnt") for name in place.entries):
        return True
    below = (place.path / name for name in sorted(place.entries)[:50] if not is_clutter(name))
    return any(_first_is_gnt(folder) for folder in below if folder.is_dir())


def _first_is_gnt(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(".gnt") for entry, _ in zip(entries, range(20), strict=False))


@source("gnt", summary="CASIA-HWDB's .gnt, a file or a folder of them", claims=_claims, order=33)
def gnt(place: Place, *, groups: bool = True) -> Dataset:
    """Open CASIA's files: the class is the character, the group the writer, where a file is one writer's.

    ``groups=false`` takes no groups, for a rule of one's own.
    """
    paths = _files(place) if place.is_folder else [place.path]
    inside = [path.relative_to(place.path).as_posix() if place.is_folder else path.name for path in paths]
    if odd := next((name for name in inside if not is_utf8(name)), None):
        raise SourceError(f"the file {os.fsencode(odd)!r} has a name that is not UTF-8: rename it")
    files = FileRanges(paths)
    tables, codes, writers = [], [], []
    for number, path in enumerate(paths):
        rows, tags = _records(path, number)
        tables.append(rows)
        codes.append(tags)
        writers.append(_writer(path, tags))
    file = np.repeat(np.arange(len(paths)), [len(rows) for rows in tables])
    found, positions = np.unique(np.concatenate(codes), return_inverse=True)
    characters = [_character(int(code)) for code in found]
    classes = sort_classes(set(characters))
    if len(classes) < 2:
        raise SourceError(f"{str(place.path)!r} has {len(classes)} classes: at least two are needed")
    position = {name: number for number, name in enumerate(classes)}
    rank = np.array([position[c] for c in characters], dtype=np.int64)
    number_in_file = np.concatenate([np.arange(len(rows)) for rows in tables]).astype("U12")
    splits = np.array([split_in(Path(n).parts[0] if "/" in n else Path(n).stem) for n in inside])
    return Dataset(
        strings(np.array(inside, dtype="U"))[file] + "/" + strings(number_in_file),
        BitmapImages(files, np.concatenate(tables)),
        rank[positions],
        tuple(classes),
        groups=strings(np.array(writers))[file] if groups and any(writers) else None,
        given_split=splits[file] if splits.astype(bool).any() else None,
        name=place.name,
    )


def _files(place: Place) -> list[Path]:
    found = [path for path in files_below(place.path) if suffix_of(path.name) == ".gnt"]
    if not found:
        raise SourceError(f"{str(place.path)!r} has no .gnt files that could be read")
    if gone := next((path for path in found if not path.is_file()), None):
        raise SourceError(f"{str(gone)!r} is no file, or a link that leads to none: mend or remove it")
    return found


def _writer(path: Path, tags: NDArray[np.uint16]) -> str:
    """Return the writer's number in a name such as ``1001-c.gnt``; "" where the file is of several writers.

    One writer writes each character once; the official files of HWDB1.0 have those of all, ``1.0train-gb1.gnt``.
    """
    found = re.fullmatch(r"(\d+)(-\w+)*", path.stem)
    return found[1] if found and len(np.unique(tags)) == len(tags) else ""


def _records(path: Path, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the bitmaps of a file lie, rows of BITMAP, and their characters' codes, uint16."""
    found = np.fromiter(_walk(path), dtype=RECORD)
    rows = np.empty(len(found), dtype=BITMAP)
    for field in ("offset", "width", "height"):
        rows[field] = found[field]
    rows["file"] = number
    return rows, found["tag"].copy()


def _walk(path: Path) -> Iterator[tuple[int, int, int, int]]:
    size = path.stat().st_size
    if not size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = 0
        while at < size:
            if at + _HEAD.size > size:
                raise SourceError(f"{str(path)!r} is a cut .gnt file: it ends inside a record, at byte {at:,}")
            length, tag, width, height = _HEAD.unpack_from(data, at)
            if length != _HEAD.size + width * height or not width or not height or at + length > size:
                raise SourceError(
                    f"{str(path)!r} is a damaged or cut .gnt file: the record at byte {at:,} claims {length:,} bytes "
                    f"for {width}x{height} pixels"
                )
            yield at + _HEAD.size, int.from_bytes(tag, "big"), width, height
            at += length


def _character(code: int) -> str:
    stored = code.to_bytes(2, "big")
    stored = stored.rstrip(b"\0") if stored[1:] == b"\0" else stored.lstrip(b"\0")  # ASCII fills one byte of two
    try:
        return stored.decode("gb18030")
    except UnicodeDecodeError:
        return f"GBK {code:04X}"
