"""Recipe: every choice that a run makes. Frozen, validated, JSON and TOML both ways.

A field that is None means "tellapart decides, from the pictures"; training resolves every one of them and writes
the full recipe into the run folder, so that nothing there is implied.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .errors import RecipeError
from .files import expanded
from .recipe_messages import explain, short

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Grey = Annotated[int, Field(ge=0, le=255)]
Positive = Annotated[float, Field(gt=0.0)]

SIDES = (4, 4096)
"""The least and the most pixels a side of a network's pictures."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class DataRecipe(_Section):
    """Which pictures, and how they become the network's input."""

    source: str | None = Field(None, description="folder, archive, table, array file or bundled name")
    source_options: dict[str, str | bool | int] = Field(default_factory=dict, description="what its format alone has")
    labels: str | None = Field(None, description="CSV with the columns id and label: labels to change or leave out")
    image_size: tuple[int, int] | None = Field(None, description="(height, width) in pixels")
    channels: Literal[1, 3] | None = Field(None, description="1 grey, 3 colour")
    resize: Literal["stretch", "crop", "pad"] | None = Field(None, description="what happens to the shape")
    resample: Literal["nearest", "box", "bilinear", "bicubic", "lanczos"] | None = Field(None, description="the filter")
    background: Grey | tuple[Grey, Grey, Grey] = Field(
        255, description="grey value, or red, green and blue, under transparency and around padded pictures"
    )
    group_by: str | None = Field(None, description="regular expression on the id whose first group names the group")
    validation_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] | None = Field(
        None, description="of the pictures left for training, 0.2 where open; not where the source brings the split"
    )
    test_fraction: Fraction | None = Field(
        None, description="of the source's training pictures, 0.15 where open; not where the source brings the split"
    )
    split_seed: int = Field(0, ge=0, lt=2**63, description="seed of the split")
    leaks: Literal["stop", "drop", "allow"] = Field("stop", description="what to do about a picture in two splits")
    strict: bool = Field(False, description="stop if any picture is unreadable")

    @model_validator(mode="after")
    def _check(self) -> Self:
        least, most = SIDES
        if self.image_size is not None and not all(least <= side <= most for side in self.image_size):
            raise ValueError(f"image_size must be {least} to {most} pixels a side, got {self.image_size}")
        return self


class NetRecipe(_Section):
    """Which network."""

    name: str = Field("auto", description="a registered network, or auto: chosen from the pictures")
    options: dict[str, float | int | str | bool] = Field(default_factory=dict, description="what that network has")
    sigmoid: bool = Field(False, description="two classes as one sigmoid output instead of two softmax outputs")
    weights: str | None = Field(None, description="none, imagenet, a weight file, hf:owner/name or a URL to start from")


class OptimizerRecipe(_Section):
    """Which optimiser."""

    name: Literal["adam", "adamw", "muon", "sgd", "rmsprop"] | None = Field(
        None, description="muon orthogonalises the steps of hidden layers; sgd has Nesterov momentum"
    )
    learning_rate: Positive | None = Field(None, description="the highest one of the schedule")
    find_learning_rate: bool = Field(False, description="find it by a range test, seconds before the training")
    weight_decay: float | None = Field(None, ge=0.0, description="decoupled for adamw and muon; not for adam")
    momentum: float | None = Field(
        None, ge=0.0, lt=1.0, description="of sgd, default 0.9, muon, default 0.95, and rmsprop, default 0"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.learning_rate is not None and self.find_learning_rate:
            raise ValueError(
                f"find_learning_rate contradicts learning_rate = {self.learning_rate:g}, which would not be used: "
                "give one of them"
            )
        if self.momentum is not None and self.name in ("adam", "adamw"):
            raise ValueError(f"momentum = {self.momentum} would be ignored by {self.name}: use sgd, muon or rmsprop")
        if self.momentum is not None and self.name is None:
            raise ValueError(f"momentum = {self.momentum} is for sgd, muon or rmsprop: name one of them, too")
        if self.weight_decay and self.name == "adam":
            raise ValueError(f"weight_decay = {self.weight_decay} is not for adam: use adamw, which decouples it")
        return self


class AugmentRecipe(_Section):
    """What is done to each training batch at random; 0 or false leaves a part out."""

    flip_horizontal: bool = Field(False, description="left and right")
    flip_vertical: bool = Field(False, description="up and down")
    rotation: float = Field(0.0, ge=0.0, le=180.0, description="up to so many degrees either way")
    shift: float = Field(0.0, ge=0.0, le=0.5, description="up to this fraction of the size, both ways")
    crop: float = Field(0.0, ge=0.0, le=0.9, description="enlarged: a part of 1 − crop to all of the area")
    shear: float = Field(0.0, ge=0.0, le=45.0, description="up to so many degrees either way")
    zoom: float = Field(0.0, ge=0.0, le=0.9, description="a scale of 1 − zoom to 1 + zoom")
    stretch: float = Field(0.0, ge=0.0, le=0.9, description="height against width, 1 − stretch to 1 + stretch")
    elastic: float = Field(0.0, ge=0.0, le=0.2, description="smooth local displacements, of this fraction of the size")
    stroke: float = Field(0.0, ge=0.0, le=1.0, description="thicker or thinner: blended so far with its 3×3 extreme")
    brightness: float = Field(0.0, ge=0.0, le=1.0, description="added, up to this fraction of the range")
    contrast: float = Field(0.0, ge=0.0, le=1.0, description="a factor of 1 − contrast to 1 + contrast")
    saturation: float = Field(0.0, ge=0.0, le=1.0, description="of colours: a factor of 1 − s to 1 + s")
    hue: float = Field(0.0, ge=0.0, le=180.0, description="of colours: turned by up to so many degrees")
    noise: float = Field(0.0, ge=0.0, le=1.0, description="Gaussian, standard deviation as a fraction of the range")
    erase: float = Field(0.0, ge=0.0, le=1.0, description="the share of pictures that lose a random rectangle")

    def parts(self) -> dict[str, float | bool]:
        """Return what is switched on, by name."""
        return {name: value for name, value in self if value}


AUGMENTATIONS: Mapping[str, AugmentRecipe] = {
    "none": AugmentRecipe(),
    "light": AugmentRecipe(shift=0.05, erase=0.3),
    "writing": AugmentRecipe(rotation=8, shift=0.06, shear=8, zoom=0.1, stretch=0.1, elastic=0.02),
    "photo": AugmentRecipe(flip_horizontal=True, rotation=10, shift=0.08, zoom=0.15, brightness=0.15, contrast=0.2),
}
"""Sets of random changes by name: ``--augment writing``."""


class EarlyStoppingRecipe(_Section):
    """When to stop before the last epoch; the best weights are kept in any case."""

    monitor: Literal["accuracy", "loss", "top5"] = Field("accuracy", description="a validation figure")
    patience: int = Field(10, ge=1, description="epochs without a new best")
    min_delta: float = Field(0.0, ge=0.0, description="what counts as better")


class TrainingRecipe(_Section):
    """How the network is trained."""

    transfer: Literal["none", "features", "frozen", "finetune"] | None = Field(
        None,
        description="features: a pretrained network sees each picture once, and only a new last layer is learnt; "
        "frozen: the same in epochs, on augmented pictures; finetune: the upper stages move too; none: from scratch",
    )
    unfreeze: str | None = Field(None, description="of finetune: a stage's name, last-block or all")
    epochs: int | None = Field(None, ge=1, le=1_000_000, description="at most so many")
    steps_per_epoch: int | tuple[int, ...] | None = Field(
        None,
        description="at least 1; the next epoch goes on where one ends. A list has a number for each epoch, 0 where it "
        "is left out. Where open, all training pictures once",
    )
    batch_size: int | None = Field(None, ge=1, description="pictures a step")
    optimizer: OptimizerRecipe = OptimizerRecipe()
    schedule: Literal["constant", "cosine", "one-cycle"] | None = Field(None, description="the learning rate's course")
    label_smoothing: float | None = Field(None, ge=0.0, lt=1.0, description="share spread evenly over all classes")
    class_weights: Literal["none", "balanced"] | None = Field(None, description="balanced: rare classes weigh more")
    augment: AugmentRecipe | None = Field(None, description="None: chosen from the pictures")
    early_stopping: EarlyStoppingRecipe | None = Field(None, description="None: in finetune patience 3, else never")
    averaging: float | None = Field(None, ge=0.0, lt=1.0, description="decay a step of averaged weights; 0 for none")
    precision: Literal["float32", "bfloat16", "float16"] | None = Field(
        None, description="of the training's arithmetic; float16 on cuda alone"
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads of the training; all processors read the pictures"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="where to compute; auto: an NVIDIA GPU, else the CPU"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="initial weights, order of the pictures, augmentation, dropout")

    @field_validator("steps_per_epoch", mode="before")
    @classmethod
    def _check_steps(cls, value: Any) -> Any:
        if value is None:
            return value
        each = value if isinstance(value, (list, tuple)) else [value]
        whole = all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in each)
        if not whole or not each or not each[0]:
            raise ValueError(
                f"training.steps_per_epoch must be a whole number from 1, or a list that begins so, got {short(value)}"
            )
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.unfreeze is not None and self.transfer != "finetune":
            raise ValueError(f"unfreeze = {self.unfreeze!r} would be ignored without transfer = 'finetune': give both")
        if isinstance(self.steps_per_epoch, tuple) and len(self.steps_per_epoch) != self.epochs:
            raise ValueError(
                f"steps_per_epoch names {len(self.steps_per_epoch)} epochs, and epochs = {self.epochs}: give as many "
                "numbers as epochs, or one number for all, as --steps-per-epoch does"
            )
        if self.transfer == "features":
            ignored = [name for name in LOOP_SETTINGS if getattr(self, name) != type(self).model_fields[name].default]
            if ignored:
                raise ValueError(
                    f"{', '.join(ignored)} would be ignored with transfer = 'features', where the pictures are seen "
                    "once and only the last layer is trained: drop the setting, or use transfer = 'frozen' or "
                    "'finetune'"
                )
        return self


PRETRAINED = ("features", "frozen", "finetune")
"""The ways of transfer that start from published weights."""

FURTHER = ("frozen", "finetune")
"""Those that go on in epochs from a last layer that is learnt on features."""

BODY_STAYS = ("features", "frozen")
"""Those that train the last layer alone."""

LOOP_SETTINGS = (
    "epochs",
    "steps_per_epoch",
    "batch_size",
    "optimizer",
    "schedule",
    "label_smoothing",
    "augment",
    "early_stopping",
    "averaging",
    "precision",
)
"""What only a training in epochs looks at."""


class Recipe(_Section):
    """Every choice of a run.

    Attributes:
        data: which pictures, and how they become the network's input.
        net: which network.
        training: how it is trained.
        baselines: classifiers trained beside it for comparison; the majority class is always there.
        folds: of a cross-validation beside the run.

    Raises:
        RecipeError: from ``make``, ``from_json`` and ``from_toml``: an unknown key, a value out of its range, or a
            setting that would be ignored.

    Example:
        >>> recipe = Recipe.make(net={"name": "convnet16"}, training={"epochs": 3})
        >>> recipe.training.epochs, recipe.training.device
        (3, 'auto')
        >>> Recipe.from_json(recipe.to_json()) == recipe
        True
        >>> Recipe.make(training={"epoch": 3})
        Traceback (most recent call last):
        tellapart.errors.RecipeError: training.epoch is not a setting: did you mean training.epochs?
    """

    data: DataRecipe = DataRecipe()
    net: NetRecipe = NetRecipe()
    training: TrainingRecipe = TrainingRecipe()
    baselines: tuple[str, ...] = Field(("softmax",), description="networks trained beside it for comparison")
    folds: int | None = Field(
        None, description="of a cross-validation beside the run, 2 to 100: all but the test pictures are held out once",
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.folds is not None and not 2 <= self.folds <= 100:
            raise ValueError(f"folds must be 2 to 100, got {self.folds}: each fold is held out while the others train")
        if self.training.transfer == "features" and self.net.options.get("dropout"):
            raise ValueError(
                "net.options.dropout would be ignored with transfer = 'features', where the pictures are seen once: "
                "drop it, or use transfer = 'frozen' or 'finetune'"
            )
        if self.training.transfer in PRETRAINED and self.net.weights == "none":
            raise ValueError(
                f"training.transfer = {self.training.transfer!r} contradicts net.weights = 'none': random weights know "
                "nothing to transfer: use net.weights = 'imagenet', or training.transfer = 'none'"
            )
        return self

    @classmethod
    def make(cls, /, **sections: Any) -> Recipe:
        """Build a recipe from nested dictionaries, with messages that a person can use."""
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise RecipeError(explain(error, cls)) from None

    def changed(self, **sections: dict[str, Any]) -> Recipe:
        """Return a recipe with some settings changed: ``recipe.changed(training={"epochs": 3})``."""
        return Recipe.make(**_merged(self.model_dump(), sections))

    def to_json(self) -> str:
        """Return the recipe as JSON text."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read a recipe from JSON text."""
        try:
            sections = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise RecipeError(f"the recipe is not JSON: {error}") from None
        if not isinstance(sections, dict):
            raise RecipeError(f"the recipe must be a JSON object {{...}}, got {short(sections)}")
        return cls.make(**sections)

    def to_toml(self) -> str:
        """Return the recipe as TOML text; what is None is left out, as TOML has no null."""
        return tomli_w.dumps(_without_none(self.model_dump(mode="json")))

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """Read a recipe from TOML text."""
        try:
            return cls.make(**tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"the recipe is not TOML: {error}") from None

    @classmethod
    def load(cls, path: Path | str) -> Recipe:
        """Read a ``.toml`` or ``.json`` file."""
        path = expanded(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise RecipeError(f"there is no recipe at {str(path)!r}: give the path of a .toml or .json file") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RecipeError(f"the recipe {str(path)!r} cannot be read: {reason}") from None
        return cls.from_toml(text) if path.suffix.lower() == ".toml" else cls.from_json(text)


Decided = TypeVar("Decided")


def decided(value: Decided | None, name: str) -> Decided:
    """Return a setting of a resolved recipe.

    Args:
        value: as it stands in the recipe.
        name: dotted, for the message.

    Raises:
        RecipeError: it is None, still open.

    Example:
        >>> decided(Recipe.make(training={"epochs": 3}).training.epochs, "training.epochs")
        3
        >>> decided(Recipe().training.epochs, "training.epochs")
        Traceback (most recent call last):
        tellapart.errors.RecipeError: training.epochs is still open: resolve the recipe first, as tellapart.train does
    """
    if value is None:
        raise RecipeError(f"{name} is still open: resolve the recipe first, as tellapart.train does")
    return value


def differences(*recipes: Recipe) -> dict[str, tuple[Any, ...]]:
    """Return the settings in which recipes differ, by dotted name, with the value of each recipe.

    Example:
        >>> one = Recipe.make(training={"epochs": 3})
        >>> differences(one, one.changed(training={"epochs": 5}))
        {'training.epochs': (3, 5)}
    """
    flat = [dict(_flattened(recipe.model_dump(mode="json"))) for recipe in recipes]
    names = dict.fromkeys(name for settings in flat for name in settings)
    rows = {name: tuple(settings.get(name) for settings in flat) for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def _flattened(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if nested else value
    return out


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in values.items() if value is not None}
    return {key: _without_none(value) if isinstance(value, dict) else value for key, value in kept.items()}
