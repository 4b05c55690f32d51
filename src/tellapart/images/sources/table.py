"""A CSV or TSV table: a path and a label a row, and, where there are such columns, a split and a group."""

from __future__ import annotations

import csv
import dataclasses
import os
import posixpath
import re
import unicodedata
from array import array
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..dataset import Dataset
from ..encoded import FileImages
from .base import Place, source
from .classes import sort_classes
from .columns import Column
from .text_encoding import NAMED, encoding_of, separator_of
from .tree import split_of

HEADERS = {
    "path": "path file filename file_name filepath file_path image image_path imagepath image_name img img_path "
    "picture photo relative_path 图片 文件 文件名 路径",
    "label": "label labels class class_name classname category target y species diagnosis 标签 类别",
    "split": "split subset set fold partition phase usage 划分",
    "group": "group groups group_id patient patient_id writer writer_id subject subject_id person person_id video "
    "video_id claim claim_id 分组",
}
"""The usual spellings of each column's header, small letters, blanks as underscores; the first that occurs counts."""


@source("table", summary="a CSV or TSV table: path, label, optional split and group", order=60,
        claims=lambda place: not place.is_folder and place.suffix in (".csv", ".tsv"))  # fmt: skip
def table(
    place: Place,
    *,
    path_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    group_column: str | None = None,
    delimiter: str | None = None,
) -> Dataset:
    """Open a table of pictures; paths are relative to the table's folder.

    Raises:
        SourceError: a column cannot be found, a row is incomplete, or files are missing.
    """
    where = str(place.path)
    given = {"path": path_column, "label": label_column, "split": split_column, "group": group_column}
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter or "", delimiter)
    if delimiter is not None and len(delimiter) != 1:
        raise SourceError(f"the delimiter of {where!r} must be one character, or tab, got {delimiter!r}")
    with place.path.open("rb") as file:
        encoding = encoding_of(file, name=where)
    rows = _rows(place.path, delimiter, encoding=encoding)
    header = next(rows, None)
    if header is None:
        raise SourceError(f"{where!r} is empty: its first row must name the columns, such as path,label")
    columns = _columns(header[1], given, where)
    read = _Read(columns, header[1], where)
    for line, row in rows:
        read.add(line, row)
    found = read.dataset(place)
    notes = [
        f"the column {header[1][at]!r} was taken for the {kind}: --source-option {kind}_column= takes none"
        for kind, at in columns.items()
        if at is not None and given[kind] is None and kind in ("split", "group") and _plain(header[1][at]) != kind
    ]
    if encoding in NAMED:
        notes.append(f"the table does not say how it is encoded: read as {NAMED[encoding]}")
    return dataclasses.replace(found, notes=(*found.notes, *notes))


def _plain(header: str) -> str:
    return re.sub(r"[\s\-]+", "_", header.strip().casefold())


def _rows(path: Path, delimiter: str | None, *, encoding: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            first = file.readline()
            told = re.fullmatch(r"sep=(.)\s*", first)  # Excel's own line, which says the delimiter
            if told is None:
                file.seek(0)
            else:
                delimiter = delimiter or told[1]
            if delimiter is None:
                delimiter = separator_of(first, among=",;\t|")
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num + (told is not None), row
        except (csv.Error, UnicodeDecodeError) as error:
            raise SourceError(f"{str(path)!r} is a damaged table: {error}") from error


def _columns(header: Sequence[str], given: Mapping[str, str | None], where: str) -> dict[str, int | None]:
    """Return where the columns stand: those that were named first, which are then no other's guess."""
    found: dict[str, int | None] = {}
    for kind in sorted(given, key=lambda kind: given[kind] is None):
        found[kind] = _column(header, kind, given[kind], where, taken=set(found.values()))
    return found


def _column(
    header: Sequence[str], kind: str, given: str | None, where: str, *, taken: Container[int | None]
) -> int | None:
    if given == "" and kind in ("split", "group"):  # there is such a column, and it means something else
        return None
    if given is not None:
        cells = [cell.strip() for cell in header]
        if given.strip() not in cells:
            raise SourceError(f"{where!r} has no column {given!r} for the {kind}: it has {', '.join(cells)}")
        return cells.index(given.strip())
    free = {_plain(cell): at for at, cell in reversed(list(enumerate(header))) if at not in taken}
    for spelling in HEADERS[kind].split():
        if spelling in free:
            return free[spelling]
    if kind in ("path", "label"):
        raise SourceError(
            f"{where!r} has no column for the {kind}: it has {', '.join(header)}; call one {kind!r} or name it with "
            f"{kind}_column"
        )
    return None


def _spellings(path: str) -> Iterator[str]:
    """Yield a path as it stands and, where it has other letters than ASCII, decomposed as on a Mac, and composed."""
    yield path
    if not path.isascii():
        yield unicodedata.normalize("NFD", path)
        yield unicodedata.normalize("NFC", path)


class _Read:
    """The table's columns as they are read."""

    def __init__(self, columns: dict[str, int | None], header: Sequence[str], where: str) -> None:
        self.where, self.header = where, header
        self.position = columns
        self.paths, self.ids, self.groups = Column(), Column(), Column()
        self.classes: dict[str, int] = {}
        self.splits: dict[str, int] = {}
        self._label, self._split = array("q"), array("q")
        self.missing: list[str] = []
        self.missing_count = 0

    def add(self, line: int, row: list[str]) -> None:
        if len(row) < len(self.header):
            raise SourceError(f"{self.where!r}, line {line}: {len(self.header)} columns are expected, got {len(row)}")
        if any(cell.strip() for cell in row[len(self.header) :]):
            raise SourceError(
                f"{self.where!r}, line {line}: {len(self.header)} columns are expected, got {len(row)}: put a cell "
                "with the delimiter in it in quotes"
            )
        cell = {kind: row[at].strip() for kind, at in self.position.items() if at is not None}
        if not cell["path"] or not cell["label"]:
            empty = "path" if not cell["path"] else "label"
            raise SourceError(f"{self.where!r}, line {line}: the {empty} is empty: fill it in, or take the row out")
        self._add_path(cell["path"])
        label = unicodedata.normalize("NFC", cell["label"])
        self._label.append(self.classes.setdefault(label, len(self.classes)))
        if "split" in cell:
            self._split.append(self.splits.setdefault(self._split_of(cell["split"], line), len(self.splits)))
        if "group" in cell:
            self.groups.append(unicodedata.normalize("NFC", cell["group"]))

    def _add_path(self, path: str) -> None:
        windows = PureWindowsPath(path)
        plain = PurePosixPath(path.replace("\\", "/")).as_posix() if "\\" in path and not windows.drive else path
        found = next((one for one in _spellings(plain) if self._is_there(one)), None)
        if found is None:
            self.missing_count += 1
            if len(self.missing) < 3:
                self.missing.append(path)
        plain = found or plain
        self.paths.append(plain)
        self.ids.append(unicodedata.normalize("NFC", posixpath.normpath(plain)))

    def _is_there(self, path: str) -> bool:
        return os.path.isfile(os.path.join(os.path.dirname(self.where), path))  # noqa: PTH113, PTH118, PTH120 (quick)

    def _split_of(self, value: str, line: int) -> str:
        """Return the split that a cell means; an empty cell leaves it open."""
        found = split_of(value)
        if value and not found:
            column = self.header[self.position["split"] or 0]
            raise SourceError(
                f"{self.where!r}, line {line}: the split (column {column!r}) must be train, validation, test or empty, "
                f"got {value!r}; --source-option split_column= takes no column for it"
            )
        return found

    def dataset(self, place: Place) -> Dataset:
        n = len(self.paths)
        if self.missing_count:
            shown = ", ".join(repr(path) for path in self.missing)
            raise SourceError(
                f"{self.where!r} names {self.missing_count} files of {n} that do not exist, such as {shown}: paths are "
                f"relative to the table's folder, {str(place.path.parent)!r}"
            )
        if len(self.classes) < 2:
            raise SourceError(f"{self.where!r} has {len(self.classes)} classes: at least two are needed")
        paths, ids = self.paths.array(), self.ids.array()
        self._tell_apart(ids, paths)
        names = sort_classes(self.classes)
        position = {name: number for number, name in enumerate(names)}
        rank = np.array([position[name] for name in self.classes], dtype=np.int64)
        splits = np.array(list(self.splits) or [""])
        return Dataset(
            ids,
            FileImages(place.path.parent, paths),
            rank[np.array(self._label, dtype=np.int64)],
            tuple(names),
            groups=self.groups.array() if self.position["group"] is not None else None,
            given_split=splits[np.array(self._split)] if self.position["split"] is not None else None,
            name=place.name,
        )

    def _tell_apart(self, ids: NDArray[Any], paths: NDArray[Any]) -> None:
        """Give files whose names differ in how a letter is composed an id each, as in a folder.

        Raises:
            SourceError: a file is named twice.
        """
        different, counts = np.unique(ids, return_counts=True)
        rows: dict[str, list[int]] = {one: [] for one in different[counts > 1].tolist()}
        for row, one in enumerate(ids.tolist() if rows else ()):
            if one in rows:
                rows[one].append(row)
        folder = Path(self.where).parent
        for one, several in rows.items():
            named = [str(paths[row]) for row in several]
            found = [((folder / path).stat(), (folder / path).resolve()) for path in named]
            if len({(file.st_dev, file.st_ino) if file.st_ino else real for file, real in found}) < len(named):
                raise SourceError(f"{self.where!r} names {one!r} {len(named)} times: one row per picture is allowed")
            ids[several] = [posixpath.normpath(path) for path in named]
