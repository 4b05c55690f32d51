"""``python -m benchmarks.hwdb55 --data hwdb55.zip``: the whole question; ``--net softmax`` for a part of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.pictures import unpacked
from ..harness.question import MEMORY, OTHERS, WALL, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
NETS = {"softmax": "Logistic regression, 264,055 parameters", "convnet16": "The network, 88,375 parameters"}
COLUMNS = (
    WALL,
    Column("load_s", "loading, s", ratio=True),
    Column("train_s", "training, s", ratio=True),
    Column("epochs", "epochs", digits=0),
    Column("images_per_s", "training, images/s", digits=0, ratio=True),
    MEMORY,
    Column("validation_accuracy", "validation, %", digits=2, percent=True),
    Column("validation_top5", "top-5, %", digits=2, percent=True),
    Column("test_accuracy", "test, %", digits=2, percent=True),
    Column("test_top5", "top-5, %", digits=2, percent=True),
    Column("parameters", "parameters", digits=0),
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a network of the course."""
    folder = unpacked(options.data, name="hwdb55")
    return [_comparison(net, folder, options) for net in options.net or NETS]


def _comparison(net: str, folder: Path, options: argparse.Namespace) -> Comparison:
    epochs, seed = ("--epochs", str(options.epochs)), ("--seed", "{round}")
    keras = Peer(
        "Keras on TensorFlow, the course's script",
        "keras-tensorflow",
        ("-m", "benchmarks.hwdb55.keras_course", str(folder), "--net", net, *epochs, *seed),
        {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1"},
    )
    ours = ("-m", "benchmarks.hwdb55.tellapart_peer", str(folder))
    same = Peer("tellapart, the same settings", "tellapart", (*ours, "--settings", f"course-{net}", *epochs, *seed))
    default = Peer("tellapart, its default", "tellapart", (*ours, "--settings", "default", *seed))
    peers = (keras, same) if net == "softmax" else (keras, same, default)
    return Comparison(NETS[net], peers, keras.name, COLUMNS)


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=3, data="hwdb55.zip")
    made.add_argument("--net", action="append", choices=sorted(NETS), help="one of the networks (both)")
    made.add_argument("--epochs", type=int, default=100, help="at most (%(default)s, as in the course)")
    options = made.parse_args()
    return answer(comparisons, options=options, folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
