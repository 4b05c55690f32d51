"""Whether a training fits into the memory that there is."""

from __future__ import annotations

import torch

from ..errors import OutOfMemoryError
from ..machine import available_memory
from ..nets import build_net
from ..nets.summary import summarize
from ..recipe import Recipe
from ..runtime import choose_device
from ..wording import bytes_text
from .devices import Devices
from .task import Task
from .transfer import freeze, moving_stages

FLOATS_A_PIXEL = 400
"""More activations than any of our networks has for each pixel of its input; VGG16 has 300."""


def check_memory(recipe: Recipe, task: Task, *, devices: Devices | None = None) -> None:
    """Stop before the system does where a training on the CPU needs more memory than there is.

    Args:
        recipe: resolved, of a training in epochs.
        task: the pictures.
        devices: that share a batch; one alone where None.

    Raises:
        OutOfMemoryError: with what would fit.
    """
    free = available_memory()
    if free is None or choose_device(recipe.training.device).type != "cpu":
        return
    height, width = task.preprocessing.image_size
    held = weight_bytes(recipe, task)
    if held > free:
        raise OutOfMemoryError(
            f"{recipe.net.name} on pictures of {height}x{width} needs about {bytes_text(held)} for its weights, "
            f"their gradients, the optimiser and the checkpoint, and {bytes_text(free)} are free: try a smaller "
            "--image-size or a smaller --net"
        )
    batch = min(recipe.training.batch_size or 1, len(task.train))
    here, count = (1, 1) if devices is None else (devices.here, devices.count)
    pictures = -(-batch * here // count)
    if held + pictures * height * width * FLOATS_A_PIXEL * 4 < free:
        return
    needed = summarize(
        recipe.net.name,
        image_size=task.preprocessing.image_size,
        channels=task.preprocessing.channels,
        outputs=task.classes,
        batch_size=pictures,
        options=recipe.net.options,
    ).training_bytes
    if held + needed > free:
        raise OutOfMemoryError(
            f"one step of {pictures} pictures needs about {bytes_text(held + needed)}, and "
            f"{bytes_text(free)} are free: try --batch-size {max(1, int(0.7 * batch * (free - held) / needed))}, "
            "a smaller --image-size or a smaller --net"
        )


def weight_bytes(recipe: Recipe, task: Task) -> int:
    """Return the most bytes that a training holds beside its activations: all that is as large as the weights.

    Those are the weights, the best ones so far and the average, of what moves gradients and two moments, and all of it
    but the gradients once more while the checkpoint is written.

    Args:
        recipe: resolved.
        task: the pictures.
    """
    training = recipe.training
    with torch.device("meta"):  # without memory
        net = build_net(
            recipe.net.name,
            outputs=1 if recipe.net.sigmoid else task.classes,
            channels=task.preprocessing.channels,
            image_size=task.preprocessing.image_size,
            options=recipe.net.options,
        )
    freeze(net, moving_stages(net, transfer=training.transfer or "none", unfreeze=training.unfreeze))
    whole: int = sum(tensor.numel() * tensor.element_size() for tensor in net.state_dict().values())
    moving: int = sum(one.numel() * one.element_size() for one in net.parameters() if one.requires_grad)
    return 2 * whole * (3 if training.averaging else 2) + 5 * moving
