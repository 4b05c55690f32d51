"""How the network is trained where the recipe leaves it open."""

from __future__ import annotations

from typing import Any

from ..errors import RecipeError
from ..recipe import AUGMENTATIONS, AugmentRecipe, Recipe, TrainingRecipe, decided
from ..runtime import choose_device, compute_threads, fast_precision
from ..training.initial import outline
from ..training.optimizers import (
    DEFAULT_MOMENTUM,
    DEFAULT_WEIGHT_DECAY,
    TRANSFER_RATE,
    kind_of_net,
    usual_learning_rate,
)
from ..training.transfer import LAST_BLOCK
from .choice import Choice
from .width import choose_width, pictures_an_epoch, usual_batch_size, usual_epochs

TINY = 400
"""Pixels below which a picture is too little work to share between threads, or to gain by bfloat16."""

PATIENCE = 3
"""Epochs without a new best after which a fine-tuning stops."""

LONG = 12
"""Passes over the pictures from which on random changes pay that the pictures do not ask for, and muon's work no more:
docs/experiments.md."""

AVERAGING = 0.99
"""The share that a step keeps of the averaged weights, from scratch: a mean over some hundred steps.

Where the learning rate ends low, all of them are the same at the end; before, the average is far better than any one
step's, so that a training may be stopped at any time: docs/experiments.md.
"""

TRANSFER_EPOCHS = {"frozen": 8, "finetune": 6}
"""Of each way of training further."""


def choose_training(recipe: Recipe, *, kind: str, pictures: int, classes: int) -> tuple[Recipe, list[Choice]]:
    """Decide the network's size and everything about its training.

    Args:
        recipe: with its data and net.name resolved.
        kind: "photographs", "writing" or "mixed".
        pictures: how many train.
        classes: how many.

    Raises:
        RecipeError: the recipe asks for what so many classes do not allow.
    """
    check_classes(recipe, classes)
    choices: list[Choice] = []
    height, width = decided(recipe.data.image_size, "data.image_size")
    usual_threads = 1 if height * width < TINY else compute_threads()
    threads = recipe.training.threads or usual_threads
    if threads < usual_threads:
        choices.append(Choice("training.threads", threads, f"as was set; this machine has {usual_threads}"))
    if recipe.training.transfer == "features":
        return recipe.changed(training={"threads": threads}), choices
    recipe, more = choose_width(recipe, pictures=pictures, classes=classes)
    choices += more
    changes: dict[str, Any]
    training, changes = recipe.training, {"threads": threads}
    changes |= {"schedule": training.schedule or "one-cycle", "class_weights": training.class_weights or "none"}
    if training.epochs is None:
        an_epoch = pictures_an_epoch(recipe, pictures)
        transfer = decided(training.transfer, "training.transfer")
        changes["epochs"] = TRANSFER_EPOCHS.get(transfer) or usual_epochs(an_epoch)
        each = " in each" if training.steps_per_epoch else ""
        choices.append(Choice("training.epochs", changes["epochs"], f"{an_epoch:,} pictures train{each}"))
    epochs = decided(changes.get("epochs", training.epochs), "training.epochs")
    passes = epochs * pictures_an_epoch(recipe, pictures) / pictures
    if training.transfer == "finetune" and training.early_stopping is None:
        changes["early_stopping"] = {"patience": PATIENCE}
        reason = "fine-tuning soon learns by heart; the best epoch is kept"
        choices.append(Choice("training.early_stopping.patience", PATIENCE, reason))
    if training.transfer == "finetune" and training.unfreeze is None:
        changes["unfreeze"] = LAST_BLOCK
    if training.batch_size is None:
        changes["batch_size"] = usual_batch_size(recipe, pictures)
    if training.label_smoothing is None:
        changes["label_smoothing"] = 0.1 if classes > 2 else 0.0
    if training.averaging is None:
        changes["averaging"] = AVERAGING if training.transfer == "none" else 0.0
    changes["augment"], more = _augmentation(recipe, kind, passes=passes)
    choices += more
    changes["precision"] = _precision(training, pixels=height * width)
    if training.precision is None and changes["precision"] != "float32":
        choices.append(Choice("training.precision", changes["precision"], "this processor multiplies it natively"))
    changes["optimizer"], more = _choose_optimizer(recipe, passes=passes, classes=classes)
    return recipe.changed(training=changes), [*choices, *more]


def _precision(training: TrainingRecipe, *, pixels: int) -> str:
    """Return what was asked for, or what the device is fast at; RecipeError for what it does not have."""
    if training.precision is None:
        return fast_precision(choose_device(training.device)) if pixels >= TINY else "float32"
    check_precision(training)
    return training.precision


def check_precision(training: TrainingRecipe) -> None:
    """Raise RecipeError for a precision that the device does not have."""
    if training.precision == "float16" and choose_device(training.device).type != "cuda":
        raise RecipeError(
            "precision = 'float16' is for cuda: use bfloat16 or float32 on other devices, and resume such a run on cuda"
        )


def _choose_optimizer(recipe: Recipe, *, passes: float, classes: int) -> tuple[dict[str, Any], list[Choice]]:
    changes: dict[str, Any] = {}
    choices = []
    if recipe.training.optimizer.name is None:
        changes["name"], reason = _optimizer_name(recipe, passes=passes)
        if reason:
            choices.append(Choice("training.optimizer.name", changes["name"], reason))
        recipe = recipe.changed(training={"optimizer": {"name": changes["name"]}})
    training, optimizer = recipe.training, recipe.training.optimizer
    if optimizer.learning_rate is None and not optimizer.find_learning_rate:
        twin = outline(recipe, classes=classes)
        reason = f"usual for {optimizer.name} and {kind_of_net(twin)}"
        if training.transfer in TRANSFER_RATE:
            reason = "low, so that nothing is unlearnt"
        changes["learning_rate"] = usual_learning_rate(training, twin)
        choices.append(Choice("training.optimizer.learning_rate", changes["learning_rate"], reason))
    if optimizer.weight_decay is None:
        changes["weight_decay"] = DEFAULT_WEIGHT_DECAY[decided(optimizer.name, "training.optimizer.name")]
    if optimizer.momentum is None and optimizer.name in DEFAULT_MOMENTUM:
        changes["momentum"] = DEFAULT_MOMENTUM[optimizer.name]
    return changes, choices


def _optimizer_name(recipe: Recipe, *, passes: float) -> tuple[str, str]:
    """Return what suits the default network from scratch, and why; adamw for all else."""
    training, asked = recipe.training, recipe.training.optimizer
    scaled = asked.learning_rate is not None or asked.weight_decay is not None or asked.find_learning_rate
    if recipe.net.name != "compact" or training.transfer != "none" or scaled:
        return "adamw", ""
    if passes < LONG:
        return "muon", "gets this network further in few passes over the pictures"
    return "adamw", "in so many passes as good as muon, and quicker"


def optimizer_for(recipe: Recipe, *, passes: float, classes: int) -> tuple[Recipe, list[Choice]]:
    """Return a recipe whose optimiser, with its rate and decay, is chosen anew for so many passes; and the choices."""
    blank = {"name": None, "learning_rate": None, "weight_decay": None, "momentum": None}
    changes, choices = _choose_optimizer(recipe.changed(training={"optimizer": blank}), passes=passes, classes=classes)
    return recipe.changed(training={"optimizer": blank | changes}), choices


def check_classes(recipe: Recipe, classes: int) -> None:
    """Raise RecipeError for a setting that these classes make impossible or meaningless."""
    if recipe.net.sigmoid and classes != 2:
        raise RecipeError(f"net.sigmoid is for two classes, and there are {classes}: leave it out")
    stopping = recipe.training.early_stopping
    if stopping and stopping.monitor == "top5" and classes <= 5:
        raise RecipeError(
            f"training.early_stopping.monitor = 'top5' is always 1 with {classes} classes: use 'accuracy' or 'loss'"
        )


def _augmentation(recipe: Recipe, kind: str, *, passes: float) -> tuple[AugmentRecipe, list[Choice]]:
    """Return the random changes that are chosen, or what the pictures leave of the recipe's own."""
    asked, channels = recipe.training.augment, decided(recipe.data.channels, "data.channels")
    if asked is None:
        choice = choose_augmentation(kind, passes=passes)
        return choice.value, [choice]
    left = asked.model_copy(update={"saturation": 0.0, "hue": 0.0}) if channels == 1 else asked
    gone = [name for name in asked.parts() if name not in left.parts()]
    return left, [Choice(f"training.augment.{name}", 0.0, "grey pictures have no colours to change") for name in gone]


def choose_augmentation(kind: str, *, passes: float) -> Choice:
    """Return the random changes that suit some pictures.

    Args:
        kind: "photographs", "writing" or "mixed".
        passes: over the training pictures; in few of them, what is not needed costs more than it brings.
    """
    field = "training.augment"
    if passes < 1:
        return Choice(
            field, AUGMENTATIONS["none"], "no picture is seen twice, so that changed ones would only be harder"
        )
    if kind == "photographs":
        return Choice(field, AUGMENTATIONS["photo"], "photographs may be mirrored, and never stand quite straight")
    if kind == "writing":
        reason = "writing may lean and stretch, but is never mirrored or turned over"
        return Choice(field, AUGMENTATIONS["writing"], reason)
    neither = "the pictures are neither clearly photographs nor writing"
    if passes >= LONG:
        reason = f"{neither}: nothing that could change a class; choose more with --augment"
        return Choice(field, AUGMENTATIONS["light"], reason)
    reason = f"{neither}, and in few epochs random changes do not pay: choose with --augment"
    return Choice(field, AUGMENTATIONS["none"], reason)
