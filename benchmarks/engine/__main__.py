"""``python -m benchmarks.engine``: a training step with one of the engine's settings taken away, each in processes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.question import OTHERS, Column, Comparison, Peer
from ..layers.cases import CASES
from .peer import AS_IT_IS, WITHOUT

FOLDER = Path(__file__).resolve().parent
NETS = ("compact-8", "compact-16", "convnet16")
BATCHES = (16, 32, 64, 128, 256)
COLUMNS = (
    Column("pictures_per_s", "pictures a second", digits=0, ratio=True),
    Column("cpu_share", "processors kept busy", digits=2),
    OTHERS,
)
VARIABLES = {"huge pages": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}}
"""What a process is told by its environment."""


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return two comparisons for each network: its settings, and the pictures of a step."""
    made = []
    for net in options.net or NETS:
        case = CASES[net]
        peer = ("-m", "benchmarks.engine.peer", "--net", net)
        shape = f"{case.shape.height}×{case.shape.width}, {case.precision}, {case.optimizer[0]}"
        settings = [
            Peer(name, "tellapart", (*peer, "--setting", name), VARIABLES.get(name, {}))
            for name, (nets, _) in WITHOUT.items()
            if net in nets
        ]
        made.append(Comparison(f"{net}, {shape}, batch {case.shape.batch}", tuple(settings), AS_IT_IS, COLUMNS))
        batches = tuple(Peer(f"batch {n}", "tellapart", (*peer, "--batch", str(n))) for n in BATCHES)
        made.append(Comparison(f"{net}, {shape}, by batch", batches, f"batch {case.shape.batch}", COLUMNS))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=5)
    made.add_argument("--net", action="append", choices=NETS, help="one of the networks (all)")
    return answer(comparisons, options=made.parse_args(arguments), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
