"""Trainings that are kept one by one as they are measured: a benchmark of hours that is stopped goes on from there."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import machine
from .table import between_markers, write_whole


class Cells:
    """What was measured so far.

    Args:
        folder: the question's, with README.md; ``results.json`` is kept beside it.
        table: what the README shows of all cells, in the order of their names.
    """

    def __init__(self, folder: Path, *, table: Callable[[Sequence[Mapping[str, Any]]], str]) -> None:
        self._folder, self._table = folder, table
        path = folder / "results.json"
        self._kept: dict[str, Mapping[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def has(self, name: str) -> bool:
        """Say whether a training was measured."""
        return name in self._kept

    def keep(self, name: str, cell: Mapping[str, Any]) -> None:
        """Write a training, with where it was measured, and the table anew; a former one of that name is replaced."""
        self._kept[name] = {"where": machine.when_and_where(), **cell}
        text = json.dumps(dict(sorted(self._kept.items())), indent=1, ensure_ascii=False) + "\n"
        write_whole(self._folder / "results.json", text)
        readme = self._folder / "README.md"
        page = between_markers(readme.read_text(encoding="utf-8"), text=self.markdown())
        write_whole(readme, page)

    def markdown(self) -> str:
        """Return the table, and where its cells were measured."""
        if not self._kept:
            return "Nothing is measured yet."
        cells = [cell for _, cell in sorted(self._kept.items())]
        where = "\n".join(f"- {place}" for place in sorted({str(cell["where"]) for cell in cells}))
        return f"{self._table(cells)}\n\n{where}"


def mean_and_deviation(values: Sequence[float], *, digits: int) -> str:
    """Return "mean ± deviation" of the sample, or the one value where there is one or all are the same."""
    shown = f"{statistics.fmean(values):,.{digits}f}"
    if len(values) < 2 or len(set(values)) == 1:
        return shown
    return f"{shown} ± {statistics.stdev(values):,.{digits}f}"
