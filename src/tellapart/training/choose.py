"""What is decided for the person where the recipe leaves it open, and why."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RecipeError
from ..images.parallel import usable_processors
from ..images.preprocessing import Preprocessing
from ..nets import Net, build_net, nets
from ..nets.weights import expected_pixels
from ..recipe import AUGMENTATIONS, AugmentRecipe, DataRecipe, NetRecipe, Recipe
from .machine import choose_device, fast_precision
from .optimizers import DEFAULT_WEIGHT_DECAY, TRANSFER_RATE, usual_learning_rate

PRETRAINED = ("features", "frozen", "finetune")
"""The ways of transfer that start from published weights."""

GREY_BELOW = 2.0
"""Mean difference of the colour channels, 0 to 255, below which a picture counts as grey."""


TINY = 400
"""Pixels below which a picture is too little work to share between threads, or to gain by bfloat16."""

WIDTHS = (8, 16, 24, 32)
"""Of the default network's first convolution."""

AFFORDED = 8e13
"""Floating-point operations of a default training: some five minutes of two cores."""

PATIENCE = 3
"""Epochs without a new best after which a fine-tuning stops."""

LONG = 12
"""Passes over the pictures from which on random changes pay that the pictures do not ask for, and muon's work no more:
docs/experiments.md."""

TRANSFER_EPOCHS = {"frozen": 8, "finetune": 6}
"""Of each way of training further."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """One decision.

    Attributes:
        field: of the recipe: ``"data.image_size"``.
        value: what was decided.
        reason: why, in a clause.
    """

    field: str
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.field} = {_shown(self.value, field=self.field)}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"field": self.field, "value": _shown(self.value, field=self.field), "reason": self.reason}


def choose_data(recipe: Recipe, facts: NDArray[np.void], *, kind: str) -> tuple[DataRecipe, list[Choice]]:
    """Decide size, channels and resizing from a sample of the pictures.

    Args:
        recipe: with net.name and training.transfer set.
        facts: rows of FACTS of readable pictures.
        kind: "photographs", "writing" or "mixed".

    Returns:
        data settings with nothing open, and the decisions.
    """
    data, choices = recipe.data, []
    changes: dict[str, Any] = {}
    pretrained = recipe.training.transfer in PRETRAINED
    if data.channels is None:
        grey = float((facts["colour"] < GREY_BELOW).mean())
        changes["channels"] = 1 if grey > 0.99 and not pretrained else 3
        shown = f"{grey:.0%} of the pictures looked at are grey" if grey else "the pictures looked at are in colour"
        reason = "the network was trained on colour" if pretrained else shown
        choices.append(Choice("data.channels", changes["channels"], reason))
    if data.image_size is None:
        size, reason = _size(facts, kind, recipe.net.name, pretrained=pretrained)
        changes["image_size"] = size
        choices.append(Choice("data.image_size", size, reason))
    if data.resize is None:
        changes["resize"] = "crop" if kind == "photographs" else "stretch"
        if len(np.unique(facts[["width", "height"]])) > 1:
            reason = "keeps the shape of what is seen" if kind == "photographs" else "keeps every stroke"
            choices.append(Choice("data.resize", changes["resize"], reason))
    if data.resample is None:
        published = nets.get(recipe.net.name).published if pretrained else None
        changes["resample"] = published.resample if published else "bilinear"
        if published:
            choices.append(Choice("data.resample", changes["resample"], "the network was trained with it"))
    return DataRecipe.model_validate({**data.model_dump(), **changes}), choices


def _size(facts: NDArray[np.void], kind: str, net: str, *, pretrained: bool) -> tuple[tuple[int, int], str]:
    if pretrained:
        height, width, _ = nets.get(net).made_for
        return (height, width), "what the network was trained on"
    least = nets.get(net).min_size
    height, width = int(np.median(facts["height"])), int(np.median(facts["width"]))
    if len(np.unique(facts[["width", "height"]])) == 1 and max(height, width) <= 96:
        if height >= least[0] and width >= least[1]:
            return (height, width), "all pictures have it"
        return (max(height, least[0]), max(width, least[1])), f"the least that {net} takes"
    side = 64 if kind == "writing" else 128
    scale = side / (height * width) ** 0.5
    fitted = [max(low, 8 * round(length * scale / 8), 8) for low, length in zip(least, (height, width), strict=True)]
    if kind != "writing":
        fitted = [max(side, low) for low in least]
    return (fitted[0], fitted[1]), f"enough for {kind}, and quick"


def preprocessing_of(
    data: DataRecipe,
    *,
    pixels: NDArray[np.uint8] | None = None,
    rows: NDArray[np.int64] | None = None,
    net: NetRecipe | None = None,
) -> Preprocessing:
    """Return the preprocessing: the mean and deviation that published weights expect, else those of some pixels.

    Args:
        data: with nothing open.
        pixels: uint8 (N, H, W, C), perhaps memory-mapped; None where the size alone matters.
        rows: positions of training pictures in them, of which some thousand are looked at; all N where None.
        net: the network and its weights; None where the size alone matters.
    """
    size: dict[str, Any] = {
        name: getattr(data, name) for name in ("image_size", "channels", "resize", "resample", "background")
    }
    channels = data.channels or 3
    expected = None
    if net is not None and net.weights is not None:
        expected = expected_pixels(net.name, where=net.weights, channels=channels)
    if expected is not None:
        return Preprocessing(**size, mean=expected[0], std=expected[1])
    if pixels is None:
        return Preprocessing(**size)
    # One mean and deviation for all channels keeps greys grey.
    rows = np.arange(len(pixels)) if rows is None else rows
    mean, deviation = _mean_and_deviation(pixels, rows[:: max(1, len(rows) // 1000)])
    mean, std = round(mean, 4), max(0.05, round(deviation, 4))
    return Preprocessing(**size, mean=(mean,) * channels, std=(std,) * channels)


def _mean_and_deviation(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[float, float]:
    """Return those of the pixels of some pictures, 0 to 1, a few pictures at a time."""
    counts = np.zeros(256, dtype=np.int64)
    for start in range(0, len(rows), 64):
        counts += np.bincount(pixels[rows[start : start + 64]].ravel(), minlength=256)
    values, shares = np.arange(256) / 255, counts / max(1, counts.sum())
    mean = float(shares @ values)
    return mean, float(np.sqrt(shares @ (values - mean) ** 2))


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
    _check_classes(recipe, classes)
    choices: list[Choice] = []
    height, width = recipe.data.image_size or (64, 64)
    threads = recipe.training.threads or (1 if height * width < TINY else usable_processors())
    if recipe.training.transfer == "features":
        return recipe.changed(training={"threads": threads}), choices
    recipe, more = _choose_width(recipe, pictures=pictures, classes=classes)
    choices += more
    changes: dict[str, Any]
    training, changes = recipe.training, {"threads": threads}
    if training.epochs is None:
        an_epoch = _pictures_an_epoch(recipe, pictures)
        changes["epochs"] = TRANSFER_EPOCHS.get(training.transfer or "", 0) or _epochs(an_epoch)
        each = " in each" if training.steps_per_epoch else ""
        choices.append(Choice("training.epochs", changes["epochs"], f"{an_epoch:,} pictures train{each}"))
    passes = (changes.get("epochs") or training.epochs or 1) * _pictures_an_epoch(recipe, pictures) / pictures
    if training.transfer == "finetune" and training.early_stopping is None:
        changes["early_stopping"] = {"patience": PATIENCE}
        reason = "fine-tuning soon learns by heart; the best epoch is kept"
        choices.append(Choice("training.early_stopping.patience", PATIENCE, reason))
    if training.batch_size is None:
        changes["batch_size"] = _batch_size(recipe, pictures)
    if training.label_smoothing is None:
        changes["label_smoothing"] = 0.1 if classes > 2 else 0.0
    if training.averaging is None:
        changes["averaging"] = 0.99 if training.schedule == "constant" and training.transfer == "none" else 0.0
        if changes["averaging"]:
            reason = "at a constant learning rate the average is better than any one step's weights"
            choices.append(Choice("training.averaging", changes["averaging"], reason))
    if training.augment is None:
        choice = choose_augmentation(kind, passes=passes)
        changes["augment"] = choice.value
        choices.append(choice)
    if training.precision is None:
        changes["precision"] = fast_precision(choose_device(training.device)) if height * width >= TINY else "float32"
        if changes["precision"] != "float32":
            choices.append(Choice("training.precision", changes["precision"], "this processor multiplies it natively"))
    elif training.precision == "float16" and choose_device(training.device).type != "cuda":
        raise RecipeError("precision = 'float16' is for cuda: use bfloat16 or float32 on other devices")
    changes["optimizer"], more = _choose_optimizer(recipe, passes=passes, classes=classes)
    return recipe.changed(training=changes), [*choices, *more]


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
        low = training.transfer in TRANSFER_RATE
        reason = "low, so that nothing is unlearnt" if low else "suits the network and optimiser"
        changes["learning_rate"] = usual_learning_rate(training, _twin(recipe, classes))
        choices.append(Choice("training.optimizer.learning_rate", changes["learning_rate"], reason))
    if optimizer.weight_decay is None:
        changes["weight_decay"] = DEFAULT_WEIGHT_DECAY[optimizer.name or "adamw"]
    return changes, choices


def _optimizer_name(recipe: Recipe, *, passes: float) -> tuple[str, str]:
    """Return what was asked for, or what suits the default network from scratch, and why; adamw for all else."""
    training, asked = recipe.training, recipe.training.optimizer
    if asked.name is not None:
        return asked.name, ""
    scaled = asked.learning_rate is not None or asked.weight_decay is not None or asked.find_learning_rate
    if recipe.net.name != "compact" or training.transfer != "none" or scaled:
        return "adamw", ""
    if passes < LONG:
        return "muon", "gets this network further in few passes over the pictures"
    return "adamw", "in so many passes as good as muon, and quicker"


def optimizer_for(recipe: Recipe, *, passes: float, classes: int) -> tuple[Recipe, list[Choice]]:
    """Return a recipe whose optimiser, with its rate and decay, is chosen anew for so many passes; and the choices."""
    blank = {"name": None, "learning_rate": None, "weight_decay": None}
    changes, choices = _choose_optimizer(recipe.changed(training={"optimizer": blank}), passes=passes, classes=classes)
    return recipe.changed(training={"optimizer": changes}), choices


def _check_classes(recipe: Recipe, classes: int) -> None:
    """Raise RecipeError for a setting that these classes make impossible or meaningless."""
    if recipe.net.sigmoid and classes != 2:
        raise RecipeError(f"net.sigmoid is for two classes, and there are {classes}: leave it out")
    stopping = recipe.training.early_stopping
    if stopping and stopping.monitor == "top5" and classes <= 5:
        raise RecipeError(
            f"training.early_stopping.monitor = 'top5' is always 1 with {classes} classes: use 'accuracy' or 'loss'"
        )


def _choose_width(recipe: Recipe, *, pictures: int, classes: int) -> tuple[Recipe, list[Choice]]:
    """Decide how wide the default network is: as wide as some minutes of two CPU cores allow, or many classes ask."""
    if recipe.net.name != "compact" or "width" in recipe.net.options:
        return recipe, []
    height, width = recipe.data.image_size or (64, 64)
    stride = 2 if min(height, width) > 48 else 1
    places, channels = height * width / stride**2, recipe.data.channels or 3
    an_epoch = _pictures_an_epoch(recipe, pictures)
    seen = an_epoch * (recipe.training.epochs or _epochs(an_epoch))
    widths = [w for w in WIDTHS if w <= (16 if pictures < 10_000 else 32)]
    # Each of a compact network's stages costs 36 places × width² multiply-adds; training takes 6 operations for each.
    affordable = [w for w in widths if seen * 6 * 9 * places * w * (channels + 12 * w) <= AFFORDED]
    chosen = max(affordable, default=min(widths))
    reason = f"as wide as a few minutes allow for {pictures:,} pictures"
    if (needed := _narrowest(recipe, classes)) > chosen:
        chosen, reason = needed, f"{classes:,} classes ask for as many features before the last layer"
    recipe = recipe.changed(net={"options": {**recipe.net.options, "width": chosen}})
    return recipe, [Choice("net.options.width", chosen, reason)]


def _narrowest(recipe: Recipe, classes: int) -> int:
    """Return the least width whose last layer sees as many features as there are classes; the largest where none does.

    With fewer, the logits of all pictures lie in a space of so few dimensions (Z. Yang et al., "Breaking the Softmax
    Bottleneck", 2018).
    """
    for width in WIDTHS:
        twin = _twin(recipe.changed(net={"options": {**recipe.net.options, "width": width}}), classes)
        if int(twin.get_parameter("head.weight").shape[1]) >= classes:
            return width
    return WIDTHS[-1]


def _batch_size(recipe: Recipe, pictures: int) -> int:
    return 32 if recipe.training.transfer in PRETRAINED else 64 if pictures < 50_000 else 128


def _pictures_an_epoch(recipe: Recipe, pictures: int) -> int:
    training = recipe.training
    if training.steps_per_epoch is None:
        return pictures
    steps = training.steps_per_epoch
    mean = sum(steps) // len(steps) if isinstance(steps, tuple) else steps
    return mean * min(pictures, training.batch_size or _batch_size(recipe, pictures))


def _epochs(pictures: int) -> int:
    """Return epochs for about 400,000 pictures seen in all, between 8 and 60."""
    return int(np.clip(round(400_000 / max(1, pictures)), 8, 60))


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


def _twin(recipe: Recipe, classes: int) -> Net:
    """Build the network without memory, to see what it is made of."""
    import torch

    with torch.device("meta"):
        return build_net(
            recipe.net.name,
            outputs=1 if recipe.net.sigmoid else classes,
            channels=recipe.data.channels or 3,
            image_size=recipe.data.image_size or (64, 64),
            options=recipe.net.options,
        )


def _shown(value: Any, *, field: str) -> Any:
    if field == "training.steps_per_epoch" and isinstance(value, tuple):
        return ", ".join(map(str, value)) if len(value) <= 10 else f"{min(value)} to {max(value)}"
    if isinstance(value, tuple) and len(value) == 2:
        return f"{value[0]}x{value[1]}"
    if isinstance(value, AugmentRecipe):
        parts = value.parts().items()
        return ", ".join(name if part is True else f"{name} {part:g}" for name, part in parts) or "none"
    return value
