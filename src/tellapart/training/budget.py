"""As good as a given time allows: the width and the epochs that fit, from a few timed steps on this machine."""

from __future__ import annotations

import re

from ..errors import RecipeError
from ..recipe import Recipe
from .choose import WIDTHS, Choice
from .devices import Devices
from .estimate import in_words, measure_pace
from .loop import seeded_net
from .rate_test import STEPS
from .task import Task

ENOUGH_EPOCHS = 10
"""Epochs below which a narrower network gets further than a wider one."""

MOST_EPOCHS = 150
"""Epochs beyond which more time brings nothing."""

SAFETY = 0.9
"""The share of the time that is planned for: timed steps are never quite the truth."""

SPARE = 0.1
"""The share of the time that what is good to have may take, for it to be planned for."""

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def read_time(text: str) -> float:
    """Read ``90s``, ``5m`` or ``1.5h`` as seconds.

    Raises:
        RecipeError: it is none of these.

    Example:
        >>> read_time("5m"), read_time("90"), read_time("1.5h")
        (300.0, 90.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip().lower())
    if not found or float(found[1]) == 0:
        raise RecipeError(f"a time must be a number with s, m or h, such as 90s, 5m or 1.5h, got {text!r}")
    return float(found[1]) * UNITS[found[2] or "s"]


def fit_to_time(
    recipe: Recipe,
    task: Task,
    *,
    seconds: float,
    looks: int = 0,
    spare_looks: int = 0,
    widths: bool,
    devices: Devices | None = None,
) -> tuple[Recipe, list[Choice]]:
    """Decide the epochs, and the default network's width, so that a training ends in time.

    Args:
        recipe: resolved; its epochs are replaced.
        task: the pictures.
        seconds: what is left for the training, and for what the network looks at after it.
        looks: pictures that it looks at after the training.
        spare_looks: further ones, which are left out where they would take more than a small share of the time.
        widths: whether the width may be chosen, too.
        devices: that share the work; the recipe's one where None.

    Raises:
        RecipeError: the time does not suffice for one epoch of the smallest network.
    """
    candidates = sorted(WIDTHS) if widths and recipe.net.name == "compact" else [None]
    test = STEPS if recipe.training.optimizer.find_learning_rate else 0
    epochs, one, tried, width = 0, 0.0, recipe, None
    for candidate in candidates:  # narrow ones first: where time is short, wide ones are not even timed
        options = {**recipe.net.options, **({} if candidate is None else {"width": candidate})}
        wider = recipe.changed(net={"options": options})
        pace = measure_pace(seeded_net(wider, task), task, wider.training, devices=devices)
        spare = spare_looks * pace.look
        left = SAFETY * seconds - looks * pace.look - (spare if spare <= SPARE * seconds else 0.0)
        fit = int(left / pace.epoch - test / task.train.steps(recipe.training.batch_size or 1))
        narrowest = candidate == candidates[0]
        if narrowest and pace.epoch <= seconds:
            fit = max(1, fit)  # what is planned for safety gives way before a training is refused
        if fit < ENOUGH_EPOCHS and not narrowest:
            break
        epochs, one, tried, width = fit, pace.epoch, wider, candidate
        if fit < ENOUGH_EPOCHS:
            break
    if epochs < 1:
        raise RecipeError(
            f"{max(0.0, seconds):.1f} s are left for the training, and one epoch takes about {one:.1f} s: give more "
            "--time, a smaller --image-size or a smaller --net"
        )
    epochs = min(epochs, MOST_EPOCHS)
    reason = f"{in_words(seconds)} are left, and one epoch takes about {in_words(one)}"
    choices = [Choice("training.epochs", epochs, reason)]
    if width is not None:
        choices.insert(0, Choice("net.options.width", width, f"the widest with {epochs} epochs in time"))
    return tried.changed(training={"epochs": epochs}), choices
