"""How long a training will take, from a few timed steps that leave no trace."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
import time
from collections.abc import Callable

import numpy as np
import torch

from ..images.blocks import batch_length
from ..nets import Net
from ..recipe import TrainingRecipe, decided
from ..runtime import tuned
from .devices import Devices, moved, one_device
from .initial import seeded
from .loop import batch_advice, new_state
from .step import to_batch, train_step
from .task import Task
from .transfer import training_mode
from .validation import score

TIMED_STEPS = 3

CROWDED = 0.9
"""The share of its processors below which a step has not had them: other programs were at work."""

HOPELESS = 5
"""A first step that takes so many times the seconds for timing is the only one, though it warms up."""

STALLED = 2
"""How many times as long as one thread the threads together take, or longer, where they wait for other programs."""


@dataclasses.dataclass(frozen=True)
class Pace:
    """How fast a network goes on this machine.

    Attributes:
        step: seconds of one step.
        steps: of an epoch.
        a_pass: steps of one pass over the training pictures.
        validation: seconds after each epoch, in the training's precision.
        look: seconds a picture that it looks at after the training, in float32 and one process.
    """

    step: float
    steps: int
    a_pass: int
    validation: float
    look: float

    @property
    def epoch(self) -> float:
        """Seconds of one epoch, validation included."""
        return self.step * self.steps + self.validation


def measure_pace(
    net: Net, task: Task, recipe: TrainingRecipe, *, devices: Devices | None = None, within: float = math.inf
) -> Pace:
    """Return the expected pace of a training.

    One step warms up, three are timed and the fastest counts, on a copy of the network; the global random state is
    restored.

    Args:
        net: left as it is.
        task: the pictures.
        recipe: resolved.
        devices: that will share the work; what they say to each other is not counted. The recipe's one where None.
        within: seconds after which no further step is timed.
    """
    devices = devices or one_device(recipe.device)
    device, alone = devices.device, Devices(devices.device)
    state = new_state(copy.deepcopy(net), recipe, device=device)
    training_mode(state.net, transfer=recipe.transfer)
    batch_size = min(decided(recipe.batch_size, "training.batch_size"), len(task.train))
    part = -(-batch_size // devices.count)  # a picture alone has no batch statistics; the whole batch has
    positions = np.arange(max(part, min(2, batch_size)), dtype=np.int64)
    generator = torch.Generator().manual_seed(0)

    def one_step() -> None:
        pixels, labels = task.train.batch(positions)
        pictures = to_batch(pixels, task, recipe, generator=generator, device=device)
        done = train_step(state, pictures, moved(labels, device), recipe=recipe, factor=0.0, class_weights=None)
        done.cpu()  # waits for a GPU to be done

    with tuned(devices.threads(recipe.threads)) as threads, seeded(0, device), batch_advice(recipe, task):
        on = threads if device.type == "cpu" else 1
        step = _quickest(one_step, times=TIMED_STEPS, threads=on, within=within)
        quick = _look(state.net, task, devices=alone, precision=recipe.precision, threads=on)
    with tuned(recipe.threads) as threads, batch_advice(recipe, task):  # after the training it has all processors
        same = recipe.precision == "float32" and devices.count == 1
        on = threads if device.type == "cpu" else 1
        look = quick if same else _look(state.net, task, devices=alone, precision=None, threads=on)
    a_pass = task.train.steps(batch_size)
    return Pace(step, task.steps(recipe), a_pass, quick * len(task.validation) / devices.count, look)


def _look(net: Net, task: Task, *, devices: Devices, precision: str | None, threads: int) -> float:
    """Return the seconds a picture that a network looks at in some precision."""
    some = task.train.some(slice(batch_length(task.preprocessing.image_size)))
    look = functools.partial(score, net, some, task.preprocessing, devices=devices, precision=precision)
    return _quickest(look, times=1, threads=threads) / len(some)


def _quickest(action: Callable[[], object], *, times: int, threads: int, within: float = math.inf) -> float:
    """Return the seconds that something takes at its quickest, of some times after one that warms up.

    Threads wait for one another after each layer: where another program takes a processor from one of them, all stand
    still, and a step may take ten times as long, for as long as that program works. One thread by itself loses no more
    than that program's share. Where it is that much quicker, it tells better how long a step takes when that is over.
    """
    seconds, busy = _timed(action, times=1 + times, within=within)
    if threads > 1 and busy < CROWDED * threads:
        with tuned(1):
            alone, _ = _timed(action, times=2, within=within)
        seconds = alone if STALLED * alone <= seconds else seconds
    return seconds


def _timed(action: Callable[[], object], *, times: int, within: float) -> tuple[float, float]:
    """Return the seconds of the quickest of some times, the first of which warms up, and how many processors it had."""
    taken: list[tuple[float, float]] = []
    for _ in range(times):
        started, used = time.perf_counter(), time.process_time()
        action()
        seconds = time.perf_counter() - started
        taken.append((seconds, (time.process_time() - used) / max(seconds, 1e-9)))
        if sum(one for one, _ in taken[1:]) > within or taken[0][0] > HOPELESS * within:
            break
    return min(taken[1:] or taken)  # what else the machine does can only make it longer


def in_words(seconds: float) -> str:
    """Return a duration as a person says it.

    Example:
        >>> in_words(0.4), in_words(42), in_words(150), in_words(5400)
        ('under a second', '42 s', '2.5 min', '1.5 h')
    """
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.2g} min"
    return f"{seconds / 3600:.2g} h" if seconds < 99 * 3600 else f"{seconds / 86_400:.0f} days"
