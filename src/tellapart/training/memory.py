"""Whether a training fits into the memory that there is."""

from __future__ import annotations

import dataclasses

from ..errors import OutOfMemoryError
from ..machine import available_memory, return_free_memory
from ..nets import Net
from ..nets.summary import summarize
from ..recipe import OptimizerRecipe, Recipe, decided
from ..runtime import choose_device
from ..wording import bytes_text, counted
from .devices import Devices
from .initial import outline
from .optimizers import momentum_of
from .task import Task
from .transfer import freeze, moving_stages

MOMENTS = {"adam": 2, "adamw": 2, "muon": 1, "sgd": 0, "rmsprop": 1}
"""Numbers that an optimiser keeps of each weight; SGD and RMSprop one more where they have a momentum. Muon's of the
layers that it leaves to AdamW are a few more."""

NARROW = 0.6
"""The share of its activations that a training in 16 bits keeps: measured 0.50 to 0.57 of those in 32."""


@dataclasses.dataclass(frozen=True)
class Held:
    """What a training holds beside its activations, in bytes: all that is as large as the weights.

    Attributes:
        step: in each process: the weights, the best ones so far, the average, and of what moves gradients and moments.
        checkpoint: once more while the checkpoint is written, between two epochs: all of that but the gradients.
    """

    step: int
    checkpoint: int


def check_memory(recipe: Recipe, task: Task, *, devices: Devices | None = None) -> None:
    """Stop before the system does where a training on the CPU needs more memory than there is.

    Args:
        recipe: resolved, of a training in epochs.
        task: the pictures.
        devices: that share a batch; one alone where None.

    Raises:
        OutOfMemoryError: with what would fit.
    """
    if choose_device(recipe.training.device).type != "cpu":
        return
    return_free_memory()  # what was freed before counts as free
    free = available_memory()
    if free is None:
        return
    height, width = task.preprocessing.image_size
    here, count = (1, 1) if devices is None else (devices.here, devices.count)
    held = held_bytes(recipe, task)
    between = here * held.step + held.checkpoint
    if between > free:
        averaged = "--averaging 0, " if recipe.training.averaging else ""  # their average is as large as the weights
        raise OutOfMemoryError(
            f"{recipe.net.name} on pictures of {height}x{width} needs about {bytes_text(between)} for its weights, "
            f"their gradients, the optimiser and the checkpoint, and {bytes_text(free)} are free: try {averaged}a "
            "smaller --image-size or a smaller --net"
        )
    left = free - here * held.step
    batch = min(decided(recipe.training.batch_size, "training.batch_size"), len(task.train))
    pictures = -(-batch * here // count)
    needed = summarize(
        _outline(recipe, task),
        image_size=task.preprocessing.image_size,
        channels=task.preprocessing.channels,
        batch_size=pictures,
    ).training_bytes * (NARROW if recipe.training.precision in ("bfloat16", "float16") else 1.0)
    if needed > left:
        fits = int(0.7 * batch * left / needed)
        smaller = f"--batch-size {fits}, " if fits >= count else ""
        raise OutOfMemoryError(
            f"one step of {counted(pictures, 'picture')} needs about {bytes_text(round(here * held.step + needed))}, "
            f"and {bytes_text(free)} are free: try {smaller}a smaller --image-size or a smaller --net"
        )


def held_bytes(recipe: Recipe, task: Task) -> Held:
    """Return what a training holds beside its activations.

    Args:
        recipe: resolved.
        task: the pictures.
    """
    training, net = recipe.training, _outline(recipe, task)
    whole = sum(tensor.numel() * tensor.element_size() for tensor in net.state_dict().values())
    moving = sum(one.numel() * one.element_size() for one in net.parameters() if one.requires_grad)
    kept = whole * (3 if training.averaging else 2) + moving * _moments(training.optimizer)
    return Held(step=kept + moving, checkpoint=kept)


def _moments(optimizer: OptimizerRecipe) -> int:
    name = decided(optimizer.name, "training.optimizer.name")
    return MOMENTS[name] + (name in ("sgd", "rmsprop") and momentum_of(optimizer) > 0)


def _outline(recipe: Recipe, task: Task) -> Net:
    """Return the network without memory, frozen where the recipe says so."""
    net = outline(recipe, classes=task.classes)
    transfer = decided(recipe.training.transfer, "training.transfer")
    freeze(net, moving_stages(net, transfer=transfer, unfreeze=recipe.training.unfreeze))
    return net
