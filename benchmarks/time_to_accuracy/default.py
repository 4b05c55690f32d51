"""``python -m benchmarks.time_to_accuracy.default --data hwdb55=hwdb55.zip``: when does the default pass the script?

The script's own accuracy and time are those that ``python -m benchmarks.time_to_accuracy`` has measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..harness.question import OTHERS, Column, Comparison, Peer
from ..harness.result import PeerError
from .asked import FOLDER, ask, sets

COLUMNS = (
    Column("first_s", "start to the first epoch's end, s"),
    Column("first_accuracy", "its test, %", digits=2, percent=True),
    Column("passed_epoch", "the epoch that passes the script", digits=0),
    Column("passed_s", "start to its end, s"),
    Column("script_times", "the script's time over that", digits=0),
    Column("ended_s", "process start to end, s"),
    Column("test_accuracy", "test at the end, %", digits=2, percent=True),
    OTHERS,
)


def script(name: str) -> Mapping[str, Any]:
    """Return the figures that the course's script has of a set, as they were measured.

    Raises:
        PeerError: it was not measured yet.
    """
    results = FOLDER / "results.json"
    measured = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    kept = measured.get(f"{name}: to the end of the course's script")
    if kept is None:
        raise PeerError(f"the script was not measured on {name}: python -m benchmarks.time_to_accuracy does it")
    figures: Mapping[str, Any] = kept["peers"][kept["reference"]]["figures"]
    return figures


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a set of pictures, of one peer."""
    made = []
    for name, pictures in sets(options):
        figures = script(name)
        accuracy, seconds = (str(figures[key]["median"]) for key in ("test_accuracy", "wall_s"))
        told = ("--least", accuracy, "--script-seconds", seconds)
        training = ("-m", "benchmarks.time_to_accuracy.default_peer", pictures, "--seed", "{round}", *told)
        peer = Peer("tellapart, told nothing", "tellapart", training)
        made.append(Comparison(f"{name}: when the default passes the script", (peer,), peer.name, COLUMNS))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and answer."""
    return ask(comparisons, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
