"""``python -m benchmarks.start_up``: how long ``import tellapart`` and ``tellapart --help`` take."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.environment import OURS, prepare
from ..harness.process import measure
from ..harness.question import RESULTS, ROOT, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
COLUMNS = (Column("wall_s", "process start to end, s", digits=3, ratio=True),)
"""No memory: the kernel carries the harness's own, which is larger. No share of others: a tick is half a process."""
IMPORT = "import tellapart"
HELP = "import sys; sys.argv = ['tellapart', '--help']; from tellapart.cli import main; sys.exit(main())"
NO_TORCH = "import atexit, os, sys; atexit.register(lambda: 'torch' in sys.modules and os._exit(9))\n"
"""Put before a program: it ends with status 9 where torch has been loaded by then."""


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return the one comparison of this question, after the check that no torch is loaded."""
    for name, program in (("import", IMPORT), ("help", HELP)):
        log = RESULTS / "start_up" / f"no-torch-{name}.log"
        measure([str(prepare(OURS)), "-c", NO_TORCH + program], variables={}, cwd=ROOT, log=log)
    peers = (
        Peer("an empty Python program", OURS, ("-c", "pass"), reports=False),
        Peer("import tellapart", OURS, ("-c", IMPORT), reports=False),
        Peer("tellapart --help", OURS, ("-c", HELP), reports=False),
    )
    return [Comparison("Start-up", peers, peers[0].name, COLUMNS)]


def main() -> int:
    """Read the command line and answer."""
    return answer(comparisons, options=parser(__doc__ or "", rounds=10).parse_args(), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
