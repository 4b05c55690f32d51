"""Folders: what lies in them and below, without what systems leave behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

CLUTTER = frozenset({
    "__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "@eadir", "lost+found", "$recycle.bin", "#recycle",
    "@recycle", "system volume information",
})  # fmt: skip
"""Files and folders that systems leave behind; hidden ones begin with a dot."""


def is_utf8(name: str) -> bool:
    """Return whether a name, as the system gives it, is text in UTF-8.

    Example:
        >>> is_utf8("猫.png"), is_utf8(os.fsdecode(bytes([255]) + b".png"))
        (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class Level(NamedTuple):
    """What lies in one folder, clutter left out.

    Attributes:
        path: of the folder.
        inside: the same from the folder that the walk began with, parted by ``/``; "" for that one itself.
        files: names, as the system lists them; a link that leads nowhere is among them.
        folders: names, sorted.
        hidden: names of folders, links left out, that begin with a dot: they are passed over.
    """

    path: str
    inside: str
    files: list[str]
    folders: list[str]
    hidden: list[str]


def levels_below(folder: Path | str, *, on_error: Callable[[OSError], object] | None = None) -> Iterator[Level]:
    """Yield a folder and all below it, each before its own; links are followed, but never round in a circle.

    Args:
        folder: with which the walk begins.
        on_error: is given the error of a folder that cannot be looked into, which is then passed over; it is raised
            where None.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "cats" / "grey").mkdir(parents=True)
        >>> _ = (root / "cats" / "1.png").write_bytes(b"")
        >>> [(level.inside, level.files) for level in levels_below(root)]
        [('', []), ('cats', ['1.png']), ('cats/grey', [])]
    """
    yield from _levels(str(folder), "", frozenset(), on_error=on_error)


def _levels(
    path: str, inside: str, above: frozenset[object], *, on_error: Callable[[OSError], object] | None
) -> Iterator[Level]:
    files: list[str] = []
    folders: list[str] = []
    hidden: list[str] = []
    try:
        found = os.stat(path)  # noqa: PTH116
        here: object = (found.st_dev, found.st_ino)
        if not found.st_ino:  # some network drives number no folder
            here = os.path.realpath(path)
        if here in above:  # a link to a folder above
            return
        with os.scandir(path) as entries:
            for entry in entries:
                if not is_clutter(entry.name):
                    (folders if _is_folder(entry) else files).append(entry.name)
                elif entry.name.startswith(".") and not entry.is_symlink() and _is_folder(entry):
                    hidden.append(entry.name)
    except OSError as error:
        if on_error is None:
            raise
        on_error(error)
        return
    folders.sort()
    yield Level(path, inside, files, folders, hidden)
    for name in folders:
        inner = f"{inside}/{name}" if inside else name
        yield from _levels(os.path.join(path, name), inner, above | {here}, on_error=on_error)  # noqa: PTH118


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to one; not where a link cannot be followed."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def files_below(folder: Path | str) -> Iterator[Path]:
    """Yield the files of a folder, sorted, then those of each of its subfolders; as ``levels_below`` finds them."""
    for level in levels_below(folder):
        yield from (Path(level.path, name) for name in sorted(level.files))


def is_clutter(name: str) -> bool:
    """Return whether a file or folder is hidden, or left behind by a system."""
    return name.startswith(".") or name.lower() in CLUTTER


def suffix_of(name: str) -> str:
    """Return a file name's suffix in small letters with its dot, "" where it has none.

    Example:
        >>> [suffix_of(name) for name in ("a.b.PNG", "a", ".png")]
        ['.png', '', '']
    """
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
