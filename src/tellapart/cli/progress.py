"""Progress on a terminal: bars with live figures and the time left; plain lines where there is no terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from .. import progress
from ..wording import printable


class _Done(ProgressColumn):
    """What is done of how much: "3/12 epochs", or "12.6/102.5 MB, 4.1 MB/s"."""

    def render(self, task: Task) -> Text:
        """Return it as text."""
        unit = str(task.fields["unit"])
        if unit != "bytes":
            return Text(f"{int(task.completed):,}/{int(task.total or 0):,} {unit}")
        total = f"/{task.total / 1e6:,.1f}" if task.total else ""
        speed = f", {task.speed / 1e6:,.1f} MB/s" if task.speed else ""
        return Text(f"{task.completed / 1e6:,.1f}{total} MB{speed}")


class _MayLoseItsReader(Console):
    """A console whose reader may go, as ``tee`` does at Ctrl-C: the work goes on without it."""

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = True


class TerminalProgress(progress.Progress):
    """Draws on standard error, so that standard output stays clean for results; in a notebook it prints lines.

    Example:
        >>> TerminalProgress().say("three pictures are unreadable")
    """

    def __init__(self) -> None:
        self.console = _MayLoseItsReader(stderr=True, highlight=False, emoji=False)
        self._bar: Progress | None = None
        self._tasks: list[tuple[str, float]] = []  # name and beginning of the tasks that are open, outermost first

    def say(self, sentence: str) -> None:
        """Print one sentence above the bar."""
        self.console.print(f"[dim]·[/] {_safe(sentence)}", soft_wrap=True)

    def warn(self, sentence: str) -> None:
        """Print one sentence that stands out."""
        self.console.print(f"[bold yellow]![/] {_safe(sentence)}", soft_wrap=True)

    def begin(self, name: str, *, total: int, unit: str) -> None:
        """Show a bar, below that of the task that this one is a part of; remember it where there is no terminal."""
        self._tasks.append((name, time.monotonic()))
        if not self.console.is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                _Done(),
                TimeRemainingColumn(compact=True),
                console=self.console,
                transient=True,
            )
            self._bar.start()
        self._bar.add_task(_safe(name), total=total, unit=unit)

    def advance(self, units: int = 1, note: str = "") -> None:
        """Move the innermost bar; an epoch's figures are printed as a line of their own."""
        if self._bar is not None:
            self._bar.update(self._bar.tasks[-1].id, advance=units)
        if note:
            self.console.print(f"  {_safe(note)}", soft_wrap=True)

    def end(self) -> None:
        """Remove the innermost bar and say how long it took, where it was no part of another task."""
        if self._bar is not None:
            self._bar.remove_task(self._bar.tasks[-1].id)
            if not self._bar.tasks:
                self._bar.stop()
                self._bar = None
        name, started = self._tasks.pop()
        seconds = time.monotonic() - started
        if seconds >= 1 and not self._tasks:
            self.console.print(f"[dim]· {_safe(name)}: {seconds:.1f} s[/]", soft_wrap=True)


def _safe(text: str) -> str:
    return escape("\n".join(printable(line) for line in text.split("\n")))
