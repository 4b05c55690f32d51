"""Where caches lie, and which of them are removed to make room for others."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError
from ..files import KEEPS_OPEN, UNFINISHED, expanded

KEY_DIGITS = 24
"""Hexadecimal digits of a cache's name, after which only what is being made or removed has more."""

JUST_MADE = 5.0
"""Seconds in which a half-made folder is left alone, locked or not."""

DAY = 86_400
"""Seconds for which unpacked archives and kept features are left alone: a training may still read them. An archive's
are those since it was unpacked: its times tell the pictures' cache that it is the same."""


def cache_folder() -> Path:
    """Return where caches lie: ``$TELLAPART_CACHE``, else ``tellapart`` below the user's cache folder.

    Raises:
        DataError: there is neither, nor a home folder.
    """
    if own := os.environ.get("TELLAPART_CACHE"):
        return expanded(own)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return Path(base or Path.home() / ".cache") / "tellapart"
    except RuntimeError:
        raise DataError("there is no home folder to keep the cache in: set TELLAPART_CACHE to a folder") from None


def free_bytes(folder: Path | None = None) -> int:
    """Return the free bytes of the disk where caches lie, or will lie."""
    place = (folder or cache_folder()).absolute()
    while not os.path.exists(place):  # noqa: PTH110 (where one may not look, none is there)
        if place == place.parent:
            raise DataError(f"there is no disk {str(place)!r} for the cache: set TELLAPART_CACHE to another folder")
        place = place.parent
    return shutil.disk_usage(place).free


def prune(parent: Path, *, keep: Path, limit_bytes: int = 20 * 2**30) -> None:
    """Remove what was used longest ago until the rest fits in ``limit_bytes``.

    They are pixel caches, and unpacked archives and features that nobody has used for a day.

    Args:
        parent: the folder in which all of them lie.
        keep: the pixel cache that stays, and does not count.
        limit_bytes: for the others.
    """
    used = {}
    for path in _caches_in(parent):
        with contextlib.suppress(OSError):  # another process may be removing it
            when, size = _use_of(path)
            _clear_unfinished(path, used=when)
            if path != keep and (path.parent == parent or time.time() - when > DAY):
                used[path] = (when, size)
    total = sum(size for path, (_, size) in used.items() if path.suffix != ".partial")  # one being made is no reason
    for path, (when, size) in sorted(used.items(), key=lambda item: item[1][0]):
        if path.suffix == ".partial":
            if _is_abandoned(path, when):
                _removed(path)
        elif total > limit_bytes and _removed(path):
            total -= size


def _clear_unfinished(cache: Path, *, used: float) -> None:
    """Remove what a killed process left half-written in a pixel cache a day ago, such as gigabytes of features."""
    for file in cache.glob(f"{UNFINISHED}*") if cache.is_dir() else ():
        if time.time() - file.stat().st_mtime > DAY:
            file.unlink()
            os.utime(cache, (used, used))  # that was no use of it


def mark_used(path: Path) -> None:
    """Note that a part of the cache was used just now; another person's is left as it is."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _caches_in(parent: Path) -> list[Path]:
    """Return what may be removed of a folder, which may hold a person's own files; nothing where one may not look."""
    found: list[Path] = []
    key, longer = ("[0-9a-f]" * digits for digits in (KEY_DIGITS, 32))
    for pattern in (f"pixels-{key}*", f"tar/{longer}.tar", f"features/*-{longer}-*.npz"):
        with contextlib.suppress(OSError):
            found += parent.glob(pattern)
    return found


def _use_of(path: Path) -> tuple[float, int]:
    """Return when a folder of files or a file was used last, and how many bytes it takes."""
    size = sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
    return path.stat().st_mtime, size


def _removed(path: Path) -> bool:
    """Remove a folder or a file; say whether it is gone. On Windows it stays where a file of it is in use."""
    if not path.is_dir():
        with contextlib.suppress(OSError):
            path.unlink()
            return True
        return False
    moved = path
    if KEEPS_OPEN and path.suffix != ".partial":  # else half of it would stay
        try:
            moved = moved_away(path)
        except OSError:
            return False
    shutil.rmtree(moved, ignore_errors=True)
    return not moved.exists()


def moved_away(path: Path) -> Path:
    """Return where a folder lies now that another takes its place; OSError where it may not be moved."""
    return path.rename(path.with_name(f"{path.name}-gone.partial"))


def _is_abandoned(path: Path, when: float) -> bool:
    """Return whether nobody works in a half-made folder any more: its lock ended with its process."""
    age = time.time() - when
    if age < JUST_MADE:  # it may not be locked yet
        return False
    try:
        with locked(path) as mine:
            return age > DAY if mine is None else mine
    except OSError:  # its maker has just finished it, or it is another person's
        return False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool | None]:
    """Lock a folder for this process; gives whether it could be had, None where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        yield None
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError:  # some network file systems have none
            yield None
        else:
            yield True
    finally:
        os.close(handle)
