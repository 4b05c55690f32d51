"""``python -m benchmarks.accuracy --data hwdb55=hwdb55.zip``: one training a cell and seed, each kept once measured."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from ..harness.cells import Cells
from ..harness.environment import OURS, prepare
from ..harness.pictures import named_source
from ..harness.process import measure
from ..harness.question import RESULTS, ROOT
from ..harness.result import PeerError, parse
from .cells import NAMES, ONLY, SETTINGS, Training, table

FOLDER = Path(__file__).resolve().parent

pair = named_source(NAMES)


def wanted(options: argparse.Namespace, cells: Cells) -> list[Training]:
    """Return the trainings that are asked for and not measured yet."""
    sources = dict(options.data)
    settings = options.setting or list(SETTINGS)
    # Seeds outermost: where hours are lacking, every cell has one training before any has two.
    asked = [
        Training(name, setting, seed)
        for seed in range(options.seeds)
        for name in sources
        for setting in settings
        if options.setting or name in ONLY.get(setting, NAMES)
    ]
    return [one for one in asked if options.again or not cells.has(str(one))]


def train(one: Training, source: str) -> dict[str, float]:
    """Run one training in a process of its own and return its figures, the wall-clock and the others' share too.

    Raises:
        PeerError: it failed.
    """
    command = [str(prepare(OURS)), "-m", "benchmarks.accuracy.tellapart_peer", source, "--seed", str(one.seed)]
    more = SETTINGS[one.setting]
    log = RESULTS / "accuracy" / f"{one.name}-{one.setting}-{one.seed}.log"
    measured = measure([*command, "--", *more], variables={}, cwd=ROOT, log=log)
    figures = dict(parse(measured.output).figures)
    return {**figures, "wall_s": measured.wall_s, "others_share": measured.others_share}


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the cells that are asked for, one after the other, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pair, action="append", required=True, help="NAME=SOURCE; repeat it")
    parser.add_argument(
        "--setting",
        action="append",
        choices=sorted(SETTINGS),
        help="one setting (all that are for the set)",
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings a cell has (%(default)s)")
    parser.add_argument("--again", action="store_true", help="measure anew what is measured already")
    options = parser.parse_args(arguments)
    cells = Cells(FOLDER, table=table)
    for one in wanted(options, cells):
        try:
            figures = train(one, dict(options.data)[one.name])
        except PeerError as error:
            print(f"FAILED: {one}: {error}", file=sys.stderr)
            return 1
        cells.keep(str(one), {**dataclasses.asdict(one), "figures": figures})
        print(f"{one}: test {figures['test_accuracy']:.2%}, {figures['wall_s']:.0f} s", flush=True)
    print("\n" + cells.markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
