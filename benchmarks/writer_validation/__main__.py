"""``python -m benchmarks.writer_validation --data hwdb55.zip``: is validation what the test gives?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.pictures import unpacked
from ..harness.question import OTHERS, WALL, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
SPLITS = {"random": "a random fifth of the training pictures", "writers": "a fifth of the writers"}
WRITER = r"(\d+)\.png$"
"""A file's number goes with its writer: 12.png of two characters is one person."""

COLUMNS = (
    Column("epochs", "epochs", digits=0),
    Column("validation_pictures", "validation pictures", digits=0),
    Column("validation_accuracy", "validation, %", digits=2, percent=True),
    Column("test_accuracy", "test, %", digits=2, percent=True),
    Column("test_low", "from", digits=2, percent=True),
    Column("test_high", "to", digits=2, percent=True),
    Column("gap", "validation less test, points", digits=2, percent=True),
    Column("temperature", "temperature", digits=3),
    Column("validation_unscaled", "calibration error before scaling, validation, %", digits=2, percent=True),
    Column("validation_calibration", "after, %", digits=2, percent=True),
    Column("test_calibration", "after, test, %", digits=2, percent=True),
    WALL,
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison: the two ways to choose validation pictures, for each seed."""
    folder = unpacked(options.data, name="hwdb55")
    arguments = ("-m", "benchmarks.writer_validation.training", str(folder))
    epochs = () if options.epochs is None else ("--epochs", str(options.epochs))
    threads = () if options.threads is None else ("--threads", str(options.threads))
    peers = tuple(
        Peer(
            f"{words}, seed {seed}",
            "tellapart",
            (*arguments, "--validation", split, "--seed", str(seed), *epochs, *threads),
        )
        for seed in options.seed or (0, 1)
        for split, words in SPLITS.items()
    )
    title = "Validation by " + " and by ".join(SPLITS.values())
    return [Comparison(title, peers, peers[0].name, COLUMNS)]


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=1, data="hwdb55.zip")
    made.add_argument(
        "--seed", action="append", type=int, help="of the split and the training; several times (0 and 1)"
    )
    made.add_argument("--epochs", type=int, help="the default's own where not given")
    made.add_argument("--threads", type=int, help="CPU threads (all)")
    options = made.parse_args()
    return answer(comparisons, options=options, folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
