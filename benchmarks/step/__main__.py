"""``python -m benchmarks.step``: images per second of a training step, at equal arithmetic, float32, Adam."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.question import MEMORY, OTHERS, WALL, Column, Comparison, Peer
from .shapes import EPOCHS, SHAPES

FOLDER = Path(__file__).resolve().parent
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2147483647"}
"""glibc's variables for what tellapart sets for itself: large blocks are kept, not mapped anew at each step."""

COLUMNS = (
    Column("images_per_s", "images/s", digits=0, ratio=True),
    Column("first_epoch_s", "first epoch, s"),
    MEMORY,
    WALL,
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return one comparison a network."""
    made = []
    for net in options.net or SHAPES:
        shape = SHAPES[net]
        kind = "grey" if shape.channels == 1 else "colour"
        title = f"{net}, {shape.height}×{shape.width} {kind}, batch {shape.batch}"
        peers = tuple(peers_of(net, epochs=options.epochs, compiled=options.compiled))
        made.append(Comparison(title, peers, peers[0].name, COLUMNS))
    return made


def peers_of(net: str, *, epochs: int, compiled: bool = False) -> list[Peer]:
    """Return all engines, a compiled loop where asked; the first one, the strongest known, is the reference."""
    same = ("--net", net, "--epochs", str(epochs))
    keras = ("-m", "benchmarks.step.keras_peer", *same)
    plain = ("-m", "benchmarks.step.torch_peer", *same, "--layout")
    ours = ("-m", "benchmarks.step.tellapart_peer", *same)
    flow, kept = "keras-tensorflow", "PyTorch loop, channels_last, large blocks kept"
    return [
        Peer(
            "Keras on TensorFlow, oneDNN on", flow, keras, {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1"}
        ),
        Peer("tellapart", "tellapart", ours),
        Peer("PyTorch loop, channels_last", "torch", (*plain, "channels_last")),
        Peer("PyTorch loop, default layout", "torch", (*plain, "contiguous_format")),
        Peer(
            "Keras on TensorFlow, oneDNN off",
            flow,
            keras,
            {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "0"},
        ),
        Peer(
            "Keras on TensorFlow, oneDNN on, large blocks kept",
            flow,
            keras,
            {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1", **KEPT},
        ),
        Peer(kept, "torch", (*plain, "channels_last"), KEPT),
        *([Peer(f"{kept}, compiled", "torch", (*plain, "channels_last", "--compiled"), KEPT)] if compiled else []),
        Peer("Keras on PyTorch", "keras-torch", keras, {"KERAS_BACKEND": "torch"}),
        Peer("Keras on JAX", "keras-jax", keras, {"KERAS_BACKEND": "jax"}),
    ]


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=5)
    made.add_argument("--net", action="append", choices=sorted(SHAPES), help="one of the networks (all)")
    made.add_argument("--epochs", type=int, default=EPOCHS, help="in each process, the first not counted (%(default)s)")
    made.add_argument("--compiled", action="store_true", help="a compiled loop, too, which needs a C++ compiler")
    options = made.parse_args()
    if options.epochs < 2:
        made.error(f"--epochs must be at least 2: the first is not counted, got {options.epochs}")
    return answer(comparisons, options=options, folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
