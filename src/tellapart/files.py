"""Files that are written whole or not at all: beside their place first, then renamed."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import pickle
import shutil
import struct
import threading
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from .errors import RunError, TargetExistsError, UnwritableError
from .wording import quoted

ARRAY_DAMAGE = (ValueError, OSError, KeyError, TypeError, AttributeError, SyntaxError, EOFError, RuntimeError,
                MemoryError, Warning, tokenize.TokenError, zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What NumPy and the zip library raise on a damaged file of arrays; a header is parsed as Python's literals."""

TENSOR_DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, EOFError, AttributeError, AssertionError,
                 pickle.UnpicklingError, struct.error)  # fmt: skip
"""What PyTorch raises on a damaged file of tensors, and the state that it should fill."""

KEEPS_OPEN = os.name == "nt"
"""Whether the system keeps a file that is open or mapped where it is, as Windows does."""

PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
"""Seconds between attempts to replace a file that another program holds."""

UNFINISHED = ".unfinished-"
"""What the name of a file that is not whole yet begins with."""


_numbers = itertools.count()
"""Tell apart what is written at a time, one file for another too."""


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` as the home that it means; as it is where there is no such home.

    Example:
        >>> str(expanded("photos")), expanded("~nobody-of-this-name/photos").parts[0]
        ('photos', '~nobody-of-this-name')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_file(path: Path | str) -> bool:
    """Return whether a file stands there, as far as one may look: pathlib's own raises where one may not.

    Example:
        >>> is_file("no such file"), is_file("a name that is too long for any system " * 20)
        (False, False)
    """
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path | str) -> bool:
    """Return whether a folder stands there, as far as one may look."""
    return os.path.isdir(path)  # noqa: PTH112


def refused(error: BaseException | None) -> bool:
    """Return whether a file could not be read for want of memory or by the system, and may be whole all the same.

    Example:
        >>> refused(PermissionError(errno.EACCES, "no")), refused(FileNotFoundError(errno.ENOENT, "no"))
        (True, False)
    """
    if isinstance(error, OSError):
        return error.errno not in (None, errno.ENOENT, errno.EINVAL)  # the last: a place that a damaged file named
    return isinstance(error, MemoryError)


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Give a path beside ``target`` to write to; renamed to it at the end, removed where anything failed."""
    beside = _beside(target)
    try:
        yield beside
        replace_patiently(beside, target)
    finally:
        with contextlib.suppress(OSError):  # still mapped, on Windows: what went wrong is more worth saying
            beside.unlink(missing_ok=True)


def replace_patiently(source: Path, target: Path) -> None:
    """Rename a file or folder to a place, over a file that stands there.

    On Windows a scanner or a synchronised folder holds what is new for moments, and the system refuses meanwhile: it is
    tried again for some three seconds.
    """
    for pause in PAUSES if KEEPS_OPEN else ():
        try:
            source.replace(target)
            return
        except PermissionError:
            time.sleep(pause)
    source.replace(target)


def _beside(target: Path) -> Path:
    # Of a long name its last letters: with what stands before it, all of it might be longer than a system allows.
    own = f"{os.getpid()}-{threading.get_ident()}-{next(_numbers)}"
    return target.with_name(f"{UNFINISHED}{own}-{target.name[-20:]}")


def written_now(path: Path) -> bool:
    """Return whether a process that lives made an unfinished file: one that was killed has left it."""
    import psutil

    maker = path.name.removeprefix(UNFINISHED).partition("-")[0]
    return maker.isdecimal() and int(maker) != os.getpid() and psutil.pid_exists(int(maker))


@contextlib.contextmanager
def write_errors(path: Path, *, advice: str) -> Iterator[None]:
    """Turn the system's errors while a place is written to into one sentence.

    Args:
        path: the place.
        advice: what a person can do: "choose another folder".

    Raises:
        UnwritableError: permissions, or a full disk.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, RunError):
            raise
        reasons = {errno.ENOSPC: "the disk is full: make room", errno.EDQUOT: "the disk quota is used up: make room"}
        held = "close it where another program has it open, or " if KEEPS_OPEN and error.errno == errno.EACCES else ""
        reason = reasons.get(error.errno or 0, f"{error.strerror or error}: {held}{advice}")
        raise UnwritableError(f"cannot write {str(path)!r}: {reason}") from error


@contextlib.contextmanager
def writing_whole(path: Path | str, *, advice: str = "choose another folder") -> Iterator[Path]:
    """Give a path beside a file's place to write to, as ``whole`` does; folders that are missing are made.

    Raises:
        UnwritableError: permissions, or a full disk.
    """
    with write_errors(Path(path), advice=advice):
        path = _place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as beside:
            yield beside


def _place(path: Path | str) -> Path:
    """Return where a file is to be written: a link's own place, so that the link stays.

    Raises:
        UnwritableError: a folder, a device or a pipe stands there.
    """
    path = expanded(path)
    if path.is_dir():
        raise UnwritableError(f"cannot write {str(path)!r}: it is a folder: give the name of a file")
    if (path.exists() and not path.is_file()) or _is_stream(path):
        raise UnwritableError(f"cannot write {str(path)!r}: it is a device or a pipe: give the name of a file")
    return path.resolve() if path.is_symlink() else path


def _is_stream(path: Path) -> bool:
    """Say whether a path means what a process has open, as /dev/stdout does: a file put there would take its place."""
    target = path.parent / path.readlink() if path.is_symlink() else path
    return any(os.path.realpath(one.parent).startswith("/proc/") for one in (path, target))


def check_writable(path: Path | str) -> None:
    """Say at once where a file could not be written later; nothing stays of the attempt but folders.

    Raises:
        UnwritableError: permissions, a full disk, or a folder of that name.
    """
    with write_errors(Path(path), advice="choose another folder"):
        path = _place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = _beside(path)
        if KEEPS_OPEN and path.exists():
            path.open("r+b").close()  # refused where another program has it open
        try:
            beside.touch()
        finally:
            beside.unlink(missing_ok=True)


def new_folder(path: Path, *, holds: str, what: str, fresh: bool = False) -> list[Path]:
    """Make a folder for results; an empty one may stand there.

    Args:
        path: where.
        holds: the file by which another one is known.
        what: that one, for the message: ``"a run"``.
        fresh: whether nothing may stand there, not even an empty folder.

    Returns:
        the folders above it that had to be made, the lowest first.

    Raises:
        TargetExistsError: another one stands there, or the folder holds other files.
        UnwritableError: it cannot be made.
    """
    with write_errors(path, advice="choose another --out"):
        if (path / holds).exists():
            raise TargetExistsError(
                f"{what} stands at {str(path)!r} already: continue it with --resume {quoted(path)}, or choose another "
                "--out"
            )
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise TargetExistsError(f"{str(path)!r} exists and is not an empty folder: choose another --out")
        missing = [folder for folder in path.parents if not folder.exists()]
        try:
            path.mkdir(parents=True, exist_ok=not fresh and path.exists())
        except FileExistsError:
            if not path.exists():  # a link that leads nowhere
                raise
            raise TargetExistsError(
                f"{str(path)!r} was made by another process just now: choose another --out"
            ) from None
    return missing


def write_whole(path: Path | str, data: bytes) -> None:
    """Write a file, whole or not at all; folders that are missing are made.

    Raises:
        UnwritableError: permissions, or a full disk.
    """
    with writing_whole(path) as beside:
        beside.write_bytes(data)


def reserve(file: Path) -> None:
    """Claim the disk's blocks of a file at once: a memory map that meets a full disk ends the process with a signal.

    Raises:
        OSError: the disk has no room for it.
    """
    size = file.stat().st_size
    free = shutil.disk_usage(file.parent).free
    if size > free:
        raise OSError(errno.ENOSPC, f"{size:,} bytes needed, {free:,} free")
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, size)
