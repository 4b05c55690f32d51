"""One process: some steps of a training, with one setting taken away."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any
from unittest.mock import patch

AS_IT_IS = "as it is"
WARM, ROUNDS = 8, 9
"""Steps that are not timed; then so many spans, of which the median counts."""


Taken = contextlib.AbstractContextManager[object]


def blocks_returned() -> Taken:
    """Leave malloc as it is."""
    from tellapart import runtime

    return patch.object(runtime, "keep_large_blocks", lambda: False)


def subnormals_kept() -> Taken:
    """Leave numbers near zero as they are."""
    import torch

    return patch.object(torch, "set_flush_denormal", lambda mode: False)


def relu_elsewhere() -> Taken:
    """Write what ReLU gives into memory of its own."""
    import torch.nn.functional as F

    relu = F.relu
    return patch.object(F, "relu", lambda maps, inplace=False: relu(maps))


def plain_norm() -> Taken:
    """Normalise with PyTorch's own batch normalisation."""
    from torch import nn

    from tellapart.nets import batch_norm

    return patch.object(batch_norm.BatchNorm2d, "forward", nn.BatchNorm2d.forward)


def unfused(*, foreach: bool) -> Taken:
    """Move the weights one by one, or in lists, and not all of a kind in one operation."""
    from tellapart.training import optimizers

    made = optimizers.uncompiled

    def plain(kind: Any) -> Callable[..., Any]:
        def build(*groups: Any, fused: bool = False, **given: Any) -> Any:
            return made(kind)(*groups, **given, foreach=foreach)

        return build if kind.__name__ in ("Adam", "AdamW") else made(kind)

    return patch.object(optimizers, "uncompiled", plain)


ALL = ("compact-8", "compact-16", "convnet16")
WITHOUT: dict[str, tuple[tuple[str, ...], Callable[[], Taken]]] = {
    AS_IT_IS: (ALL, contextlib.nullcontext),
    "one thread": (ALL, contextlib.nullcontext),
    "malloc as it is": (ALL, blocks_returned),
    "huge pages": (ALL, contextlib.nullcontext),
    "subnormal numbers kept": (ALL, subnormals_kept),
    "Adam in lists of weights": (ALL, lambda: unfused(foreach=True)),
    "Adam weight by weight": (ALL, lambda: unfused(foreach=False)),
    "ReLU not in place": (("compact-8", "compact-16"), relu_elsewhere),
    "PyTorch's batch normalisation": (("compact-8",), plain_norm),
    "AdamW for Muon": (("compact-8", "compact-16"), contextlib.nullcontext),
}
"""What is taken away or put in its place, of which networks."""


def speed(step: Callable[[], object], *, batch: int, seconds: float) -> tuple[float, float]:
    """Return pictures a second, and how many processors were busy, of the median span of so many seconds."""
    for _ in range(WARM):
        step()
    rates, shares = [], []
    for _ in range(ROUNDS):
        started, used, steps = time.perf_counter(), time.process_time(), 0
        while (taken := time.perf_counter() - started) < seconds:
            step()
            steps += 1
        rates.append(batch * steps / taken)
        shares.append((time.process_time() - used) / taken)
    return statistics.median(rates), statistics.median(shares)


def main() -> None:
    """Time the steps, and say how fast they were."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", required=True)
    parser.add_argument("--setting", choices=WITHOUT, default=AS_IT_IS)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    from benchmarks.harness.result import say
    from benchmarks.layers.cases import CASES
    from benchmarks.layers.peer import stepper
    from tellapart.runtime import tuned

    optimizer = ("adamw", 0.01) if options.setting == "AdamW for Muon" else None
    batch = options.batch or CASES[options.net].shape.batch
    with WITHOUT[options.setting][1](), tuned(1 if options.setting == "one thread" else None) as threads:
        step, _ = stepper(options.net, batch=batch, optimizer=optimizer)
        rate, share = speed(step, batch=batch, seconds=options.seconds)
    figures = {"pictures_per_s": rate, "cpu_share": share}
    say(figures=figures, versions={"torch": version("torch")}, notes=f"{threads} threads")


if __name__ == "__main__":
    main()
