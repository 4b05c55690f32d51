"""Pictures for the peers, unpacked once, outside of all timing."""

from __future__ import annotations

import argparse
import shutil
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path

from .question import RESULTS
from .result import PeerError


def named_source(names: Collection[str]) -> Callable[[str], tuple[str, str]]:
    """Return what reads NAME=SOURCE on a command line; a source that is no file is a bundled name.

    Example:
        >>> named_source(["mnist", "fashion-mnist"])("fashion-mnist=fashion-mnist")
        ('fashion-mnist', 'fashion-mnist')
    """

    def read(text: str) -> tuple[str, str]:
        name, equals, source = text.partition("=")
        if not equals or name not in names:
            raise argparse.ArgumentTypeError(f"must be NAME=SOURCE with a name of {', '.join(names)}, got {text!r}")
        return name, str(Path(source).resolve()) if Path(source).exists() else source

    return read


def unpacked(archive: Path, *, name: str, limit: int | None = None, under: str = "") -> Path:
    """Return a folder with the pictures of a zip, unpacked where it does not stand already; another zip has another.

    Args:
        archive: a .zip.
        name: of the folder, in ``benchmarks/results/pictures``, before what tells the zip: its size and time.
        limit: the first so many in the order of their names; all where None.
        under: only members whose path begins so.

    Raises:
        PeerError: no zip there, or fewer pictures than ``limit``.
    """
    if not zipfile.is_zipfile(archive):
        raise PeerError(f"--data must be a zip of pictures, got {archive}")
    found = archive.stat()
    folder = RESULTS / "pictures" / f"{name}-{found.st_size:x}-{int(found.st_mtime):x}"
    if folder.is_dir():
        return folder
    with zipfile.ZipFile(archive) as opened:
        members = sorted(m for m in opened.namelist() if m.endswith(".png") and m.startswith(under))[:limit]
        if not members or (limit is not None and len(members) < limit):
            raise PeerError(f"{archive} has {len(members)} PNG under {under!r}, needed: {limit or 'at least 1'}")
        print(f"unpacking {len(members)} pictures to {folder}", flush=True)
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        # extract() keeps a member inside the folder, whatever its name says.
        for member in members:
            opened.extract(member, part)
    part.rename(folder)
    return folder
