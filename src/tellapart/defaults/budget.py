"""As good as a given time allows: the width and the epochs that fit, from a few timed steps on this machine."""

from __future__ import annotations

import dataclasses
import time

from ..errors import OutOfMemoryError, RecipeError, TrainingError
from ..recipe import Recipe, decided
from ..training.devices import Devices
from ..training.initial import seeded_net
from ..training.memory import check_memory
from ..training.pace import Pace, in_words, measure_pace
from ..training.pacing import MARGIN
from ..training.rate_test import STEPS
from ..training.task import Task
from ..wording import counted
from .choice import Choice
from .width import WIDTHS

ENOUGH_PASSES = 10
"""Passes over the pictures below which a network that is wider than the default gets less far than a narrower one."""

FEW_PASSES = 3
"""Passes from which on the default's width, or one below it, gets further than the next narrower in the same time:
docs/experiments.md."""

FEWEST_STEPS = 50
"""Steps below which a training is not worth its time, unless the pictures have fewer."""

MOST_OVER = 3
"""How many times its share of the time a baseline may take where its fewest steps do not fit."""

MOST_PASSES = 150
"""Passes beyond which more time brings nothing."""

TIMED = 0.1
"""The share of the time, or about that, in which the steps of all widths are timed."""

SPARE = 0.05
"""The share of the time that what is good to have may take, for it to be planned for."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """A recipe that fits a time.

    Attributes:
        recipe: with its epochs, and the default network's width.
        choices: what was decided.
        afterwards: seconds that the network will look at pictures after the training.
        passes: over the training pictures.
        most_steps: of the training; more bring nothing.
        pace: of that network.
    """

    recipe: Recipe
    choices: list[Choice]
    afterwards: float
    passes: float
    most_steps: int
    pace: Pace


@dataclasses.dataclass(frozen=True)
class Plan:
    """What fits into a time.

    Attributes:
        epochs: how many.
        steps: of each.
    """

    epochs: int
    steps: int

    def changes(self, pace: Pace) -> dict[str, int]:
        """Return it as settings of a training; an epoch that is one pass over the pictures needs no steps."""
        return {"epochs": self.epochs, **({} if self.steps == pace.steps else {"steps_per_epoch": self.steps})}


def fit_to_time(
    recipe: Recipe,
    task: Task,
    *,
    seconds: float,
    looks_before: int = 0,
    looks: int = 0,
    spare_looks: int = 0,
    spare_seconds: float = 0.0,
    widths: bool,
    devices: Devices | None = None,
) -> Fit:
    """Decide the epochs, and the default network's width, so that a training ends in time.

    Args:
        recipe: resolved; its epochs are replaced, and the steps of an epoch where it leaves them open. Where its own
            epochs fit, no narrower network than its own is taken.
        task: the pictures.
        seconds: what is left for the training, and for what the network looks at before and after it; what the
            timed steps take comes off.
        looks_before: pictures that it looks at before its epochs.
        looks: pictures that it looks at after them.
        spare_looks: further ones, which are left out where they would take more than a small share of the time.
        spare_seconds: what belongs to those and is no look.
        widths: whether the width may be chosen, too.
        devices: that share the work; the recipe's one where None.

    Raises:
        RecipeError: the time does not suffice for the fewest steps of the smallest network.
    """
    started = time.monotonic()
    candidates = sorted(WIDTHS) if widths and recipe.net.name == "compact" else [None]
    fitting: list[tuple[Recipe, Pace, Plan, float]] = []
    for width in candidates:  # narrow ones first: where time is short, wide ones are not even timed
        options = {**recipe.net.options, **({} if width is None else {"width": width})}
        wider = recipe.changed(net={"options": options})
        try:
            check_memory(wider, task, devices=devices)
            net = seeded_net(wider, classes=task.classes)
            within = max(0.0, TIMED * seconds - (time.monotonic() - started))
            pace = measure_pace(net, task, wider.training, devices=devices, within=within)
        except OutOfMemoryError:
            if not fitting:
                raise
            break  # a narrower one fits
        whole_batches = STEPS * (devices.count if devices else 1)  # one process makes them
        rate_test = whole_batches * pace.step if wider.training.optimizer.find_learning_rate else 0.0
        here = seconds - (time.monotonic() - started)
        least = here - looks_before * pace.look - rate_test - looks * pace.look
        spare = spare_looks * pace.look + spare_seconds
        left = least - (spare if spare <= SPARE * seconds else 0.0)
        plan = _with_margin(left, pace, whole=recipe.training.steps_per_epoch is not None)
        few = plan is None or plan.epochs * plan.steps < _enough_passes(recipe, pace, width=width) * pace.a_pass
        if not fitting:
            fitting.append((wider, pace, plan or _fewest(least, wider, pace), least - left if plan else 0.0))
        elif plan is not None and not few:
            fitting.append((wider, pace, plan, least - left))
        if few:
            break
    chosen, pace, plan, spare = fitting[-1]
    made, choices = _with_plan(chosen, pace, plan, seconds=seconds, widths=candidates != [None])
    passes = plan.epochs * plan.steps / pace.a_pass
    return Fit(made, choices, looks * pace.look + spare, passes, MOST_PASSES * pace.a_pass, pace)


def _enough_passes(recipe: Recipe, pace: Pace, *, width: int | None) -> float:
    """Return the passes that a width is worth: up to the default's few, and no more than a default training makes."""
    if width is None or width > int(recipe.net.options["width"]):
        return ENOUGH_PASSES
    return min(FEW_PASSES, decided(recipe.training.epochs, "training.epochs") * pace.steps / pace.a_pass)


def _with_margin(seconds: float, pace: Pace, *, whole: bool) -> Plan | None:
    """Plan for what the last epoch may take longer; where each is to have the steps asked for, for all of them."""
    plan = plan_epochs((1 - MARGIN) * seconds, pace, whole=whole)
    if plan is None or whole:
        return plan
    return plan_epochs((1 - MARGIN / plan.epochs) * seconds, pace)


def plan_epochs(seconds: float, pace: Pace, *, whole: bool = False) -> Plan | None:
    """Return the epochs that fit into a time; None where nothing does that is worth it.

    Where few fit, each is made a little shorter or longer than one pass over the pictures, so that no time is left
    over; where not even one does, it shows a part of them.

    Args:
        seconds: that there are.
        pace: of the network.
        whole: whether the steps of an epoch are to stay.

    Example:
        >>> pace = Pace(step=0.01, steps=100, a_pass=100, validation=0.25, look=0.0)  # an epoch takes 1.25 s
        >>> plan_epochs(20.0, pace), plan_epochs(2.0, pace), plan_epochs(2.0, pace, whole=True), plan_epochs(0.5, pace)
        (Plan(epochs=16, steps=100), Plan(epochs=2, steps=75), Plan(epochs=1, steps=100), None)
    """
    fit = seconds / pace.epoch
    if whole or fit >= ENOUGH_PASSES:
        most = max(1, MOST_PASSES * pace.a_pass // pace.steps)
        return Plan(min(int(fit), most), pace.steps) if fit >= 1 else None
    for epochs in (max(1, round(fit)), max(1, int(fit))):  # the second where the first leaves each too few steps
        fitting = int((seconds / epochs - pace.validation) / pace.step)
        steps = min(fitting, max(pace.steps, MOST_PASSES * pace.a_pass // epochs))
        if steps >= min(FEWEST_STEPS, pace.steps):
            return Plan(epochs, steps)
    return None


def shorten_to_time(recipe: Recipe, task: Task, *, seconds: float) -> Recipe:
    """Return a recipe with fewer epochs, or shorter ones, where its own take longer than a time.

    Args:
        recipe: resolved.
        task: the pictures.
        seconds: for the training; too few leave the fewest steps that make sense.

    Raises:
        TrainingError: even those take far longer.
    """
    pace = measure_pace(seeded_net(recipe, classes=task.classes), task, recipe.training, within=seconds)
    if decided(recipe.training.epochs, "training.epochs") * pace.epoch <= seconds:
        return recipe
    plan = plan_epochs(seconds, pace) or Plan(1, min(FEWEST_STEPS, pace.steps))
    needed = plan.epochs * (plan.steps * pace.step + pace.validation)
    if needed > MOST_OVER * seconds:  # of the fewest steps
        raise TrainingError(
            f"even {counted(plan.steps, 'step')} would take {needed:.1f} s, and its share of the time is {seconds:.1f} "
            "s: give more --time"
        )
    return recipe.changed(training=plan.changes(pace))


def _fewest(seconds: float, recipe: Recipe, pace: Pace) -> Plan:
    """Return the shortest training, for which what is planned for safety gives way; RecipeError where that is late."""
    steps = pace.steps if recipe.training.steps_per_epoch else min(FEWEST_STEPS, pace.steps)
    needed = steps * pace.step + pace.validation
    if needed > seconds:
        raise RecipeError(
            f"{max(0.0, seconds):.1f} s are left for the training, and {steps} steps, the fewest that make sense, take "
            f"about {needed:.1f} s: give more --time, a smaller --image-size or a smaller --net"
        )
    return Plan(1, steps)


def _with_plan(recipe: Recipe, pace: Pace, plan: Plan, *, seconds: float, widths: bool) -> tuple[Recipe, list[Choice]]:
    each = counted(pace.steps, "step")
    what = f"an epoch of {each}" if recipe.training.steps_per_epoch else "one pass over the pictures"
    about = "about " if pace.epoch >= 1 else ""
    reason = f"{in_words(seconds)} are left, and {what} takes {about}{in_words(pace.epoch)}"
    choices = [Choice("training.epochs", plan.epochs, reason)]
    if widths:
        reason = f"the widest with {counted(plan.epochs, 'epoch')} in time"
        choices.insert(0, Choice("net.options.width", recipe.net.options["width"], reason))
    if plan.steps != pace.steps:
        reason = f"{plan.steps / pace.steps:.0%} of a pass, to fill the time"
        choices.append(Choice("training.steps_per_epoch", plan.steps, reason))
    return recipe.changed(training=plan.changes(pace)), choices
