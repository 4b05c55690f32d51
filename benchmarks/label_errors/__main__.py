"""``python -m benchmarks.label_errors --mnist FOLDER``: both sets; ``--set fashion-mnist`` for one of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.question import MEMORY, OTHERS, WALL, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
WAYS = {
    "neighbours": "tellapart evaluate --label-errors",
    "folds": "tellapart evaluate --label-errors --label-folds 3",
    "itself": "the network's own word on what it was trained on",
}
SETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
COLUMNS = (
    Column("changed", "changed", digits=0),
    Column("found_twice", "found among the first twice as many, %", digits=1, percent=True),
    Column("found_once", "among the first as many, %", digits=1, percent=True),
    Column("suggested_right", "of those, the true class suggested, %", digits=1, percent=True),
    Column("clear", "all but ruled out", digits=0),
    Column("clear_right", "of those, changed, %", digits=1, percent=True),
    Column("train_s", "training, s", digits=0),
    Column("search_s", "search, s", digits=0),
    WALL,
    MEMORY,
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a set."""
    sets = options.set or [name for name in SETS if name != "mnist" or options.mnist]
    if "mnist" in sets and not options.mnist:
        raise SystemExit("--set mnist needs --mnist FOLDER, the folder with its four IDX files")
    return [_comparison(name, options) for name in sets]


def _comparison(name: str, options: argparse.Namespace) -> Comparison:
    where = str(options.mnist) if name == "mnist" else "fashion-mnist"
    base = ("-m", "benchmarks.label_errors.tellapart_peer", where, "--pictures", str(options.pictures))
    more = ("--share", str(options.share), "--seed", str(options.seed))
    more += ("--epochs", str(options.epochs)) if options.epochs else ()
    peers = tuple(Peer(title, "tellapart", (*base, *more, "--way", way)) for way, title in WAYS.items())
    title = f"{SETS[name]}: {options.share:.0%} of {options.pictures:,} labels changed, seed {options.seed}"
    return Comparison(title, peers, peers[0].name, COLUMNS)


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=1)
    made.add_argument("--mnist", type=Path, help="folder with MNIST's four IDX files")
    made.add_argument("--set", action="append", choices=sorted(SETS), help="one of the sets (both)")
    made.add_argument("--pictures", type=int, default=60_000, help="training pictures of the set (%(default)s)")
    made.add_argument("--share", type=float, default=0.03, help="of the labels that are changed (%(default)s)")
    made.add_argument("--seed", type=int, default=0, help="of which and to what (%(default)s)")
    made.add_argument("--epochs", type=int, help="of the training (tellapart's own choice)")
    return answer(comparisons, options=made.parse_args(), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
