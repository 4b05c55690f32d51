"""Commands of ours that messages and pages advise, as a person gives them: with the plugins that they need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .registry import loaded_plugins
from .wording import quoted


def advised(*words: str, plugins: Iterable[str | Path] | None = None) -> str:
    """Return a command.

    Args:
        words: the verb and what follows it; paths are quoted already.
        plugins: files that it needs; those that this process was given where None.

    Example:
        >>> advised("predict", "runs/photos", plugins=["my net.py"])
        "tellapart --plugin 'my net.py' predict runs/photos"
    """
    needed = loaded_plugins if plugins is None else plugins
    return " ".join(["tellapart", *(f"--plugin {quoted(path)}" for path in needed), *words])


def to_resume(run: str | Path, *, plugins: Iterable[str | Path] | None = None) -> str:
    """Return the command that goes on with a run.

    Example:
        >>> to_resume("runs/my photos", plugins=())
        "tellapart train --resume 'runs/my photos'"
    """
    return advised("train --resume", quoted(run), plugins=plugins)


def to_find_labels(run: str | Path, file: str, *, plugins: Iterable[str | Path] | None = None) -> str:
    """Return the command that looks for wrong labels, and writes a list to mend."""
    return advised("evaluate", quoted(run), "--label-errors", quoted(file), plugins=plugins)


def to_retrain(run: str, labels: str, *, plugins: Iterable[str | Path] | None = None) -> str:
    """Return the command that trains a run's own recipe, its groups and options among it, with mended labels."""
    return advised("train --recipe", quoted(f"{run}/recipe.json"), "--labels", quoted(labels), plugins=plugins)
