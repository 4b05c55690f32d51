"""``python -m benchmarks.backbone``: pictures per second through three backbones, beside ONNX Runtime."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.question import MEMORY, OTHERS, WALL, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
BATCHES = (1, 8, 32)
"""Pictures that ONNX Runtime sees at a time; what is measured is compared with the first."""

NETS = ("efficientnet_lite0", "mobilenet_v2", "resnet18")
COLUMNS = (
    Column("pictures_per_s", "pictures/s", digits=1, ratio=True),
    Column("checksum", "sum of the features", digits=3),
    MEMORY,
    WALL,
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a network; ONNX Runtime has several batches, as none is the fastest everywhere."""
    made = []
    for net in options.net or NETS:
        module = ("-m", "benchmarks.backbone.onnx_peer", "--net", net, "--batch")
        theirs = [Peer(f"ONNX Runtime, batch {size}", "onnxruntime", (*module, str(size))) for size in BATCHES]
        ours = Peer("tellapart", "tellapart", ("-m", "benchmarks.backbone.tellapart_peer", "--net", net))
        made.append(Comparison(f"{net}, 224×224", (*theirs, ours), theirs[0].name, COLUMNS))
    return made


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=5)
    made.add_argument("--net", action="append", choices=NETS, help="one of the networks (all)")
    return answer(comparisons, options=made.parse_args(), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
