"""tellapart's features: batch normalisation folded, convolution, sum and activation in one pass each."""

from __future__ import annotations

from importlib.metadata import version

from benchmarks.backbone.work import network, options, pictures, speed
from benchmarks.harness.result import say
from tellapart.nets.fusing import Embedding
from tellapart.training.machine import tuned


def main() -> None:
    """Say how fast, and the sum of the features, which both sides must agree on."""
    chosen = options()
    batch = pictures(chosen.batch)
    with tuned() as threads:
        embedding = Embedding(network(chosen.net), example=batch)
        figures = {"pictures_per_s": speed(lambda: embedding(batch), batch=chosen.batch)}
        figures["checksum"] = float(embedding(batch).abs().sum())
    versions = {name: version(name) for name in ("tellapart", "torch")}
    say(figures=figures, versions=versions, notes=f"{threads} threads, batch {chosen.batch}, float32")


if __name__ == "__main__":
    main()
