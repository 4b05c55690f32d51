"""The time of a whole run, where a person gave one: what the training may take of it, and what follows it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time

import numpy as np
from numpy.typing import NDArray

from ..defaults.budget import SPARE, Fit, fit_to_time, shorten_to_time
from ..defaults.choice import Choice
from ..defaults.training import choose_augmentation, choose_training, optimizer_for
from ..errors import OutOfMemoryError, RecipeError, SourceError, UnreadableImageError
from ..images.dataset import Dataset
from ..novelty import REFERENCES
from ..progress import TO_LOG, Progress
from ..recipe import FURTHER, PRETRAINED, Recipe, decided
from ..report import expected_count
from ..run import Run
from ..training.devices import Devices
from ..training.pacing import Pacer
from .choices import keep_choices
from .label_errors import has_memory_to_search, label_search_seconds, looks_for_labels
from .learn import looks_before, task_of
from .near_training import looks_to_explain, pairing_seconds
from .novelty import HELD_OUT
from .own_pictures import OwnPictures
from .prepare import Prepared
from .statistics import MEASURED

PATIENCE = "training.early_stopping.patience"
"""Where a fine-tuning that is not timed stops early by default."""

FOR_BASELINES = 0.08
"""The share of the time that the baselines may take."""

AFTERWARDS = 3.0
"""Seconds after the training that no picture counts in: intervals, the page, the last lines, the program's end."""

HELD_OUT_PICTURE = 30e-6
"""Seconds that figures, intervals and files take a validation or test picture and network."""

HEAD_PICTURE, HEAD_CLASS = 1e-3, 1e-5
"""Seconds a training picture that a logistic regression on a pretrained network's features takes, before its epochs,
and for each class."""

Positions = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Deadline:
    """When a run is to be at its end.

    Attributes:
        end: of ``time.monotonic``; infinity where no one said.
    """

    end: float = math.inf

    @classmethod
    def of(cls, run: Run, *, started: float) -> Deadline:
        """Return that of a run that began, or went on, at ``started``: one that is resumed has its whole time again."""
        return cls(started + run.load("time")["seconds"]) if run.has("time.json") else cls()

    @property
    def left(self) -> float:
        """Seconds until then; below 0 behind it."""
        return self.end - time.monotonic()


def baseline_in_time(run: Run, baseline: Prepared, *, deadline: Deadline, of: int) -> Prepared:
    """Return a baseline, with fewer epochs where they would take too much of the time.

    Args:
        run: the baseline's own folder, which keeps what was decided: one that is resumed goes on with it.
        baseline: with its usual epochs.
        deadline: of the whole run.
        of: how many baselines there are.
    """
    if run.has("recipe.json"):
        return dataclasses.replace(baseline, recipe=run.recipe)
    recipe = baseline.recipe
    if math.isfinite(deadline.end):
        recipe = shorten_to_time(recipe, task_of(baseline), seconds=FOR_BASELINES * deadline.left / of)
    run.save_recipe(recipe)
    return dataclasses.replace(baseline, recipe=recipe)


def in_time(
    run: Run,
    prepared: Prepared,
    *,
    deadline: Deadline,
    explain: bool = True,
    devices: Devices | None = None,
    progress: Progress = TO_LOG,
) -> tuple[Prepared, Pacer | None]:
    """Return the recipe fitted to the time, where the run has one and was not fitted yet, and what keeps it so.

    The network's width is chosen, too, where the person did not name it, and a pretrained network whose last layer
    alone would be learnt is fine-tuned, where that is not what the person asked for and the time suffices. Nothing is
    kept where the person said how many steps an epoch has.
    """
    if not run.has("time.json") or run.load("time")["fitted"]:
        return prepared, None
    ours = {choice["field"] for choice in run.load("choices")}  # what we chose, not the person
    if "training.steps_per_epoch" in ours:  # of a plan during which it was killed
        prepared = dataclasses.replace(prepared, recipe=prepared.recipe.changed(training={"steps_per_epoch": None}))
    wanted, choices = prepared, list[Choice]()
    if prepared.recipe.training.transfer == "features":
        if "training.transfer" not in ours:
            return _as_features(run, prepared, "the time is not needed", devices=devices, progress=progress)
        wanted, choices = _finetuned(prepared)
        ours |= {choice.field for choice in choices}
    afterwards = seconds_afterwards(wanted, left=deadline.left, explain=explain)
    try:
        fit = _fitted(wanted, ours=ours, deadline=deadline, afterwards=afterwards, explain=explain, devices=devices)
    except (RecipeError, OutOfMemoryError) as error:
        if wanted is prepared:
            raise
        return _as_features(run, prepared, f"no fine-tuning: {error}", devices=devices, progress=progress)
    recipe, more = _suited(wanted, fit.recipe, passes=fit.passes, ours=ours)
    if PATIENCE in ours:  # the learning rate is to come to its low end
        epochs = recipe.training.epochs
        recipe = recipe.changed(training={"early_stopping": {"patience": epochs}})
        more = [*more, Choice(PATIENCE, epochs, "as many as there are: the epochs end with the time")]
    choices = list({choice.field: choice for choice in [*choices, *fit.choices, *more]}.values())
    for choice in choices:
        progress.say(str(choice))
    keep_choices(run, choices)
    run.save_recipe(recipe)
    run.save("time", {**run.load("time"), "fitted": True})
    pacer = None
    if wanted.recipe.training.steps_per_epoch is None:  # the person did not say it
        end = deadline.end - afterwards - fit.afterwards
        pacer = Pacer(end, fit.most_steps, step=fit.pace.step, beside=fit.pace.validation)
    return dataclasses.replace(wanted, recipe=recipe), pacer


def _fitted(
    prepared: Prepared, *, ours: set[str], deadline: Deadline, afterwards: float, explain: bool, devices: Devices | None
) -> Fit:
    """Return what fits into the time that is left, with the optimiser and the random changes that suit its passes.

    It is planned with those of one pass, and where the random changes then turn out to be others, once more with these,
    whose steps take another time: they stay, whatever passes that leaves.
    """
    planned, _ = _suited(prepared, prepared.recipe, passes=1, ours=ours)
    before = looks_before(prepared)  # which may load weights: not in the time that is planned

    def fitted(recipe: Recipe, *, widths: bool) -> Fit:
        return fit_to_time(
            recipe,
            task_of(prepared),
            seconds=deadline.left - _seconds_before(prepared) - afterwards,
            looks_before=before,
            looks=looks_afterwards(prepared),
            spare_looks=looks_to_explain(prepared.splits) if explain else 0,
            spare_seconds=pairing_seconds(OwnPictures.of(prepared)) if explain else 0.0,
            widths=widths,
            devices=devices,
        )

    fit = fitted(planned, widths="net.options.width" in ours)
    suited, _ = _suited(prepared, planned, passes=fit.passes, ours=ours)
    augment = decided(suited.training.augment, "training.augment")
    if augment == planned.training.augment:
        return fit
    changes = {"augment": augment.model_dump()}
    again = fitted(planned.changed(net={"options": fit.recipe.net.options}, training=changes), widths=False)
    return dataclasses.replace(again, choices=[*fit.choices, *again.choices], passes=fit.passes)


def _as_features(
    run: Run, prepared: Prepared, reason: str, *, devices: Devices | None, progress: Progress
) -> tuple[Prepared, None]:
    """Say why the last layer alone is learnt, in however long that takes; one that is resumed does the same."""
    alone = ", on one device" if devices and devices.count > 1 else ""
    progress.say(f"each picture is seen once{alone}, and the last layer alone is learnt; {reason}")
    run.save("time", {**run.load("time"), "fitted": True})
    return prepared, None


def _finetuned(prepared: Prepared) -> tuple[Prepared, list[Choice]]:
    """Return the same pictures with a recipe that trains a pretrained network's upper stages, too, and the choices."""
    recipe, more = choose_training(
        prepared.recipe.changed(training={"transfer": "finetune"}),
        kind=prepared.audit.kind.name,
        pictures=len(prepared.splits.train),
        classes=len(prepared.dataset.class_names),
    )
    choice = Choice("training.transfer", "finetune", "it has published weights, and the time is for training further")
    return dataclasses.replace(prepared, recipe=recipe), [choice, *more]


def _suited(prepared: Prepared, recipe: Recipe, *, passes: float, ours: set[str]) -> tuple[Recipe, list[Choice]]:
    """Return a recipe whose optimiser and random changes suit the passes over the pictures, where we chose them."""
    choices: list[Choice] = []
    if "training.optimizer.name" in ours:
        recipe, choices = optimizer_for(recipe, passes=passes, classes=len(prepared.dataset.class_names))
    if "training.augment" in ours:
        choice = choose_augmentation(prepared.audit.kind.name, passes=passes)
        recipe = recipe.changed(training={"augment": choice.value.model_dump()})
        if recipe.training.augment != prepared.recipe.training.augment:
            choices = [*choices, choice]
    return recipe, choices


def keep_pacing(run: Run, *, progress: Progress = TO_LOG) -> None:
    """Say, and keep among the run's choices, where its epochs were made shorter or longer on the way."""
    steps = run.recipe.training.steps_per_epoch
    if run.has("time.json") and isinstance(steps, tuple):
        choice = Choice("training.steps_per_epoch", steps, "fitted to the time that was left")
        progress.say(str(choice))
        keep_choices(run, [choice])


def _seconds_before(prepared: Prepared) -> float:
    """Return about how long all takes before the epochs in which the network looks at nothing."""
    head = prepared.recipe.training.transfer in FURTHER
    each = HEAD_PICTURE + HEAD_CLASS * len(prepared.dataset.class_names)
    return each * len(prepared.splits.train) if head else 0.0


def looks_afterwards(prepared: Prepared) -> int:
    """Return how many pictures the network looks at after the training: held-out ones, and those of novelty.

    A pretrained network looks at each of them once.
    """
    again = 0 if prepared.recipe.training.transfer in PRETRAINED else min(HELD_OUT, len(prepared.splits.validation))
    return _held_out(prepared) + min(REFERENCES, len(prepared.splits.train)) + again


def seconds_afterwards(prepared: Prepared, *, left: float, explain: bool) -> float:
    """Return about how long all takes after the training in which the network looks at nothing.

    Args:
        prepared: a few of its pictures are decoded, and their features taken, to see how long that takes.
        left: seconds until the end: the search for wrong labels is counted where it takes a small share of them.
        explain: whether labels are searched.
    """
    networks, own = 1 + len(prepared.recipe.baselines), OwnPictures.of(prepared)
    searched = explain and looks_for_labels(own) and has_memory_to_search(own)
    labels = label_search_seconds(own, prepared.recipe) if searched else 0.0
    searched = searched and labels <= SPARE * left
    page = page_seconds(prepared, labels=searched)
    return HELD_OUT_PICTURE * _held_out(prepared) * networks + page + (labels if searched else 0.0)


def page_seconds(prepared: Prepared, *, labels: bool) -> float:
    """Return about how long the report and the end of the program take, the decoding of what is shown included.

    Args:
        prepared: a few of its pictures are decoded, to see how long that takes.
        labels: whether doubtful labels are shown.
    """
    test, validation = len(prepared.splits.test), len(prepared.splits.validation)
    main, other = (test, validation) if test else (validation, 0)
    shown = expected_count(len(prepared.dataset.class_names), main=main, other=other, labels=labels)
    each = decoding_seconds(prepared.dataset, prepared.splits.train)
    measured = MEASURED if prepared.audit.kind.name == "writing" else 0
    return AFTERWARDS + min(shown + measured, len(prepared.dataset)) * each


def decoding_seconds(dataset: Dataset, positions: Positions, *, sample: int = 8) -> float:
    """Return how long one picture takes to be decoded, by a few of those at some positions."""
    some = positions[np.linspace(0, len(positions) - 1, min(sample, len(positions))).astype(np.int64)]
    started = time.perf_counter()
    for index in some.tolist():
        with contextlib.suppress(UnreadableImageError, SourceError):  # since the scan, which lists what is unreadable
            dataset.images.load(index)
    return (time.perf_counter() - started) / max(1, len(some))


def _held_out(prepared: Prepared) -> int:
    return len(prepared.splits.validation) + len(prepared.splits.test)
