"""What the questions of this folder share: the sets of pictures, by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..accuracy.__main__ import pair
from ..harness.command import answer, parser
from ..harness.pictures import unpacked
from ..harness.question import Comparison

FOLDER = Path(__file__).resolve().parent


def asking(description: str) -> argparse.ArgumentParser:
    """Return a parser that takes ``--data NAME=SOURCE``, once or more often."""
    made = parser(description, rounds=5)
    made.add_argument("--data", type=pair, action="append", required=True, help="NAME=SOURCE; repeat it")
    return made


def sets(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield the name of each set that is asked for, and where its pictures lie: an archive's in a folder."""
    for name, source in options.data:
        yield name, str(unpacked(Path(source), name=name)) if name == "hwdb55" else source


def ask(
    comparisons: Callable[[argparse.Namespace], Sequence[Comparison]], description: str, arguments: Sequence[str] | None
) -> int:
    """Read a command line that has no more than that, and answer."""
    return answer(comparisons, options=asking(description).parse_args(arguments), folder=FOLDER)
