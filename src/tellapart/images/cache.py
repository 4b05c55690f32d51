"""The one pass over the pictures: facts of each, and its resized pixels, kept on disk and found again.

A cache folder is named after what it was made from: the pictures' fingerprint (which changes with any file's size
or time) and the preprocessing. It appears whole or not at all, so that nothing stale or half-written is ever served.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ..errors import DataError, UnreadableImageError
from ..files import replace_patiently, reserve
from ..progress import TO_LOG, Progress
from .cache_folder import KEY_DIGITS, cache_folder, locked, mark_used, moved_away, prune
from .dataset import Dataset, Images
from .facts import FACTS
from .notes import Notes
from .preprocessing import Preprocessing
from .reading import Chunk, Problem, read_chunks, read_range

VERSION = 9
"""Part of every key: raised when decoding, facts or resizing change."""


class Watch(Protocol):
    """Sees pixels as they are read; a context that is left before the pixels get their final place."""

    def __enter__(self) -> object: ...

    def __call__(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        """Take the pixels of all pictures (N, H, W, C) and the positions of those that have just been read."""

    def __exit__(self, *_: object) -> None: ...


@dataclasses.dataclass(frozen=True)
class Scan:
    """What one pass over a data set found.

    Attributes:
        facts: (N,) rows of FACTS; ``readable`` is False where ``problems`` has the reason.
        pixels: uint8 (N, height, width, channels), memory-mapped; zeros where unreadable.
        problems: the reason, by position, for each unreadable picture.
        may_pass: positions of those that the system could not read, such as from a network drive that was gone.
        notes: what decoding did that a person should know, with the positions where it did: of sentences that
            differ in numbers alone the first 1,000.
        folder: where all of it lies.
        cached: whether it was there already.
    """

    facts: NDArray[np.void]
    pixels: NDArray[np.uint8]
    problems: dict[int, str]
    may_pass: tuple[int, ...]
    notes: dict[str, list[int]]
    folder: Path
    cached: bool


def scan(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    folder: Path | None = None,
    jobs: int | None = None,
    watch: Watch | None = None,
    retry: bool = True,
    progress: Progress = TO_LOG,
) -> Scan:
    """Read every picture once: its facts and its resized pixels.

    Args:
        dataset: N pictures.
        preprocessing: the size that pixels are kept at, and the background that lies under transparency.
        folder: where caches lie; ``cache_folder()`` where None.
        jobs: processes; all processors where None.
        watch: is given pixels as they are there; not where all of them lie in the cache.
        retry: whether pictures that the system could not read are tried again; a run that began without them goes on
            without them.
        progress: is told of each picture.

    Returns:
        facts and pixels, memory-mapped from the cache.

    Raises:
        DataError: the disk is full.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from tellapart.images.arrays import ArrayImages
        >>> images = ArrayImages(np.zeros((3, 8, 8), dtype=np.uint8))
        >>> data = Dataset(["a", "b", "c"], images, [0, 0, 1], class_names=("x", "y"))
        >>> found = scan(data, Preprocessing(image_size=(4, 4), channels=1), folder=Path(tempfile.mkdtemp()))
        >>> found.pixels.shape, found.facts["width"].tolist(), found.problems
        ((3, 4, 4, 1), [8, 8, 8], {})
    """
    images = dataset.images.with_background(preprocessing.background)
    parent = folder or cache_folder()
    target = parent / _key(images, preprocessing)
    found = _load(target, cached=True) if _is_there(target) else None
    if found is not None and found.may_pass and retry:
        found = _unmapped(found)
        found = _read_again(found, images, preprocessing)
    if found is not None:
        mark_used(target)
        return found
    prune(parent, keep=target)  # what a killed process left half-made goes before room is needed
    with (
        _partial(target) as work,
        # Workers are forked before a terminal's bar or a watch starts a thread, beside which they could not be.
        read_chunks(work, images, preprocessing, jobs=jobs) as chunks,
        progress.task("reading pictures", total=len(dataset)),
        watch or contextlib.nullcontext(),
    ):
        _fill(work, images, preprocessing, chunks=chunks, watch=watch, progress=progress)
    prune(parent, keep=target)
    made = _load(target, cached=False)
    if made is None:
        raise DataError(f"the cache {str(target)!r} was damaged while it was written: try again")
    return made


def is_cached(dataset: Dataset, preprocessing: Preprocessing, *, folder: Path | None = None) -> bool:
    """Return whether ``scan`` would find its pixels."""
    images = dataset.images.with_background(preprocessing.background)
    return _is_there((folder or cache_folder()) / _key(images, preprocessing))


def _is_there(target: Path) -> bool:
    """Return whether a cache folder is finished, and this person may read it."""
    return os.access(target / "notes.json", os.R_OK)


def _key(images: Images, preprocessing: Preprocessing) -> str:
    text = f"{VERSION} pillow {PIL.__version__} {images.fingerprint()} {preprocessing.pixel_key()}"
    return f"pixels-{hashlib.blake2b(text.encode(), digest_size=KEY_DIGITS // 2).hexdigest()}"


def _load(target: Path, *, cached: bool, again: bool = True) -> Scan | None:
    """Return what a cache folder holds, None where a file of it cannot be read; a damaged one is removed."""
    try:
        document = json.loads((target / "notes.json").read_text(encoding="utf-8"))
        return Scan(
            facts=np.load(target / "facts.npy", mmap_mode="r"),
            pixels=np.load(target / "pixels.npy", mmap_mode="r"),
            problems={int(index): reason for index, reason in document["problems"].items()},
            may_pass=tuple(document["may_pass"]),
            notes=document["notes"],
            folder=target,
            cached=cached,
        )
    except (FileNotFoundError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        if again and isinstance(error, FileNotFoundError):  # another process may just be replacing it
            return _load(target, cached=cached, again=False)
        shutil.rmtree(target, ignore_errors=True)
        return None
    except OSError:  # another person's, or nothing that damage explains
        return None


def _unmapped(found: Scan) -> Scan:
    """Return what was found without its arrays: on Windows what is mapped cannot be replaced."""
    return dataclasses.replace(found, facts=np.zeros(0, FACTS), pixels=np.zeros(0, np.uint8))


def _read_again(found: Scan, images: Images, preprocessing: Preprocessing) -> Scan | None:
    """Read what the system could not read before, into a copy that takes the cache's place; return the cache.

    It stays as it is where that still cannot be read, and where it cannot be replaced, as it is another person's.
    """
    target, now = found.folder, [row for row in found.may_pass if _can_be_read(images, row)]
    if not now:
        return _load(target, cached=True)
    problems = {row: found.problems[row] for row in found.problems.keys() - set(now)}
    may_pass, notes = [row for row in found.may_pass if row in problems], Notes()
    notes.add((row, sentence) for sentence, rows in found.notes.items() for row in rows)
    with contextlib.suppress(DataError, OSError), _partial(target, instead=True) as work:
        for file in ("facts.npy", "pixels.npy"):
            shutil.copyfile(target / file, work / file)
        for row in now:
            one = images.select(np.array([row]))
            _, again, said = read_range(work=work, images=one, preprocessing=preprocessing, start=row)
            problems |= {problem.position: problem.reason for problem in again}
            may_pass += [problem.position for problem in again if problem.may_pass]
            notes.add(said)
        _write_notes(work, problems, may_pass=may_pass, notes=notes)
    return _load(target, cached=True)


def _can_be_read(images: Images, row: int) -> bool:
    try:
        images.load(row)
    except UnreadableImageError:
        return False
    return True


@contextlib.contextmanager
def _partial(target: Path, *, instead: bool = False) -> Iterator[Path]:
    """Give a folder to work in; renamed to ``target`` at the end, removed where anything failed.

    Args:
        target: where nothing stands, or what another process has just made.
        instead: whether it takes the place of what stands there; OSError where that cannot be moved.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f"{target.name}-", suffix=".partial", dir=target.parent))
    except OSError as error:
        raise DataError(f"the cache {str(target.parent)!r} cannot be written: {error}: set TELLAPART_CACHE") from error
    try:
        with locked(work):  # until it has its name: what nobody locks is taken for abandoned
            yield work
            gone = moved_away(target) if instead else None
            try:
                _finish(work, target)
            except BaseException:
                if gone is not None:
                    gone.rename(target)
                raise
            if gone is not None:
                shutil.rmtree(gone, ignore_errors=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"the disk is full while the pictures are cached in {str(target.parent)!r}: make room there, or set "
                "TELLAPART_CACHE to a folder on another disk"
            ) from error
        if error.errno in (errno.EFBIG, errno.EROFS):  # of what is written alone
            raise DataError(
                f"the pictures cannot be cached in {str(target.parent)!r}: {error.strerror}: set TELLAPART_CACHE to a "
                "folder on another disk"
            ) from error
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _finish(work: Path, target: Path) -> None:
    """Let everybody read a folder who may read the cache, and give it its name."""
    readers = target.parent.stat().st_mode & 0o755
    for file in work.iterdir():
        file.chmod(readers & 0o644)
    work.chmod(readers)
    try:
        replace_patiently(work, target)
    except OSError:
        if _is_there(target):  # another process was faster, with the same pixels
            return
        shutil.rmtree(target, ignore_errors=True)
        try:
            replace_patiently(work, target)
        except OSError as error:
            raise DataError(
                f"{str(target)!r} is in the way, and is not yours to read or replace ({error.strerror}): set "
                "TELLAPART_CACHE to a folder of your own"
            ) from error


def _fill(
    work: Path,
    images: Images,
    preprocessing: Preprocessing,
    *,
    chunks: Iterator[Chunk],
    watch: Watch | None,
    progress: Progress,
) -> None:
    n = len(images)
    open_memmap(work / "facts.npy", mode="w+", dtype=FACTS, shape=(n,))
    shape = (n, *preprocessing.image_size, preprocessing.channels)
    open_memmap(work / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
    for file in ("facts.npy", "pixels.npy"):
        reserve(work / file)
    problems: list[Problem] = []
    notes = Notes()
    pixels: NDArray[np.uint8] = np.load(work / "pixels.npy", mmap_mode="r")
    for rows, found_problems, found_notes in chunks:
        if watch is not None:
            watch(pixels, rows)
        problems += found_problems
        notes.add(found_notes)
        progress.advance(len(rows))
    reasons = {one.position: one.reason for one in problems}
    passing = [one.position for one in problems if one.may_pass]
    _write_notes(work, reasons, may_pass=passing, notes=notes)


def _write_notes(work: Path, problems: Mapping[int, str], *, may_pass: Sequence[int], notes: Notes) -> None:
    document = {"problems": dict(sorted(problems.items())), "may_pass": sorted(may_pass), "notes": notes.by_sentence()}
    (work / "notes.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
