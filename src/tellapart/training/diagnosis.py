"""A training that does not learn is noticed early, and what to change is said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..recipe import OptimizerRecipe

PATIENT_EPOCHS = 2
"""Epochs before chance is called chance."""

PATIENT_STEPS = 40
"""Steps of the optimiser before that: with few pictures, two epochs are too little to learn anything."""


FEWEST_SEEN = 10
"""Validation pictures below which units that never move say little: the pictures may be copies of one."""


def diagnose(
    history: Sequence[Mapping[str, Any]],
    *,
    majority: float,
    validation_pictures: int,
    optimizer: OptimizerRecipe,
    usual_rate: float,
    steps_an_epoch: int = PATIENT_STEPS,
    weighted: bool = False,
) -> list[tuple[str, str]]:
    """Return what is wrong with a training, as (code, sentence) pairs; none where it learns.

    Args:
        history: one record an epoch with train_loss, train_accuracy, validation_loss, validation_accuracy and
            still_units.
        majority: the share of the largest class among the validation pictures, 0 to 1.
        validation_pictures: how many there are.
        optimizer: with its learning rate, for the advice.
        usual_rate: the learning rate that suits the network and the optimiser.
        steps_an_epoch: how often the weights change in one.
        weighted: whether rare classes weigh more, so that being right less often is what was asked for.

    Example:
        >>> record = {"train_loss": 2.303, "train_accuracy": 0.1, "validation_loss": 2.303,
        ...     "validation_accuracy": 0.1, "still_units": 1.0}
        >>> optimizer = OptimizerRecipe(name="adam", learning_rate=0.01)
        >>> told = {"majority": 0.1, "validation_pictures": 1000, "optimizer": optimizer, "usual_rate": 0.001}
        >>> found = diagnose([record] * 3, **told)
        >>> [code for code, _ in found]
        ['chance', 'dead', 'flat']
    """
    if not history:
        return []
    last, epochs = history[-1], len(history)
    patient = max(PATIENT_EPOCHS, math.ceil(PATIENT_STEPS / steps_an_epoch))
    losses = [record["train_loss"] for record in history]
    said = {
        "chance": f"this training does not learn: after {epochs} epochs {last['validation_accuracy']:.1%} of the "
        f"validation pictures are right, and always naming the largest class gives {majority:.1%}",
        "dead": f"{last['still_units']:.0%} of the last layer's inputs are the same for every picture (dead units)",
        "flat": f"the training loss stays where it was, {losses[0]:.4g} to {losses[-1]:.4g}",
        "exploding": f"the training loss grew from {losses[0]:.3g} to {losses[-1]:.3g}",
    }
    holds = {
        # Weights of the classes are there to be right less often, for the sake of the rare ones.
        "chance": not weighted and epochs >= patient and _at_chance(last, majority, validation_pictures),
        "dead": last["still_units"] >= 0.9 and validation_pictures >= FEWEST_SEEN,
        "flat": epochs >= max(3, patient) and _is_flat(losses),
        "exploding": epochs >= 3 and losses[-1] > 3 * losses[0],
    }
    advice = _advice(optimizer, usual=usual_rate)
    return [(code, f"{said[code]}: {advice}") for code in said if holds[code]]


def diverged(when: str, optimizer: OptimizerRecipe, *, usual_rate: float) -> str:
    """Return the sentence for a loss that is not finite.

    Example:
        >>> diverged("in epoch 2", OptimizerRecipe(name="adam", learning_rate=1.0), usual_rate=0.001)
        'the loss is not a number any more in epoch 2: the learning rate 1 is likely too high for adam, try ...'
    """
    return f"the loss is not a number any more {when}: {_advice(optimizer, usual=usual_rate)}"


def _is_flat(losses: Sequence[float]) -> bool:
    """The loss has moved by less than 0.2% since the first epoch, and is not low."""
    return bool(max(losses) - min(losses) < 0.002 * losses[0] and losses[-1] > 0.1)


def _at_chance(record: Mapping[str, Any], majority: float, pictures: int) -> bool:
    """Both figures lie within two standard errors of always naming the largest class, or below.

    Where that reaches to 100%, there are too few pictures to say so.
    """
    reach = majority + 2 * math.sqrt(majority * (1 - majority) / max(1, pictures))
    return bool(max(record["validation_accuracy"], record["train_accuracy"]) <= reach < 1)


def _advice(optimizer: OptimizerRecipe, *, usual: float) -> str:
    rate = optimizer.learning_rate
    if rate is None or rate > 1.5 * usual:
        shown = "" if rate is None else f" {rate:g}"
        return f"the learning rate{shown} is likely too high for {optimizer.name}, try --learning-rate {usual:g}"
    if rate < usual / 50:
        return f"the learning rate {rate:g} is likely too low for {optimizer.name}, try --learning-rate {usual:g}"
    return f"try --learning-rate {rate / 10:g}, check that the labels belong to the pictures, or try another --net"
