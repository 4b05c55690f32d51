"""``python -m benchmarks.decode --data hwdb55.zip``: 32,000 small PNG, decoded and resized to 80×60 grey."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from ..harness.command import answer, parser
from ..harness.pictures import unpacked
from ..harness.question import MEMORY, OTHERS, RESULTS, WALL, Column, Comparison, Peer

FOLDER = Path(__file__).resolve().parent
COLUMNS = (
    WALL,
    Column("decode_s", "decoding, s", digits=2, ratio=True),
    Column("images_per_s", "images/s", digits=0, ratio=True),
    Column("pictures", "pictures", digits=0),
    Column("mean_pixel", "mean pixel", digits=2),
    dataclasses.replace(MEMORY, ratio=False),  # of the largest process: not all peers have as many
    OTHERS,
)


def comparisons(options: argparse.Namespace) -> list[Comparison]:
    """Return the one comparison of this question."""
    folder = str(
        unpacked(options.data, name=f"decode-{options.pictures}", under="Train/", limit=options.pictures) / "Train"
    )
    course = ("-m", "benchmarks.decode.course_loader", folder, "--loader")
    ours = ("-m", "benchmarks.decode.tellapart_peer", folder)
    cache = str(RESULTS / "decode" / "cache")
    peers = (
        Peer("The course's loader: Pillow, one process", "pillow", (*course, "pillow")),
        Peer("keras.utils.load_img, one process", "keras-tensorflow", (*course, "keras")),
        Peer("tellapart, its own filter, cache empty", "tellapart", ours),
        Peer("tellapart, LANCZOS, cache empty", "tellapart", (*ours, "--resample", "lanczos")),
        Peer("tellapart, cache filled by an earlier run", "tellapart", (*ours, "--cache", cache)),
    )
    # The first process that is given this cache fills it, outside of all timing.
    if not options.only or any(text.lower() in peers[-1].name.lower() for text in options.only):
        fill(peers[-1])
    return [Comparison(f"{options.pictures:,} PNG to 80×60 grey", peers, peers[0].name, COLUMNS)]


def fill(peer: Peer) -> None:
    """Run the peer once, so that its cache stands."""
    from ..harness.environment import prepare
    from ..harness.process import measure
    from ..harness.question import ROOT

    command = [str(prepare(peer.environment)), *peer.arguments]
    measure(command, variables=peer.variables, cwd=ROOT, log=RESULTS / "decode" / "fill.log")


def main() -> int:
    """Read the command line and answer."""
    made = parser(__doc__ or "", rounds=5, data="hwdb55.zip, or another zip with PNG below Train/")
    made.add_argument("--pictures", type=int, default=32_000, help="how many (%(default)s)")
    return answer(comparisons, options=made.parse_args(), folder=FOLDER)


if __name__ == "__main__":
    sys.exit(main())
