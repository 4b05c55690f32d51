"""How long a training will take, from a few timed steps that leave no trace."""

from __future__ import annotations

import copy
import dataclasses
import math
import time

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
        within: seconds after which no further step is timed: the one that warms up is then better than none.
    """
    began = time.perf_counter()
    devices = devices or one_device(recipe.device)
    device, alone = devices.device, Devices(devices.device)
    state = new_state(copy.deepcopy(net), recipe, device=device)
    training_mode(state.net, transfer=recipe.transfer)
    batch_size = min(decided(recipe.batch_size, "training.batch_size"), len(task.train))
    part = -(-batch_size // devices.count)  # a picture alone has no batch statistics; the whole batch has
    positions = np.arange(max(part, min(2, batch_size)), dtype=np.int64)
    generator = torch.Generator().manual_seed(0)
    times = []
    with tuned(devices.threads(recipe.threads)), seeded(0, device), batch_advice(recipe, task):
        for _ in range(1 + TIMED_STEPS):
            started = time.perf_counter()
            pixels, labels = task.train.batch(positions)
            pictures = to_batch(pixels, task, recipe, generator=generator, device=device)
            done = train_step(state, pictures, moved(labels, device), recipe=recipe, factor=0.0, class_weights=None)
            done.cpu()  # waits for a GPU to be done
            times.append(time.perf_counter() - started)
            if time.perf_counter() - began > within:
                break
        quick = _look(state.net, task, devices=alone, precision=recipe.precision)
    with tuned(recipe.threads), batch_advice(recipe, task):  # after the training it has all processors
        same = recipe.precision == "float32" and devices.count == 1
        look = quick if same else _look(state.net, task, devices=alone, precision=None)
    step = min(times[1:] or times)  # what else the machine does can only make it longer
    a_pass = task.train.steps(batch_size)
    return Pace(step, task.steps(recipe), a_pass, quick * len(task.validation) / devices.count, look)


def _look(net: Net, task: Task, *, devices: Devices, precision: str | None) -> float:
    """Return the seconds a picture that a network looks at in some precision."""
    some, taken = task.train.some(slice(batch_length(task.preprocessing.image_size))), []
    for _ in range(2):  # the first warms up
        started = time.perf_counter()
        score(net, some, task.preprocessing, devices=devices, precision=precision)
        taken.append((time.perf_counter() - started) / len(some))
    return min(taken)


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
