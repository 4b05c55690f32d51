"""Reading bytes of files, and telling whether a file may have changed."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError, UnreadableImageError
from ..files import KEEPS_OPEN

KEPT_OPEN = 64
"""With more files than this, none is kept open between two reads."""

READING = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags to open a picture's file with: a named pipe without a writer would else wait for ever."""

WINDOWS_PATH = 260
"""Characters of a path from which on Windows finds no file, unless its long paths are switched on."""

MAX_BYTES = 2**29
"""A picture's file or member above this, 512 MiB, is not read."""

TICK_NS = 20_000_000
"""Two changes of a file within this time may bear the same time stamp: the kernel's clock ticks every 1 to 10 ms."""


class FileRanges:
    """Byte ranges of a few files, read by position: safe from several threads and from forked or started processes.

    Args:
        paths: the files; each must stay as it is: a file that changes is refused rather than misread.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "f"
        >>> _ = path.write_bytes(b"0123456789")
        >>> FileRanges([path]).read(0, 3, 4)
        b'3456'
    """

    def __init__(self, paths: Sequence[Path | str]) -> None:
        self.paths = [os.path.abspath(path) for path in paths]  # noqa: PTH100 (resolve() follows links)
        self.stamps = [stamp(path) for path in self.paths]
        self._open: dict[int, int] = {}
        self._lock = threading.Lock()

    def read(self, file: int, offset: int, size: int, *, short: bool = False) -> bytes:
        """Return ``size`` bytes from ``offset`` on; fewer at the file's end where ``short`` allows that.

        Raises:
            UnreadableImageError: the file is gone, or ends before.
            SourceError: it has changed.
        """
        there = max(0, min(size, self.stamps[file][0] - offset))  # no room is made for what a damaged file claims
        try:
            descriptor = self._open[file] if file in self._open else self._opened(file)
            try:
                self._check(descriptor, file)
                data = self._read_at(descriptor, offset, there) if there else b""
            finally:
                if file not in self._open:
                    os.close(descriptor)
        except OSError as error:
            raise UnreadableImageError(f"{Path(self.paths[file]).name!r} cannot be read: {error.strerror}") from error
        if len(data) < size and not short:
            raise UnreadableImageError(f"truncated: {Path(self.paths[file]).name!r} ends before the picture does")
        return data

    def _opened(self, file: int) -> int:
        with self._lock:
            if file in self._open:
                return self._open[file]
            descriptor = os.open(self.paths[file], os.O_RDONLY | getattr(os, "O_BINARY", 0))
            if len(self.paths) <= KEPT_OPEN:
                self._open[file] = descriptor
                weakref.finalize(self, os.close, descriptor)
            return descriptor

    def _check(self, descriptor: int, file: int) -> None:
        # The time of change is left out: it moves with a new link or owner as well, which is no reason to stop a run.
        found, (size, time_ns, _) = os.fstat(descriptor), self.stamps[file]
        if found.st_size != size or found.st_mtime_ns != time_ns:
            raise SourceError(f"{self.paths[file]!r} has changed since it was opened: open the data set again")

    def _read_at(self, descriptor: int, offset: int, size: int) -> bytes:
        if not hasattr(os, "pread"):  # Windows
            with self._lock:
                os.lseek(descriptor, offset, os.SEEK_SET)
                return os.read(descriptor, size)
        data = os.pread(descriptor, size, offset)
        while 0 < len(data) < size:
            more = os.pread(descriptor, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def fingerprint(self) -> str:
        """Return a hash of the files' paths, sizes and times, as they are now."""
        return stat_fingerprint(self.paths)

    def __getstate__(self) -> dict[str, Any]:
        return {"paths": self.paths, "stamps": self.stamps}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open = {}
        self._lock = threading.Lock()


def read_whole(path: str, *, limit: int = MAX_BYTES) -> bytes:
    """Return a file's bytes.

    Raises:
        UnreadableImageError: it cannot be opened, is no regular file, or has more than ``limit`` bytes.
    """
    try:
        file = os.open(path, READING)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableImageError("not a regular file")
            if found.st_size > limit:
                raise UnreadableImageError(f"{found.st_size:,} bytes are more than the {limit:,} allowed")
            return _read_on(file, found.st_size)
        finally:
            os.close(file)
    except OSError as error:
        if KEEPS_OPEN and (length := len(os.path.abspath(path))) >= WINDOWS_PATH:  # noqa: PTH100 (resolve() asks the disk)
            raise UnreadableImageError(
                f"its path has {length} characters: switch Windows' long paths on, or move the folder up"
            ) from error
        raise UnreadableImageError(f"cannot be read: {error.strerror}") from error


def _read_on(descriptor: int, size: int) -> bytes:
    """Return the next ``size`` bytes, in as many reads as the system wants; fewer where the file has shrunk."""
    data = os.read(descriptor, size)
    while len(data) < size and (more := os.read(descriptor, size - len(data))):
        data += more
    return data


def stamp(path: str | Path) -> tuple[int, int, int]:
    """Return (size, mtime_ns, ctime_ns or 0); (−1, 0, 0) where there is no such file."""
    try:
        return _stamp_of(os.stat(path))  # noqa: PTH116
    except OSError:
        return (-1, 0, 0)


def _stamp_of(found: os.stat_result) -> tuple[int, int, int]:
    # A Mac sets the time of change where a picture was only looked at: previews and tags are kept in its attributes.
    times = (found.st_mtime_ns, 0 if sys.platform == "darwin" else found.st_ctime_ns)
    modified, changed = (min(max(when, -(2**63)), 2**63 - 1) for when in times)  # a broken one may lie beyond 2262
    return (found.st_size, modified, changed)


def stat_fingerprint(paths: Sequence[str | Path], *, also: str = "") -> str:
    """Return a hash of files' paths, sizes and times, and of ``also``.

    Example:
        >>> stat_fingerprint(["/no/such/file"]) == stat_fingerprint(["/no/such/file"])
        True
    """
    rows = np.array([stamp(path) for path in paths], dtype=np.int64).reshape(-1, 3)
    digest = hashlib.blake2b(also.encode(), digest_size=16)
    digest.update("\0".join(os.path.abspath(path) for path in paths).encode("utf-8", "surrogateescape"))  # noqa: PTH100
    digest.update(rows.tobytes())
    _let_the_clock_pass(rows)
    return digest.hexdigest()


def folder_fingerprint(root: str, paths: NDArray[Any], *, also: str = "") -> str:
    """Return the same for many files, their paths absolute or below one folder, in pieces that keep memory flat."""
    digest = hashlib.blake2b(f"{os.path.abspath(root)}\0{also}".encode("utf-8", "surrogateescape"), digest_size=16)  # noqa: PTH100
    newest = np.zeros((1, 3), dtype=np.int64)
    for start in range(0, len(paths), 8192):
        part = paths[start : start + 8192].tolist()
        rows = np.array([stamp(os.path.join(root, path)) for path in part], dtype=np.int64)  # noqa: PTH118
        digest.update("\0".join(part).encode())
        digest.update(rows.tobytes())
        newest = np.maximum(newest, rows.max(axis=0))
    _let_the_clock_pass(newest)
    return digest.hexdigest()


def _let_the_clock_pass(rows: NDArray[np.int64]) -> None:
    """Wait until a change from now on must bear a later time stamp than the newest one seen (git's "racy" case)."""
    newest = int(rows[:, 1:].max()) if len(rows) else 0
    # File systems that count whole seconds (FAT counts two) leave the rest zero.
    tick = 2_000_000_000 if newest and newest % 1_000_000_000 == 0 else TICK_NS
    age = time.time_ns() - newest
    if 0 <= age < tick:
        time.sleep((tick - age) / 1e9)
