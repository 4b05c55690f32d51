"""A learning rate that is found, written down where a resumed run and the report look for it."""

from __future__ import annotations

from ..defaults.choice import Choice
from ..nets import Net
from ..progress import TO_LOG, Progress
from ..recipe import FURTHER, Recipe
from ..run import Run
from ..training.rate_test import STEPS, RateTest, find_rate
from ..training.task import Task
from .choices import keep_choices

BARS = "▁▂▃▄▅▆▇█"


def with_found_rate(run: Run, net: Net, task: Task, recipe: Recipe, *, progress: Progress = TO_LOG) -> Recipe:
    """Return the recipe with the learning rate that a range test finds, and write both into the run folder.

    A resumed run has the rate in its recipe and is not tested again.

    Args:
        run: its ``learning_rate.json``, ``choices.json`` and ``recipe.json`` are written.
        net: with its initial weights; left as it is.
        task: the pictures.
        recipe: resolved, but for the learning rate.
        progress: is told what was found.
    """
    test = find_rate(net, task, recipe.training)
    where = "where the loss of a range test is least"
    if recipe.training.transfer in FURTHER:
        where = "where a range test begins to unlearn what the network knows"
        if len(test.rates) == STEPS:
            where = "nearly the highest rate of a range test, which unlearns nothing yet"
    reason = f"an eighth of {where} ({len(test.rates)} steps, {test.seconds:.1f} s)"
    choice = Choice("training.optimizer.learning_rate", test.found, reason)
    progress.say(str(choice))
    progress.say(sketch(test))
    found = recipe.changed(training={"optimizer": {"learning_rate": test.found, "find_learning_rate": False}})
    run.save("learning_rate", test.to_dict())
    keep_choices(run, [choice])
    run.save_recipe(found)
    return found


def sketch(test: RateTest) -> str:
    """Return the loss over the rates as a line of bars, from the lowest rate to the highest.

    Example:
        >>> sketch(RateTest([1e-4, 1e-3, 1e-2, 1e-1], [3.0, 2.0, 1.0, 3.0], found=0.002, seconds=1.0))
        'loss from 0.0001 to 0.1: █▁▁█, least 2.00 at 0.001'
    """
    curve, rates = test.smoothed(), test.rates
    least, span = float(curve.min()), float(curve.max() - curve.min()) or 1.0
    shown = curve[:: max(1, len(curve) // 50)]
    bars = "".join(BARS[int((loss - least) / span * (len(BARS) - 1))] for loss in shown)
    at = rates[int(curve.argmin())]
    return f"loss from {rates[0]:.2g} to {rates[-1]:.2g}: {bars}, least {least:.2f} at {at:.2g}"
