"""Progress: how the library tells whoever called it what it is doing. Silent by itself; the command line draws it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("tellapart")


class Progress:
    """Receives what happens. This one writes sentences to the log and draws nothing; subclasses draw.

    Example:
        >>> progress = Progress()
        >>> with progress.task("reading", total=2):
        ...     progress.advance()
        ...     progress.advance()
    """

    def say(self, sentence: str) -> None:
        """Take one sentence that a person should read: a choice and its reason, an estimate."""
        logger.info(sentence)

    def warn(self, sentence: str) -> None:
        """Take one sentence that a person must not miss."""
        logger.warning(sentence)

    @contextmanager
    def task(self, name: str, *, total: int, unit: str = "pictures") -> Iterator[None]:
        """Span a piece of work of ``total`` units."""
        self.begin(name, total=total, unit=unit)
        try:
            yield
        finally:
            self.end()

    def begin(self, name: str, *, total: int, unit: str) -> None:
        """Start drawing a piece of work."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Go on by so many units; the note holds live figures."""

    def end(self) -> None:
        """Stop drawing it."""


class Quiet(Progress):
    """Passes on how far a task has come, and none of its sentences and figures: for what is trained on the side."""

    def __init__(self, inner: Progress) -> None:
        self.inner = inner

    def say(self, sentence: str) -> None:
        """Keep it."""

    def warn(self, sentence: str) -> None:
        """Keep it."""

    def begin(self, name: str, *, total: int, unit: str) -> None:
        """Pass it on."""
        self.inner.begin(name, total=total, unit=unit)

    def advance(self, units: int = 1, note: str = "") -> None:
        """Pass it on without the figures."""
        self.inner.advance(units)

    def end(self) -> None:
        """Pass it on."""
        self.inner.end()


SILENT = Progress()
