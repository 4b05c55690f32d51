"""``python -m benchmarks.time_to_accuracy.choose --data hwdb55=hwdb55.zip``: how short may the time be?

Asked of validation pictures alone, with seeds that the benchmark does not use; nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..harness.command import answer
from ..harness.question import OTHERS, WALL, Column, Comparison, Peer
from .asked import FOLDER, asking, sets

COLUMNS = (
    WALL,
    Column("saved_s", "start to model saved, s"),
    Column("epochs", "epochs", digits=0),
    Column("validation_accuracy", "validation, %", digits=2, percent=True),
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a set of pictures: a peer for each time, with seeds 11, 12, ..."""
    made = []
    for name, pictures in sets(options):
        training = ("-m", "benchmarks.accuracy.tellapart_peer", pictures, "--seed", "1{round}", "--", "--time")
        peers = tuple(Peer(f"--time {time}", "tellapart", (*training, time)) for time in options.time)
        made.append(Comparison(f"{name}: by validation", peers, peers[0].name, COLUMNS))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and answer."""
    made = asking(__doc__ or "")
    made.add_argument("--time", nargs="+", required=True, help="the times to choose among, such as 18s 20s 22s")
    options = made.parse_args(arguments)
    options.dry = True
    return answer(comparisons, options=options, folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
