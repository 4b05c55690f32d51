"""``python -m benchmarks.time_to_accuracy.choose --data hwdb55=hwdb55.zip``: how short may the time be?

Asked of validation pictures alone, with seeds that the benchmark does not use; nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..accuracy.__main__ import pair
from ..harness.command import answer, parser
from ..harness.pictures import unpacked
from ..harness.question import OTHERS, WALL, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
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
    for name, source in options.data:
        pictures = str(unpacked(Path(source), name="hwdb55")) if name == "hwdb55" else source
        training = ("-m", "benchmarks.accuracy.tellapart_peer", pictures, "--seed", "1{round}", "--", "--time")
        peers = tuple(Peer(f"--time {time}", "tellapart", (*training, time)) for time in options.time)
        made.append(Comparison(f"{name}: by validation", peers, peers[0].name, COLUMNS))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=5)
    made.add_argument("--data", type=pair, action="append", required=True, help="NAME=SOURCE; repeat it")
    made.add_argument("--time", nargs="+", required=True, help="the times to choose among, such as 18s 20s 22s")
    options = made.parse_args(arguments)
    options.dry = True
    return answer(comparisons, options=options, folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
