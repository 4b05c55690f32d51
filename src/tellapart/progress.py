"""Progress: how the library tells whoever called it what it is doing. By itself it logs; the command line draws it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

logger = logging.getLogger("tellapart")

SLOW = 2.0
"""Seconds after which a part of a task is drawn, too."""


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

    def answer(self, sentence: str) -> None:
        """Take one sentence that answers what the person has just done, such as Ctrl-C."""
        self.warn(sentence)

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


class Part:
    """A part of a task, such as one epoch of many: drawn, below the whole, once it turns out to take long.

    Args:
        progress: that draws the whole.
        name: of the part.
        total: units that it has.
        unit: of them.

    Example:
        >>> with Part(Progress(), "epoch 1", total=2, unit="steps") as part:
        ...     part.advance()
        ...     part.advance()
    """

    def __init__(self, progress: Progress, name: str, *, total: int, unit: str) -> None:
        self._progress, self._name, self._total, self._unit = progress, name, total, unit
        self._done, self._drawn = 0, False

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        return self

    def advance(self) -> None:
        """Go on by one unit."""
        self._done += 1
        if self._drawn:
            self._progress.advance()
        elif time.monotonic() - self._started > SLOW:
            self._drawn = True  # first: where it is stopped just here, the bar still goes
            self._progress.begin(self._name, total=self._total, unit=self._unit)
            self._progress.advance(self._done)

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._progress.end()


class Quiet(Progress):
    """Passes on how far a task has come, and no sentences and figures of it: for what is trained on the side.

    Args:
        inner: is told of the rest.
        name: what the tasks are called there.
    """

    def __init__(self, inner: Progress, *, name: str) -> None:
        self.inner, self.name = inner, name

    def say(self, sentence: str) -> None:
        """Drop it."""

    def warn(self, sentence: str) -> None:
        """Drop it."""

    def answer(self, sentence: str) -> None:
        """Pass it on."""
        self.inner.answer(sentence)

    def begin(self, name: str, *, total: int, unit: str) -> None:
        """Pass it on under the other name."""
        self.inner.begin(self.name, total=total, unit=unit)

    def advance(self, units: int = 1, note: str = "") -> None:
        """Pass it on without the figures."""
        self.inner.advance(units)

    def end(self) -> None:
        """Pass it on."""
        self.inner.end()


class Mute(Progress):
    """Drops everything: for a process beside which another one speaks."""

    def say(self, sentence: str) -> None:
        """Drop it."""

    def warn(self, sentence: str) -> None:
        """Drop it."""


TO_LOG = Progress()
