"""A learning rate that is found: a range test, which raises the rate step by step until the loss gives way.

Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import TrainingError
from ..nets import Net
from ..recipe import FURTHER, TrainingRecipe, decided
from ..runtime import tuned
from .data import derived_seed
from .devices import moved, one_device
from .initial import seeded
from .loop import batch_advice, new_state
from .step import to_batch, train_step
from .task import Task
from .transfer import training_mode

STEPS = 100
LOWEST, HIGHEST = 1e-5, 1.0
SMOOTHED_OVER = 5
"""Steps either side that a loss is averaged with: single batches differ."""

GIVEN_WAY = 2.0
"""Times its first value: where the loss stands so high, the test ends."""

BELOW = 8.0
"""What the rate of the least loss is divided by: there the loss stops falling, and a training needs it to fall."""


@dataclasses.dataclass(frozen=True)
class RateTest:
    """What a range test saw.

    Attributes:
        rates: (n,) learning rates, rising.
        losses: (n,) of the batch at each, in nats, before the step.
        found: the rate that is proposed as the highest of a schedule.
        seconds: that it took.
    """

    rates: list[float]
    losses: list[float]
    found: float
    seconds: float

    def smoothed(self) -> NDArray[np.float64]:
        """Return (n,) each loss averaged with its neighbours."""
        return smooth(self.losses)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**dataclasses.asdict(self), "smoothed": [round(float(loss), 6) for loss in self.smoothed()]}


def find_rate(net: Net, task: Task, recipe: TrainingRecipe) -> RateTest:
    """Find the highest learning rate of a schedule that suits a network, its pictures and its optimiser.

    A copy of the network is trained for 100 steps, each at a rate 12% above that of the step before; the rate at the
    least smoothed loss, divided by 8, is what is proposed. A pretrained network whose last layer has been learnt has
    little to gain in so few steps: there it is the rate, divided by 8, at which it begins to know less. The same seed
    finds the same.

    Args:
        net: left as it is.
        task: the pictures.
        recipe: resolved, but for the learning rate.

    Raises:
        TrainingError: the loss of a network from scratch never falls; one that was right unlearns at the lowest rates.
    """
    started = time.perf_counter()
    device = one_device(recipe.device).device
    optimizer = recipe.optimizer.model_copy(update={"learning_rate": 1.0})
    state = new_state(copy.deepcopy(net), recipe.model_copy(update={"optimizer": optimizer}), device=device)
    training_mode(state.net, transfer=recipe.transfer)
    order = np.random.default_rng(derived_seed(recipe.seed, epoch=0, purpose="rate test"))
    generator = torch.Generator().manual_seed(derived_seed(recipe.seed, epoch=0, purpose="augment"))
    rates, losses = np.geomspace(LOWEST, HIGHEST, STEPS), []
    batch_size = min(decided(recipe.batch_size, "training.batch_size"), len(task.train))
    weights = task.class_weights(recipe)
    learnt = recipe.transfer in FURTHER
    gives_way = functools.partial(_unlearns, classes=task.classes) if learnt else _gives_way
    with (
        tuned(recipe.threads),
        seeded(derived_seed(recipe.seed, epoch=0, purpose="dropout"), device),
        batch_advice(recipe, task),
    ):
        for rate in rates:
            positions = order.choice(len(task.train), batch_size, replace=False)
            pixels, labels = task.train.batch(positions)
            pictures = to_batch(pixels, task, recipe, generator=generator, device=device)
            summed = train_step(
                state,
                pictures,
                moved(labels, device),
                recipe=recipe,
                factor=float(rate),
                class_weights=None if weights is None else weights.to(device),
            )
            losses.append(float(summed[0]) / batch_size)
            if not math.isfinite(losses[-1]) or gives_way(losses):
                losses.pop()
                break
    rates = rates[: len(losses)]
    found = (propose_learnt if learnt else propose)(rates, losses)
    return RateTest([float(r) for r in rates], losses, found, round(time.perf_counter() - started, 3))


def propose(rates: NDArray[np.float64], losses: list[float]) -> float:
    """Return the rate at the least smoothed loss, divided by 8, to two digits.

    Raises:
        TrainingError: the loss never falls.

    Example:
        >>> import numpy as np
        >>> propose(np.geomspace(1e-3, 1, 31), [3.0] * 10 + [2.0] * 10 + [1.0] + [4.0] * 10)
        0.004
    """
    curve = smooth(losses)
    least = int(curve.argmin()) if len(curve) else 0
    if not len(curve) or curve[least] > 0.98 * curve[0]:
        raise TrainingError(
            "the range test found no learning rate at which the loss falls: name one, such as --learning-rate 0.001, "
            "and look at the pictures and labels"
        )
    return float(f"{rates[least] / BELOW:.2g}")


def propose_learnt(rates: NDArray[np.float64], losses: list[float]) -> float:
    """Return the rate at which a network that was right began to know less, divided by 8, to two digits.

    Raises:
        TrainingError: it did so at once.

    Example:
        >>> import numpy as np
        >>> propose_learnt(np.geomspace(1e-5, 1e-3, 21), [0.1] * 21)
        7.9e-05
    """
    if len(losses) <= SMOOTHED_OVER:
        raise TrainingError(
            "the range test found no learning rate that does no harm: name one, such as --learning-rate 0.0001, and "
            "look at the pictures and labels"
        )
    return float(f"{rates[len(losses) - 1 - SMOOTHED_OVER // 2] / BELOW:.2g}")  # a mean lags behind by half its steps


def _gives_way(losses: list[float]) -> bool:
    return losses[-1] > GIVEN_WAY * losses[0]


def _unlearns(losses: list[float], *, classes: int) -> bool:
    """Return whether a network that was right begins to know less, by the mean of the last steps.

    Its loss is half as much again, and a tenth of the way to knowing nothing. Single batches say nothing where the loss
    is low: one wrong picture doubles it.
    """
    start = float(np.mean(losses[:SMOOTHED_OVER]))
    limit = max(start + 0.1 * (math.log(classes) - start), 1.5 * start)
    return len(losses) > SMOOTHED_OVER and float(np.mean(losses[-SMOOTHED_OVER:])) > limit


def smooth(losses: list[float]) -> NDArray[np.float64]:
    """Return (n,) each value averaged with up to five neighbours either side, as many before it as after it.

    Example:
        >>> smooth([1.0, 2.0, 6.0]).tolist()
        [1.0, 3.0, 6.0]
    """
    n = len(losses)
    reach = [min(SMOOTHED_OVER, i, n - 1 - i) for i in range(n)]
    return np.array([np.mean(losses[i - r : i + r + 1]) for i, r in enumerate(reach)])
