"""``python -m benchmarks.time_to_accuracy.parts --data hwdb55=hwdb55.zip``: where the time of ``--time`` goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..harness.question import OTHERS, WALL, Column, Comparison, Peer
from .__main__ import BUDGETS
from .asked import ask, sets

COLUMNS = (
    WALL,
    Column("read_s", "start, reading, s"),
    Column("audit_s", "audit, copies, splits, s"),
    Column("baselines_s", "baseline, s"),
    Column("plan_s", "plan, s"),
    Column("epochs_s", "training, validation, s"),
    Column("predict_s", "predictions, calibration, novelty, model saved, s"),
    Column("figures_s", "figures, intervals, s"),
    Column("page_s", "thumbnails, report, s"),
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a set of pictures, of one peer."""
    made = []
    for name, pictures in sets(options):
        time = BUDGETS[name]
        training = ("-m", "benchmarks.accuracy.tellapart_peer", pictures, "--seed", "{round}", "--", "--time", time)
        peer = Peer(f"tellapart --time {time}", "tellapart", training)
        made.append(Comparison(f"{name}: where the seconds go", (peer,), peer.name, COLUMNS))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and answer."""
    return ask(comparisons, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
