"""One network's training step as tellapart does it, profiled; and what the machine can do at most."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from benchmarks.harness.result import PeerError, say
from benchmarks.layers.cases import CASES
from benchmarks.layers.work import BACKWARD, POOL_BACKWARD, Operation, moved_bytes, multiplications
from tellapart.nets import build_net
from tellapart.recipe import Recipe
from tellapart.runtime import tuned
from tellapart.training.loop import new_state
from tellapart.training.step import train_step

STEPS = 20
SIDE, COPIED = 2048, 2**28
"""Of the matrix product, and the bytes of the copy, that are the machine's peaks."""


def fastest(work: Callable[[], object], *, times: int = 9) -> float:
    """Return the seconds of the median call, after three that are not timed."""
    seconds = []
    for number in range(times + 3):
        started = time.perf_counter()
        work()
        if number >= 3:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def peaks(precision: str = "float32") -> tuple[float, float]:
    """Return multiply-adds a second of a matrix product, and bytes a second, read and written, of a copy.

    The product is the faster one of PyTorch's two: MKL's, and oneDNN's as a convolution with a kernel of one pixel.
    """
    left, right = (torch.rand(SIDE, SIDE, dtype=getattr(torch, precision)) for _ in range(2))
    maps = left.reshape(1, 1, SIDE, SIDE).permute(0, 3, 1, 2)  # each row a pixel, channels last
    kernel = right.t()[..., None, None].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        product = min(fastest(lambda: torch.mm(left, right)), fastest(lambda: F.conv2d(maps, kernel)))
    source = torch.rand(COPIED // 4)
    target = torch.empty_like(source)
    return SIDE**3 / product, 2 * COPIED / fastest(lambda: target.copy_(source))


def stepper(
    name: str, *, batch: int | None = None, optimizer: tuple[str, float] | None = None
) -> tuple[Callable[[], object], tuple[int, ...]]:
    """Return a function that does one step, and the sizes of the kernel that sees the pictures.

    Args:
        name: of ``CASES``.
        batch: pictures a step; the case's where None.
        optimizer: and its learning rate; the case's where None.
    """
    case = CASES[name]
    shape = case.shape
    size = (shape.height, shape.width)
    options = {"outputs": shape.classes, "channels": shape.channels, "image_size": size}
    net = build_net(case.net, **options, options=case.options)
    moving, rate = optimizer or case.optimizer
    plain = {
        "transfer": "none", "epochs": 1, "batch_size": shape.batch, "label_smoothing": 0.0, "averaging": 0.0,
        "augment": {}, "precision": case.precision, "optimizer": {"name": moving, "learning_rate": rate},
    }  # fmt: skip
    recipe = Recipe.make(training=plain).training
    state = new_state(net.train(), recipe, device=torch.device("cpu"))
    rng, count = np.random.default_rng(0), batch or shape.batch
    pictures = torch.from_numpy(rng.standard_normal((count, *size, shape.channels), dtype=np.float32))
    labels = torch.from_numpy(rng.integers(0, max(2, shape.classes), count))
    given = pictures.permute(0, 3, 1, 2)
    kernel = next(tuple(layer.weight.shape) for layer in net.modules() if isinstance(layer, torch.nn.Conv2d))
    return lambda: train_step(state, given, labels, recipe=recipe, factor=1.0, class_weights=None), kernel


def operations(step: Callable[[], object], *, steps: int = STEPS) -> list[Operation]:
    """Return what a step consists of, the seconds of each operation without those that it calls."""
    shaped = _calls(step, steps=1, shapes=True)
    timed = _calls(step, steps=steps, shapes=False)  # while shapes are recorded, no memory is used again
    seconds: Counter[tuple[str, tuple[tuple[int, ...], ...]]] = Counter()
    times: Counter[tuple[str, tuple[tuple[int, ...], ...]]] = Counter()
    for name, calls in shaped.items():
        if len(timed[name]) != steps * len(calls):
            raise PeerError(f"{name} was called {len(timed[name])} times in {steps} steps, {len(calls)} times in one")
        for place, call in enumerate(calls):
            shapes = tuple(tuple(sizes) for sizes in call.input_shapes)
            spent = sum(one.self_cpu_time_total for one in timed[name][place :: len(calls)])
            seconds[name, shapes] += spent / 1e6 / steps
            times[name, shapes] += 1
    return [Operation(*what, spent, times[what]) for what, spent in seconds.items()]


def _calls(step: Callable[[], object], *, steps: int, shapes: bool) -> dict[str, list[Any]]:
    """Return the profiler's records of each operation, in the order of their calls."""
    for _ in range(3):
        step()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=shapes) as profiled:
        for _ in range(steps):
            step()
    found: dict[str, list[Any]] = {}
    for call in sorted(profiled.events(), key=lambda call: call.time_range.start):
        found.setdefault(call.name, []).append(call)
    return found


def main() -> None:
    """Say the peaks, the step's seconds with and without the profiler, and each operation that takes a hundredth."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", choices=CASES, required=True)
    name = parser.parse_args().net
    case = CASES[name]
    with tuned() as threads:
        product, copied = peaks(case.precision)
        step, kernel = stepper(name)
        seconds = fastest(step, times=STEPS)
        found = operations(step)
    maps = {one.shapes[1:3]: one.shapes[0] for one in found if one.name == BACKWARD}
    maps |= {one.shapes[2:3]: one.shapes[0] for one in found if one.name == POOL_BACKWARD}
    whole = sum(one.seconds for one in found)
    rows = []
    for one in sorted(found, key=lambda one: -one.seconds):
        if one.seconds >= whole / 100:
            done = multiplications(one, maps=maps, first=kernel)
            rows.append((one.name, one.shapes, one.seconds, done, moved_bytes(one, maps=maps, item=case.item)))
    print(json.dumps({"product": product, "copied": copied, "seconds": seconds, "profiled": whole, "rows": rows}))
    notes = f"{threads} threads, batch {case.shape.batch}, {case.precision}, {case.optimizer[0]}"
    say(figures={"step_ms": 1000 * seconds}, versions={"torch": version("torch")}, notes=notes)


if __name__ == "__main__":
    main()
