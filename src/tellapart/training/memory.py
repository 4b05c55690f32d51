"""Whether a step fits into the memory that there is."""

from __future__ import annotations

import torch

from ..errors import OutOfMemoryError
from ..machine import available_memory
from ..nets.summary import summarize
from ..recipe import Recipe
from .devices import Devices
from .task import Task

FLOATS_A_PIXEL = 400
"""More activations than any of our networks has for each pixel of its input; VGG16 has 300."""


def check_memory(recipe: Recipe, task: Task, *, devices: Devices | None = None) -> None:
    """Stop before the system does where a step on the CPU needs more memory than there is.

    Args:
        recipe: resolved.
        task: the pictures.
        devices: that share a batch; one alone where None.

    Raises:
        OutOfMemoryError: with a batch size that fits.
    """
    free = available_memory()
    if free is None or recipe.training.device not in ("cpu", "auto") or torch.cuda.is_available():
        return
    height, width = task.preprocessing.image_size
    batch = min(recipe.training.batch_size or 1, len(task.train))
    here, count = (1, 1) if devices is None else (devices.here, devices.count)
    pictures = -(-batch * here // count)
    if pictures * height * width * FLOATS_A_PIXEL * 4 < free:
        return
    needed = summarize(
        recipe.net.name,
        image_size=task.preprocessing.image_size,
        channels=task.preprocessing.channels,
        outputs=task.classes,
        batch_size=pictures,
        options=recipe.net.options,
    ).training_bytes
    if needed > free:
        raise OutOfMemoryError(
            f"one step of {pictures} pictures needs about {needed / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} GiB are free: try --batch-size {max(1, int(0.7 * batch * free / needed))}, "
            "a smaller --image-size or a smaller --net"
        )
