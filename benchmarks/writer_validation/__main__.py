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

COURSE = "benchmarks/hwdb55/course-convnet16.toml"
TRAININGS: dict[str, tuple[str, ...]] = {
    "the default": (),
    "the default in one epoch": ("--epochs", "1"),
    "the course's network, without augmentation, ten epochs": ("--recipe", COURSE, "--epochs", "10"),
}
"""What is trained, and what the command is told beyond pictures and seeds."""

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
    """Return one comparison for what is trained: the two ways to choose validation pictures, for each seed."""
    folder = unpacked(options.data, name="hwdb55")
    arguments = ("-m", "benchmarks.writer_validation.training", str(folder))
    made = []
    for title, more in TRAININGS.items():
        peers = tuple(
            Peer(
                f"{words}, seed {seed}",
                "tellapart",
                (*arguments, "--validation", split, "--seed", str(seed), "--", *more),
            )
            for seed in options.seed or (0, 1)
            for split, words in SPLITS.items()
        )
        made.append(Comparison(title, peers, peers[0].name, COLUMNS))
    return made


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=1, data="hwdb55.zip")
    made.add_argument(
        "--seed", action="append", type=int, help="of the split and the training; several times (0 and 1)"
    )
    return answer(comparisons, options=made.parse_args(), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
