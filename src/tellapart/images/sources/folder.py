"""A folder with one subfolder per class, or with Train and Test above those."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..dataset import Dataset
from ..encoded import FileImages
from ..sniff import PICTURE_SUFFIXES
from .base import Place, source
from .columns import Column
from .tree import OPENABLE, Tree, dataset_of

CLUTTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "@eadir", "lost+found", "$recycle.bin"})
"""Files and folders that systems leave behind; hidden ones begin with a dot."""

MAX_DEPTH = 12


@source("folder", summary="a folder with one subfolder per class, or Train/Test(/Val) above", order=90,
        claims=lambda place: place.is_folder)  # fmt: skip
def folder(place: Place) -> Dataset:
    """Open a folder of class folders; links to files and folders are followed, but never round in a circle."""
    tree = scan_folder(place.path)

    def images(rows: NDArray[np.int64]) -> FileImages:
        return FileImages(place.path, tree.paths(rows))

    return dataset_of(tree, images=images, name=place.name, where=str(place.path))


def is_clutter(name: str) -> bool:
    """Return whether a file or folder is hidden, or left behind by a system."""
    return name.startswith(".") or name.lower() in CLUTTER


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to one; not where a link cannot be followed."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders, sorted; links are followed, and clutter is left out."""
    yield from _files_below(str(folder), frozenset())


def _files_below(folder: str, trail: frozenset[tuple[int, int]]) -> Iterator[Path]:
    found = os.stat(folder)  # noqa: PTH116
    here = (found.st_dev, found.st_ino)
    if here in trail:  # a link to a folder above
        return
    with os.scandir(folder) as entries:
        kept = sorted((entry for entry in entries if not is_clutter(entry.name)), key=lambda entry: entry.name)
    for entry in kept:
        if _is_folder(entry):
            yield from _files_below(entry.path, trail | {here})
        elif _is_file(entry):
            yield Path(entry.path)


def suffix_of(name: str) -> str:
    """Return a file name's suffix in small letters with its dot, "" where it has none."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def scan_folder(root: Path) -> Tree:
    """Return the pictures below a folder; a million of them take some seconds and 50 MB.

    Raises:
        SourceError: a folder's name is not UTF-8, or folders lie deeper than 12.
    """
    walk = _Walk()
    walk.visit(str(root), "", trail=frozenset())
    notes = (f"{walk.unnamed} files are left out: their names are not UTF-8",) if walk.unnamed else ()
    folder = np.concatenate(walk.parts) if walk.parts else np.array([], dtype=np.int32)
    return Tree(walk.folders, folder, walk.names.array(), walk.skipped, notes, tuple(sorted(walk.openable)))


class _Walk:
    def __init__(self) -> None:
        self.folders: list[str] = []
        self.parts: list[NDArray[np.int32]] = []
        self.names = Column()
        self.skipped: Counter[str] = Counter()
        self.openable: list[str] = []
        self.unnamed = 0

    def visit(self, path: str, inside: str, trail: frozenset[tuple[int, int]]) -> None:
        found = os.stat(path)  # noqa: PTH116
        here = (found.st_dev, found.st_ino)
        if here in trail:  # a link to a folder above
            return
        if inside.count("/") >= MAX_DEPTH:
            raise SourceError(f"folders lie deeper than {MAX_DEPTH} inside one another: {inside!r}")
        position = len(self.folders)
        self.folders.append(inside)
        below, names = self._list(path, inside)
        if names:
            self.names.extend(names)
            self.parts.append(np.full(len(names), position, dtype=np.int32))
        for name in sorted(below):
            self.visit(os.path.join(path, name), f"{inside}/{name}" if inside else name, trail | {here})  # noqa: PTH118

    def _list(self, path: str, inside: str) -> tuple[list[str], list[str]]:
        below: list[str] = []
        names: list[str] = []
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if is_clutter(name):
                    continue
                utf8 = name.isascii() or _is_utf8(name)
                if _is_folder(entry):
                    if not utf8:
                        shown = os.fsencode(name)
                        raise SourceError(f"the folder {shown!r} in {path!r} has a name that is not UTF-8: rename it")
                    below.append(name)
                elif suffix_of(name) in PICTURE_SUFFIXES:
                    if utf8:
                        names.append(name)
                    else:
                        self.unnamed += 1
                else:
                    self._skip(name, inside)
        return below, names

    def _skip(self, name: str, inside: str) -> None:
        suffix = suffix_of(name)
        self.skipped[suffix or "without suffix"] += 1
        if not inside and suffix in OPENABLE:
            self.openable.append(name)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
