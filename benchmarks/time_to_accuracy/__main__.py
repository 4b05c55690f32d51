"""``python -m benchmarks.time_to_accuracy --data mnist=mnist/``: the course's script, skorch and ours to their ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..harness.command import answer
from ..harness.question import MEMORY, OTHERS, WALL, Column, Comparison, Peer
from .asked import FOLDER, asking, sets

EPOCHS = {"hwdb55": 100, "mnist": 5, "fashion-mnist": 10}
"""Of the course's scripts; hwdb55 stops early."""

SKORCH_EPOCHS = {"hwdb55": 10, "mnist": 5, "fashion-mnist": 3}
"""skorch's: some of its epochs take longer than the script's."""

BUDGETS = {"hwdb55": "21s", "mnist": "57s", "fashion-mnist": "30s"}
"""What ours is given, unless the command line says otherwise."""

COLUMNS = (
    WALL,
    Column("saved_s", "start to model saved, s"),
    Column("train_s", "training, s", ratio=True),
    Column("epochs", "epochs", digits=0),
    Column("parameters", "parameters", digits=0),
    Column("validation_accuracy", "validation, %", digits=2, percent=True),
    Column("test_accuracy", "test, %", digits=2, percent=True),
    MEMORY,
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a set of pictures."""
    return [_comparison(name, pictures, options) for name, pictures in sets(options)]


def _comparison(name: str, pictures: str, options: argparse.Namespace) -> Comparison:
    budget, epochs = dict(options.budget).get(name, BUDGETS[name]), str(EPOCHS[name])
    keras = Peer(
        "Keras on TensorFlow, the course's script",
        "keras-tensorflow",
        ("-m", "benchmarks.time_to_accuracy.keras_course", pictures, "--set", name, "--epochs", epochs)
        if name != "hwdb55"
        else ("-m", "benchmarks.hwdb55.keras_course", pictures, "--net", "convnet16", "--epochs", epochs),
        {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1"},
        once=name != "mnist",  # where it takes a minute, it runs in each round
    )
    fewer = str(SKORCH_EPOCHS[name])
    skorch = Peer(
        "skorch, the same network",
        "skorch",
        ("-m", "benchmarks.time_to_accuracy.skorch_peer", pictures, "--set", name, "--epochs", fewer),
        once=True,
    )
    ours = ("-m", "benchmarks.accuracy.tellapart_peer", pictures, "--seed", "{round}", "--", "--time", budget)
    peers = (keras, skorch, Peer(f"tellapart --time {budget}", "tellapart", ours))
    return Comparison(f"{name}: to the end of the course's script", peers, keras.name, COLUMNS)


def budget(text: str) -> tuple[str, str]:
    """Read NAME=TIME."""
    name, equals, time = text.partition("=")
    if not equals or name not in BUDGETS:
        raise argparse.ArgumentTypeError(f"must be NAME=TIME with a name of {', '.join(BUDGETS)}, got {text!r}")
    return name, time


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and answer."""
    made = asking(__doc__ or "")
    made.add_argument("--budget", type=budget, action="append", default=[], help="NAME=TIME of ours, such as mnist=20s")
    return answer(comparisons, options=made.parse_args(arguments), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
