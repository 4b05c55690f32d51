"""``tellapart train`` or ``inspect`` as the command line runs it, with the time that each of its phases takes."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .watch import cpu_seconds

PHASES = {
    "open": ["workflow.main_job:open_source", "workflow.inspection:open_source"],
    "scan": ["workflow.start:scan", "workflow.inspection:scan"],
    "audit": ["workflow.prepare:repeats_of", "workflow.prepare:audit", "workflow.inspection:repeats_of",
              "workflow.inspection:audit"],
    "split": ["workflow.prepare:load_or_make_splits", "workflow.inspection:given_splits", "workflow.prepare:write_ids"],
    "baseline": ["workflow.main_job:_learn_baselines"],
    "training": ["workflow.learn:fit"],
    "prediction": ["workflow.learn:predict_held_out", "workflow.learn:fit_temperature"],
    "evaluation": ["workflow.main_job:evaluate_all"],
    "report": ["workflow.main_job:keep_thumbnails", "report:write_report"],
}  # fmt: skip
"""The functions that the main job calls, by what a person would call the phase."""


class Clock:
    """Writes down when each phase began and ended: (phase, begin, end, processor seconds)."""

    def __init__(self) -> None:
        self.records: list[tuple[str, float, float, float]] = []
        self._inside = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Span a phase; one inside another is part of that."""
        if self._inside:
            yield
            return
        self._inside, begin, cpu = name, time.monotonic(), cpu_seconds(os.getpid())
        try:
            yield
        finally:
            self._inside = ""
            self.records.append((name, begin, time.monotonic(), cpu_seconds(os.getpid()) - cpu))

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time taken."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return function(*args, **kwargs)

        return call


def main() -> None:
    """Run ``job.py RECORDS ARGUMENTS...``: the command line's arguments, with the phases written to a file."""
    records, *arguments = sys.argv[1:]
    clock = Clock()
    with clock.phase("imports"):
        for name, places in PHASES.items():
            for place in places:
                module_name, _, function = place.partition(":")
                module = importlib.import_module(f"tellapart.{module_name}")
                setattr(module, function, clock.timed(name, getattr(module, function)))
    sys.argv = ["tellapart", *arguments]
    from tellapart.__main__ import program

    try:
        program()
    finally:
        Path(records).write_text(json.dumps(clock.records))


if __name__ == "__main__":
    main()
