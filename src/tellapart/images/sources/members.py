"""What archives have in common: their members' names, judged one by one, and the tree that they make."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..dataset import BLOCK, Dataset, Images
from ..folders import is_clutter, suffix_of
from ..sniff import PICTURE_SUFFIXES
from .columns import Column
from .tree import Tree, dataset_of

_OTHER_DATA = frozenset({".npy", ".npz", ".mat", ".gnt", ".gz", ".zip", ".tar", ".bin", ".h5", ".parquet"})


class Members:
    """A growing list of an archive's pictures; nothing is ever written to where a member's name points.

    Args:
        where: what the archive is called in messages.
        row: the fields of what tells where a member lies.

    Example:
        >>> members = Members("pictures.zip", np.dtype([("offset", "i8")]))
        >>> [members.add(name) for name in ("cat/1.png", "../evil.png", "__MACOSX/cat/._1.png", "cat/notes.txt")]
        [True, False, False, False]
        >>> members.refused
        ['../evil.png']
    """

    def __init__(self, where: str, row: np.dtype[np.void]) -> None:
        self.where = where
        self.folders: dict[str, int] = {"": 0}
        self._plain_folders: dict[str, int] = {}
        self.names = Column()
        self.skipped: Counter[str] = Counter()
        self.hidden: Counter[str] = Counter()
        self.refused: list[str] = []
        self.refused_count = 0
        self.notes: list[str] = []
        self._folder: list[int] = []
        self._folders: list[NDArray[np.int32]] = []
        self._row = row
        self._rows: list[tuple[int, ...]] = []
        self._tables: list[NDArray[np.void]] = []

    def add(self, path: str, *, is_folder: bool = False, is_file: bool = True) -> bool:
        """Take note of one member; True where it is a picture, whose place must follow by ``place``."""
        head, slash, name = path.rpartition("/")
        folder = self._plain_folders.get(head) if slash and is_file and not is_folder else None
        if folder is not None and name[:1] not in (".", "") and "\\" not in name and "\0" not in name:
            suffix = suffix_of(name)  # another picture of a folder that was looked at: most members by far
            if suffix in PICTURE_SUFFIXES:
                self.names.append(name)
                self._folder.append(folder)
                return True
        plain = path.replace("\\", "/")
        parts = [part for part in plain.split("/") if part not in ("", ".")]
        if plain.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:/", plain) or "\0" in plain:
            self.refuse(path)
            return False
        if not parts:  # the folder itself, with which "tar cf x.tar ." begins
            return False
        if any(map(is_clutter, parts)):
            self._count_hidden(parts)
            return False
        if is_folder:
            self._position("/".join(parts))
            return False
        if not is_file:
            self.refuse(path)
            return False
        suffix = suffix_of(parts[-1])
        if suffix not in PICTURE_SUFFIXES:
            self.skipped[suffix or "without suffix"] += 1
            return False
        self.names.append(parts[-1])
        self._folder.append(self._position("/".join(parts[:-1])))
        if slash and name == parts[-1]:
            self._plain_folders[head] = self._folder[-1]
        return True

    def _count_hidden(self, parts: list[str]) -> None:
        """Count a picture that lies directly in a folder that begins with a dot, as a class would have it."""
        *above, folder, name = ["", *parts]
        if folder.startswith(".") and suffix_of(name) in PICTURE_SUFFIXES and not any(map(is_clutter, (*above, name))):
            self.hidden[folder] += 1

    def place(self, *row: int) -> None:
        """Take note of where the picture just added lies: one number a field."""
        self._rows.append(row)
        if len(self._rows) >= BLOCK:
            self._pack()

    def refuse(self, path: str) -> None:
        """Take note of a member that points outside, or is a link: it is left out."""
        self.refused_count += 1
        if len(self.refused) < 5:
            self.refused.append(path)

    def _position(self, folder: str) -> int:
        return self.folders.setdefault(folder, len(self.folders))

    def _pack(self) -> None:
        if self._rows:
            self._tables.append(np.array(self._rows, dtype=self._row))
            self._folders.append(np.array(self._folder, dtype=np.int32))
            self._rows, self._folder = [], []

    def dataset(self, images: Callable[[NDArray[np.void]], Images], *, name: str) -> Dataset:
        """Return the data set of all members, given what makes pictures of rows of their table."""
        self._pack()
        notes = list(self.notes)
        if self.refused_count:
            shown = ", ".join(repr(path) for path in self.refused)
            notes.append(f"{self.refused_count} members are refused (links, or paths that lead outside): {shown}")
        folder = np.concatenate(self._folders) if self._folders else np.array([], dtype=np.int32)
        table = np.concatenate(self._tables) if self._tables else np.array([], dtype=self._row)
        self._folders, self._tables = [folder], [table]
        if not len(table) and self.refused_count:
            raise SourceError(f"{self.where!r} holds no pictures that may be read: {notes[-1]}; pack it anew")
        other = [suffix for suffix in self.skipped if suffix in _OTHER_DATA]
        if not len(table) and other:
            raise SourceError(
                f"{self.where!r} holds no pictures but {other[0]} files: unpack it and open what is inside"
            )
        folders = list(self.folders)
        tree = Tree(folders, folder, self.names.array(), self.skipped, tuple(notes), hidden=self.hidden)
        return dataset_of(tree, images=lambda rows: images(table[rows]), name=name, where=self.where)
