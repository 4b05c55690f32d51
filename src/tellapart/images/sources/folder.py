"""A folder with one subfolder per class, or with Train and Test above those."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..dataset import Dataset
from ..encoded import FileImages
from ..folders import Level, is_utf8, levels_below, suffix_of
from ..sniff import PICTURE_SUFFIXES
from .base import Place, source
from .columns import Column
from .tree import OPENABLE, Tree, dataset_of

MAX_DEPTH = 12


@source("folder", summary="a folder with one subfolder per class, or Train/Test(/Val) above", order=90,
        claims=lambda place: place.is_folder)  # fmt: skip
def folder(place: Place) -> Dataset:
    """Open a folder of class folders; links to files and folders are followed, but never round in a circle."""
    tree = scan_folder(place.path)

    def images(rows: NDArray[np.int64]) -> FileImages:
        return FileImages(place.path, tree.paths(rows))

    return dataset_of(tree, images=images, name=place.name, where=str(place.path))


def scan_folder(root: Path) -> Tree:
    """Return the pictures below a folder; a million of them take some seconds and 50 MB.

    Raises:
        SourceError: a folder's name is not UTF-8, or folders lie deeper than 12.
    """
    found = _Found()
    for level in levels_below(root):
        found.add(level)
    notes = (f"{found.unnamed} files are left out: their names are not UTF-8",) if found.unnamed else ()
    folder = np.concatenate(found.parts) if found.parts else np.array([], dtype=np.int32)
    openable = tuple(sorted(found.openable))
    return Tree(found.folders, folder, found.names.array(), found.skipped, notes, openable, found.hidden)


class _Found:
    def __init__(self) -> None:
        self.folders: list[str] = []
        self.parts: list[NDArray[np.int32]] = []
        self.names = Column()
        self.skipped: Counter[str] = Counter()
        self.openable: list[str] = []
        self.hidden: Counter[str] = Counter()
        self.unnamed = 0

    def add(self, level: Level) -> None:
        if not is_utf8(level.inside):
            path, name = os.path.split(level.path)
            raise SourceError(f"the folder {os.fsencode(name)!r} in {path!r} has a name that is not UTF-8: rename it")
        if level.inside.count("/") >= MAX_DEPTH:
            raise SourceError(f"folders lie deeper than {MAX_DEPTH} inside one another: {level.inside!r}")
        names = [name for name in level.files if self._is_named_picture(name, level.inside)]
        if names:
            self.names.extend(names)
            self.parts.append(np.full(len(names), len(self.folders), dtype=np.int32))
        self.folders.append(level.inside)
        for name in level.hidden:
            first = next(levels_below(os.path.join(level.path, name), on_error=lambda _: None), None)  # noqa: PTH118
            if first and (count := sum(suffix_of(file) in PICTURE_SUFFIXES for file in first.files)):
                self.hidden[name] += count

    def _is_named_picture(self, name: str, inside: str) -> bool:
        """Return whether a file is taken; what is not is counted."""
        suffix = suffix_of(name)
        if suffix not in PICTURE_SUFFIXES:
            self.skipped[suffix if suffix and is_utf8(suffix) else "without suffix"] += 1
            if not inside and suffix in OPENABLE:
                self.openable.append(name)
            return False
        named = name.isascii() or is_utf8(name)
        self.unnamed += not named
        return named
