"""Ctrl-C: once ends after the current epoch, twice ends at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from ..progress import Progress


@contextlib.contextmanager
def graceful_interrupt(progress: Progress) -> Iterator[Callable[[], bool]]:
    """Span a training; yields a function that says whether Ctrl-C was pressed once.

    Outside the main thread, where signals cannot be caught, the function always says no.
    """
    pressed = threading.Event()

    def on_interrupt(signum: int, frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        progress.answer("Stopping after this epoch, with the best weights kept. Press Ctrl-C again to stop at once.")

    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    # None: a handler that was not set from Python, and cannot be put back.
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
