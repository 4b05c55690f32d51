"""``python -m benchmarks.backbone``: pictures per second through three backbones, beside ONNX Runtime."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.question import MEMORY, OTHERS, WALL, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
NETS = ("efficientnet_lite0", "mobilenet_v2", "resnet18")
COLUMNS = (
    Column("pictures_per_s", "pictures/s", digits=1, ratio=True),
    Column("checksum", "sum of the features", digits=3),
    MEMORY,
    WALL,
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a network and batch."""
    made = []
    for net in options.net or NETS:
        for batch in options.batch or (32, 1):
            arguments = ("--net", net, "--batch", str(batch))
            theirs = Peer("ONNX Runtime", "onnxruntime", ("-m", "benchmarks.backbone.onnx_peer", *arguments))
            ours = Peer("tellapart", "tellapart", ("-m", "benchmarks.backbone.tellapart_peer", *arguments))
            made.append(Comparison(f"{net}, 224×224, batch {batch}", (theirs, ours), theirs.name, COLUMNS))
    return made


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=5)
    made.add_argument("--net", action="append", choices=NETS, help="one of the networks (all)")
    made.add_argument("--batch", action="append", type=int, help="pictures at a time (32 and 1)")
    return answer(comparisons, options=made.parse_args(), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
