"""``python -m benchmarks.growth``: ``train`` and ``inspect`` on 1,000 to 1,000,000 small pictures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.environment import OURS
from ..harness.question import OTHERS, RESULTS, WALL, Column, Comparison, Peer
from .pictures import make_zip

FOLDER = Path(__file__).resolve().parent
SIZES = (1_000, 10_000, 100_000, 1_000_000)
REFERENCE = 10_000
PHASES = {
    "inspect": ("open", "scan", "audit"),
    "train": ("open", "scan", "audit", "split", "baseline", "training", "prediction", "evaluation", "report"),
}


def columns(verb: str) -> tuple[Column, ...]:
    """Return the columns of one verb's table."""
    seconds = [Column(f"{name}_s", f"{name}, s", digits=1) for name in PHASES[verb]]
    each = [Column(f"{name}_cpu_us", f"{name}, CPU µs a picture", digits=0) for name in PHASES[verb]]
    memory = (
        Column("own_mb", "peak memory, MiB", digits=0, ratio=True),
        Column("mapped_mb", "peak of mapped files, MiB", digits=0),
        Column("both_mb", "peak of both, MiB", digits=0, ratio=True),
    )
    report = (Column("report_mb", "report, MiB", digits=1),) if verb == "train" else ()
    return (WALL, *memory, *seconds, *each, *report, OTHERS)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a verb, of all sizes."""
    sizes = [size for size in SIZES if size <= options.most]
    peers = {}
    for verb in PHASES:
        peers[verb] = []
        for size in sizes:
            archive = RESULTS / "growth" / f"pictures-{size}.zip"
            make_zip(archive, pictures=size)
            command = ("-m", "benchmarks.growth.tellapart_peer", verb, str(archive), "--pictures", str(size))
            peers[verb].append(Peer(f"{size:,} pictures", OURS, command))
    return [
        Comparison(f"tellapart {verb}", tuple(some), f"{min(REFERENCE, sizes[-1]):,} pictures", columns(verb))
        for verb, some in peers.items()
    ]


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=1)
    made.add_argument("--most", type=int, default=SIZES[-1], help="leave larger sets out (%(default)s)")
    options = made.parse_args()
    if options.most < SIZES[0]:
        made.error(f"--most must be at least {SIZES[0]:,}, the smallest set, got {options.most}")
    return answer(comparisons, options=options, folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
