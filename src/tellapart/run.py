"""Run: one folder on disk with everything that a training decided, did and found; it is written through here.

What each file holds: docs/run-folder.md. Every one is written whole or not at all, beside its place first, then
renamed; ``history.jsonl`` alone grows by a line an epoch.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from .commands import to_resume
from .errors import (
    RecipeError,
    RunBusyError,
    RunCorruptError,
    RunError,
    RunNotFoundError,
    TargetExistsError,
    UnwritableError,
)
from .files import (
    KEEPS_OPEN,
    UNFINISHED,
    expanded,
    is_file,
    is_folder,
    new_folder,
    write_errors,
    writing_whole,
    written_now,
)
from .recipe import Recipe
from .wording import decimal_percent

ADVICE = "make the run's folder writable, or go on with a copy of it"
"""What a person can do where a run that is there cannot be written to."""

LOCKINGS = 100
"""Attempts to lock a run whose lock its former holder removed meanwhile."""

_write_errors = functools.partial(write_errors, advice=ADVICE)

State = Literal["running", "done", "failed", "interrupted"]


OUT_OF_FOLD = "out-of-fold"
"""The name of the predictions in which every picture was held out, once."""


class Run:
    """A run folder.

    ``Run.create`` makes one, ``Run.open`` finds one; the constructor is theirs.

    Attributes:
        path: the folder.
        stop_asked: whether Ctrl-C was pressed in the last epoch of this process's training, which ended all the same.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> run = Run.create(f"{folder}/first", Recipe.make(training={"epochs": 3}))
        >>> Run.open(run.path).recipe.training.epochs
        3
        >>> Run.open(f"{folder}/second")
        Traceback (most recent call last):
        tellapart.errors.RunNotFoundError: there is no run at ...
    """

    def __init__(self, path: Path | str) -> None:
        self.path = expanded(path)
        self.stop_asked = False
        self._discarded = False
        self._made: list[Path] = []  # the folders above it that came with it, the lowest first

    @classmethod
    def create(cls, path: Path | str, recipe: Recipe, *, fresh: bool = False) -> Run:
        """Make a new run folder.

        Args:
            path: where; an empty folder may stand there.
            recipe: written into it at once.
            fresh: whether nothing may stand there, not even an empty folder.

        Raises:
            TargetExistsError: a run stands there already, or the folder holds other files.
            UnwritableError: the folder cannot be made.
        """
        run = cls(path)
        run._made = new_folder(run.path, holds="recipe.json", what="a run", fresh=fresh)
        try:
            run.save_recipe(recipe)
        except RunError:
            with contextlib.suppress(OSError):
                run.path.rmdir()
            raise
        return run

    @classmethod
    def create_below(cls, parent: Path | str, name: str, recipe: Recipe) -> Run:
        """Make a new run folder below another one, named as ``new_run_path`` does; two processes never share one.

        Raises:
            UnwritableError: the folder cannot be made.
        """
        while True:
            with contextlib.suppress(TargetExistsError):  # another process was faster: the next number
                return cls.create(new_run_path(parent, name), recipe, fresh=True)

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """Find a run folder.

        Raises:
            RunNotFoundError: there is none.
        """
        run = cls(path)
        if not is_file(run.path / "recipe.json"):
            table = is_file(run.path / "plan.json")  # whose pictures/ holds the split of all its rows, and is none
            below = "rows/*/recipe.json" if table else "*/recipe.json"
            near = [str(folder.parent) for folder in sorted(run.path.glob(below))[:5]] if is_folder(run.path) else []
            there = f" (runs below it: {', '.join(near)})" if near else ": give a folder that tellapart train made"
            raise RunNotFoundError(f"there is no run at {str(path)!r}{there}")
        return run

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @property
    def recipe(self) -> Recipe:
        """The full recipe."""
        try:
            return Recipe.from_json(self.read_text("recipe.json"))
        except RecipeError as error:
            raise RunCorruptError(f"{self.path / 'recipe.json'} is damaged: {error}") from None

    def save_recipe(self, recipe: Recipe) -> None:
        """Write the recipe."""
        self.write_text("recipe.json", recipe.to_json())

    # One JSON document a subject: choices, environment, audit, evaluation.

    def save(self, subject: str, document: Mapping[str, Any] | list[Any]) -> None:
        """Write ``<subject>.json``; not-a-number is refused, as JSON has none."""
        self.write_text(f"{subject}.json", json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def load(self, subject: str) -> Any:
        """Read ``<subject>.json``; raises RunCorruptError where it is missing or damaged."""
        try:
            return json.loads(self.read_text(f"{subject}.json"))
        except json.JSONDecodeError as error:
            raise RunCorruptError(f"{self.path / subject}.json is damaged ({error}): train again") from None

    def has(self, file: str) -> bool:
        """Say whether a file of the run exists, such as ``"model.safetensors"``."""
        return (self.path / file).exists()

    # The history grows by one line an epoch.

    @property
    def history(self) -> list[dict[str, Any]]:
        """One record an epoch; a last line that was cut by a kill is left out."""
        if not self.has("history.jsonl"):
            return []
        lines = self.read_text("history.jsonl").splitlines()
        records = []
        for number, line in enumerate(lines, start=1):
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError as error:
                if number < len(lines):
                    raise RunCorruptError(
                        f"{self.path / 'history.jsonl'} is damaged in line {number} ({error}): train again"
                    ) from None
        return records

    def append_history(self, record: Mapping[str, Any]) -> None:
        """Add one epoch's record."""
        with _write_errors(self.path), self._own("history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")

    def cut_history(self, epochs: int) -> None:
        """Keep the first epochs alone: what a resumed training takes up again."""
        lines = [json.dumps(record) for record in self.history if record["epoch"] <= epochs]
        self.write_text("history.jsonl", "".join(line + "\n" for line in lines))

    # Status: where the run stands.

    @property
    def status(self) -> dict[str, Any]:
        """``{"state": "running" | "done" | "failed" | "interrupted", "message": ..., "when": ...}``."""
        status: dict[str, Any] = self.load("status") if self.has("status.json") else {"state": "running", "message": ""}
        return status

    def mark(self, state: State, message: str = "") -> None:
        """Write the status."""
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.save("status", {"state": state, "message": message, "when": when})

    # Files of any kind, whole or not at all.

    def read_text(self, file: str) -> str:
        """Read a text file of the run."""
        try:
            return (self.path / file).read_text(encoding="utf-8-sig")  # editors on Windows begin it with a mark
        except FileNotFoundError:
            above = next((one for one in list(self.path.resolve().parents)[:2] if is_file(one / "recipe.json")), None)
            if above is not None:
                raise RunCorruptError(
                    f"{self.path / file} is missing: {str(self.path)!r} is a part of the run {str(above)!r}, where its "
                    "figures stand: name that run"
                ) from None
            raise RunCorruptError(
                f"{self.path / file} is missing: the run is incomplete, go on with it "
                f"({to_resume(self.path)}) or train again"
            ) from None
        except OSError as error:
            raise RunCorruptError(f"{self.path / file} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            raise RunCorruptError(f"{self.path / file} is damaged ({error}): train again") from None

    def write_text(self, file: str, text: str) -> None:
        """Write a text file whole or not at all."""
        self.write(file, lambda path: path.write_text(text, encoding="utf-8"))

    def write(self, file: str, writer: Callable[[Path], Any]) -> None:
        """Let ``writer(path)`` write a file beside its place, then move it there."""
        with writing_whole(self._own(file), advice=ADVICE) as beside:
            writer(beside)

    def _own(self, file: str) -> Path:
        """Return where a file of the run is; a folder that someone sent may hold links that lead out of it.

        Raises:
            UnwritableError: it lies elsewhere.
        """
        path = self.path / file
        try:
            inside = path.resolve().is_relative_to(self.path.resolve())
        except (RuntimeError, OSError):  # a link that leads to itself
            inside = False
        if not inside:
            raise UnwritableError(f"cannot write {str(path)!r}: it leads out of the run's folder: remove that link")
        return path

    def settle(self, file: str) -> None:
        """Wait until a file is on the disk: then what it was made from may go, even if the power fails next."""
        with contextlib.suppress(OSError), (self.path / file).open("r+b") as opened:
            os.fsync(opened.fileno())

    def forget(self, *files: str) -> None:
        """Remove files of the run that are to be made anew."""
        with _write_errors(self.path):
            for file in files:
                (self.path / file).unlink(missing_ok=True)

    def clear_unfinished(self) -> None:
        """Remove what a killed process left half-written, and not what another one is writing, such as a report."""
        for file in list(self.path.rglob(f"{UNFINISHED}*")):
            if not written_now(file):
                file.unlink(missing_ok=True)

    def sub(self, folder: str) -> Run:
        """Return the run in a folder of this one, made if need be: a baseline's."""
        inner = Run(self._own(folder))
        with _write_errors(inner.path):
            inner.path.mkdir(parents=True, exist_ok=True)
        return inner

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Span work on the run; the lock goes with the process, however it ends.

        Raises:
            RunBusyError: another process is working on it.
        """
        path = self._own(".lock")
        for again in range(LOCKINGS, -1, -1):
            with _write_errors(self.path):
                file = path.open("w")
            if not _lock(file.fileno()):
                file.close()
                raise RunBusyError(f"another process is working on {self.name!r}: wait for it, or stop it first")
            if _is_at(file.fileno(), path) or not again:
                break
            file.close()  # its former holder removed it before it could be locked
        try:
            yield
        finally:
            if KEEPS_OPEN:
                file.close()
            with contextlib.suppress(OSError):  # on Windows another process may have it by now
                path.unlink(missing_ok=True)
            file.close()  # elsewhere it is free when it is gone: whoever waited for it makes a new one
            if KEEPS_OPEN and self._discarded:
                self.discard()

    def discard(self) -> None:
        """Remove the folder of a run that never began: what stopped it was said, and nothing in it is of use."""
        self._discarded = True  # Windows keeps the lock, which is open: the rest goes with it
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):  # another run may lie there by now
            for folder in self._made:
                folder.rmdir()

    def __repr__(self) -> str:
        try:
            return f"Run({str(self.path)!r}, {self.status['state']}, {len(self.history)} epochs)"
        except RunCorruptError:
            return f"Run({str(self.path)!r}, damaged)"

    def _repr_html_(self) -> str:
        from html import escape

        splits = self.load("evaluation").get("splits", {}) if self.has("evaluation.json") else {}
        accuracies = [(name, one["figures"]["accuracy"]["value"] or 0.0, one["count"]) for name, one in splits.items()]
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{decimal_percent(share)} of {count:,} pictures right</td></tr>"
            for name, share, count in accuracies
        )
        return f"<b>{escape(repr(self))}</b><table>{rows}</table>"


def _lock(handle: int) -> bool:
    """Lock an open file for this process; say whether it could be had. Systems without such locks have it always."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have none
        return True
    return True


def _is_at(handle: int, path: Path) -> bool:
    """Say whether an open file is the one that stands at a path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def new_run_path(parent: Path | str, name: str) -> Path:
    """Return a folder below ``parent`` that does not exist yet: ``photos``, else ``photos-2``, ``photos-3``, ...

    Example:
        >>> import tempfile
        >>> new_run_path(tempfile.mkdtemp(), "my photos.zip").name
        'my-photos'
    """
    stem = re.sub(r"\.(zip|tar|tgz|tar\.\w+|csv|tsv|np[yz]|gz|mat)$", "", name, flags=re.IGNORECASE)
    stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:60].strip("-.") or "run"  # file systems allow 255 bytes
    path = Path(parent) / stem
    number = 2
    while path.exists():
        path = Path(parent) / f"{stem}-{number}"
        number += 1
    return path
