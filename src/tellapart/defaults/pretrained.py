"""Where a training starts, from a network that has seen ImageNet or from nothing, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..errors import RecipeError
from ..images.facts import grey_share
from ..nets import Net, nets
from ..nets.base import build_outline
from ..recipe import LOOP_SETTINGS, PRETRAINED, DataRecipe, Recipe, TrainingRecipe
from ..training.optimizers import build_optimizer
from ..training.transfer import freeze, moving_stages
from .choice import Choice

BACKBONE = "efficientnet_lite0"
"""The network whose ImageNet weights come with the installation."""

LEAST_SIDE = {"photographs": 16, "mixed": 32}
"""Pixels of the short side below which enlarging a picture for a pretrained network shows it blur alone."""

LARGE_SIDE = 128
"""Pixels of the short side from which photographs are the kind of picture that a pretrained network has seen."""

SMALL_SIDE = 96
MANY = 20_000
"""So many pictures of a short side below ``SMALL_SIDE`` teach a network of their own, in minutes."""

FEW = 60
"""Pictures below which a cross-validated probe says nothing."""

DISK_SHARE = 0.5
"""Of the free disk that resized pictures may take."""

WORTH = 0.8
"""The log loss on a pretrained network's features has to stay below this share of that on plain edges and of chance."""


@dataclasses.dataclass(frozen=True)
class Leaning:
    """Where a training had better start.

    Attributes:
        start: "pretrained", "scratch", or "doubtful" where only a probe can tell.
        reason: why, in a clause.
    """

    start: Literal["pretrained", "scratch", "doubtful"]
    reason: str


@dataclasses.dataclass(frozen=True)
class Probed:
    """How well some training pictures are told apart, cross-validated on them, by logistic regression.

    Attributes:
        pictures: how many.
        accuracy: the share right on the pretrained network's features, 0 to 1.
        log_loss: likewise the cross-entropy, in nats.
        plain_accuracy: on histograms of oriented gradients, which know edges and nothing of the world.
        plain_log_loss: likewise.
        chance_log_loss: likewise of always saying how frequent each class is.
    """

    pictures: int
    accuracy: float
    log_loss: float
    plain_accuracy: float
    plain_log_loss: float
    chance_log_loss: float

    @property
    def knows(self) -> bool:
        """Whether the pretrained network's features are clearly better than plain edges, and than knowing nothing."""
        return self.log_loss < WORTH * min(self.plain_log_loss, self.chance_log_loss)

    def __str__(self) -> str:
        return (
            f"cross-validated on {self.pictures} training pictures, its features have {self.accuracy:.1%} right (log "
            f"loss {self.log_loss:.3f}), plain edges {self.plain_accuracy:.1%} ({self.plain_log_loss:.3f})"
        )


def lean(
    facts: NDArray[np.void],
    *,
    kind: str,
    pictures: int,
    data: DataRecipe | None = None,
    needed_bytes: int = 0,
    free_bytes: int | None = None,
) -> Leaning:
    """Say where a training had better start by what the pictures are; no label is looked at.

    Args:
        facts: rows of FACTS of some of them, all readable.
        kind: "photographs", "writing" or "mixed".
        pictures: how many there are in all.
        data: a size or channels that the recipe asks for: pictures are judged as the network will see them.
        needed_bytes: what they would take on the disk at the size of the pretrained network.
        free_bytes: of that disk; None where it is not known.

    Example:
        >>> from tellapart.images.facts import FACTS
        >>> rows = np.zeros(10, dtype=FACTS)
        >>> rows["width"], rows["height"], rows["colour"] = 320, 240, 30
        >>> lean(rows, kind="photographs", pictures=2000).start
        'pretrained'
        >>> lean(rows, kind="photographs", pictures=10**6, needed_bytes=150 * 10**9, free_bytes=64 * 10**9).start
        'scratch'
    """
    data = data or DataRecipe()
    side = min([int(np.median(np.minimum(facts["width"], facts["height"]))), *(data.image_size or ())])
    grey = data.channels == 1 or grey_share(facts) > 0.99
    if kind == "writing":
        return Leaning("scratch", f"the pictures are {kind}, which a small network learns from scratch")
    if side < LEAST_SIDE[kind]:
        return Leaning("scratch", f"pictures of {side} pixels have little to show to a network made for large ones")
    if any(asked < least for asked, least in zip(data.image_size or (), nets.get(BACKBONE).min_size, strict=False)):
        return Leaning("scratch", f"pictures of {side} pixels are smaller than a pretrained network takes")
    if side < SMALL_SIDE and pictures >= MANY:
        return Leaning("scratch", f"{pictures:,} small pictures are enough to teach a network of their own")
    if free_bytes is not None and needed_bytes > DISK_SHARE * free_bytes:
        return Leaning(
            "scratch",
            f"{pictures:,} pictures at the size of a pretrained network would take {needed_bytes / 1e9:,.1f} GB of "
            f"disk, and {free_bytes / 1e9:,.1f} GB are free",
        )
    if kind == "photographs" and side >= LARGE_SIDE and not grey:
        return seen_before(kind)
    what = f"{'grey ' if grey else ''}photographs of {side} pixels" if kind == "photographs" else "of no clear kind"
    if pictures < FEW:
        return without_probe(kind)
    return Leaning("doubtful", f"the pictures are {what}")


def seen_before(kind: str) -> Leaning:
    """Return the leaning for pictures such as ImageNet's."""
    return Leaning("pretrained", f"the pictures are {kind}: a network trained on ImageNet's knows what to look for")


def without_probe(kind: str) -> Leaning:
    """Return the leaning where there are too few training pictures to tell."""
    if kind == "photographs":
        return seen_before(kind)
    return Leaning("scratch", f"the pictures are {kind}, and too few to try a pretrained network on them")


def decide(leaning: Leaning, probed: Probed | None, *, kind: str) -> Leaning:
    """Turn a doubtful leaning into a decision.

    Args:
        leaning: doubtful.
        probed: what the probe found; None where there were too few training pictures of each class for one.
        kind: "photographs" or "mixed".

    Example:
        >>> small = Leaning("doubtful", "the pictures are photographs of 48 pixels")
        >>> decide(small, Probed(320, 0.9, 0.3, 0.6, 0.7, 0.69), kind="photographs").start
        'pretrained'
        >>> decide(small, Probed(320, 0.6, 0.68, 0.6, 0.7, 0.69), kind="photographs").start
        'scratch'
    """
    if probed is None:
        return without_probe(kind)
    if probed.knows:
        return Leaning("pretrained", f"{leaning.reason}, and a pretrained network knows them: {probed}")
    return Leaning("scratch", f"{leaning.reason}, and a pretrained network knows little of them: {probed}")


def is_open(recipe: Recipe) -> bool:
    """Return whether a recipe leaves open where the training starts, and nothing in it speaks against transfer."""
    unsaid = recipe.training.transfer is None and not _names_weights(recipe)
    return recipe.net.name == "auto" and unsaid and _against(recipe) is None


def _against(recipe: Recipe) -> str | None:
    """Return what in a recipe speaks against published weights, None where nothing does."""
    if recipe.training.transfer == "none":
        return "training.transfer = none asks for a training from scratch"
    if recipe.net.weights == "none":
        return "net.weights = none asks for a training from scratch"
    foreign = sorted(set(recipe.net.options) - set(nets.get(BACKBONE).options))
    return f"net.options.{foreign[0]} is for a network from scratch" if foreign else None


def _names_weights(recipe: Recipe) -> bool:
    return recipe.net.weights not in (None, "none")


def asks_for_epochs(recipe: Recipe) -> list[str]:
    """Return the settings of a recipe, by dotted name, that only a training in epochs looks at.

    Example:
        >>> asks_for_epochs(Recipe.make(training={"epochs": 3, "seed": 1}))
        ['training.epochs']
    """
    fields, training = TrainingRecipe.model_fields, recipe.training
    asked = [f"training.{name}" for name in LOOP_SETTINGS if getattr(training, name) != fields[name].default]
    return [*asked, *(["net.options.dropout"] if recipe.net.options.get("dropout") else [])]


def check_auxiliary(recipe: Recipe, *, transfer: str | None) -> None:
    """Raise RecipeError where a recipe asks for auxiliary heads that its way of transfer would not train."""
    if recipe.net.options.get("auxiliary") and transfer != "none":
        raise RecipeError(
            "net.options.auxiliary would be ignored: auxiliary heads are trained from scratch alone, or with "
            "transfer = 'none': drop the option, or give --transfer none"
        )


def check_moving(recipe: Recipe) -> None:
    """Try which stages of a recipe's network move, and by which optimiser, before any picture is read.

    Raises:
        RecipeError: there is no such stage, nothing that this optimiser could move, or a dropout that would be ignored.

    Example:
        >>> check_moving(Recipe.make(net={"name": "softmax"}, training={"optimizer": {"name": "muon"}}))
        Traceback (most recent call last):
        tellapart.errors.RecipeError: muon moves hidden layers, and here only the last one is trained: use ...
    """
    training, name, options = recipe.training, recipe.net.name, recipe.net.options
    drops = training.transfer == "frozen" and bool(options.get("dropout"))
    tried = drops or training.unfreeze is not None or training.optimizer.name == "muon"
    if training.transfer == "features" or not tried:
        return
    if name == "auto":
        name, options = BACKBONE if training.transfer in PRETRAINED else "compact", {}
    height, width, channels = nets.get(name).made_for
    net = build_outline(name, outputs=2, channels=channels, image_size=(height, width), options=options)
    moving = moving_stages(net, transfer=training.transfer or "none", unfreeze=training.unfreeze)
    if training.optimizer.name == "muon":
        freeze(net, moving)
        build_optimizer(net, training.optimizer, rates=moving)
    if drops and _drops_below(net, moving):
        raise RecipeError(
            f"net.options.dropout would be ignored with transfer = 'frozen': {name!r} drops between layers that stay "
            "as they are: leave it out, or use transfer = 'finetune'"
        )


def _drops_below(net: Net, moving: Mapping[str, float]) -> bool:
    """Return whether all of a network's dropout lies in stages that do not move, which drop nothing."""
    frozen = {id(module) for name, stage in net.stages().items() if name not in moving for module in stage.modules()}
    drops = [id(module) for module in net.modules() if isinstance(module, nn.Dropout)]
    return bool(drops) and frozen.issuperset(drops)


def choose_start(recipe: Recipe, *, leaning: Leaning) -> tuple[Recipe, list[Choice]]:
    """Decide the network and whether it starts from published weights.

    Args:
        recipe: as given.
        leaning: what the pictures or a probe say; a doubtful one counts as from scratch.

    Returns:
        the recipe with net.name, net.weights and training.transfer set, and the decisions.

    Raises:
        RecipeError: transfer is asked for, with a network or with weights that do not allow it.
    """
    name, weights, transfer = recipe.net.name, recipe.net.weights, recipe.training.transfer
    choices: list[Choice] = []
    if name == "auto":
        pretrained = is_open(recipe) and leaning.start == "pretrained"
        name = BACKBONE if pretrained or transfer in PRETRAINED or _names_weights(recipe) else "compact"
        choices.append(Choice("net.name", name, _why(recipe, leaning)))
    if nets.get(name).published is None and transfer in PRETRAINED:
        raise RecipeError(f"transfer = {transfer!r} needs a network with published weights, {name!r} has none")
    if transfer is None:
        transfer, reason = _transfer(recipe, name)
        if transfer != "none":
            choices.append(Choice("training.transfer", transfer, reason))
    check_auxiliary(recipe, transfer=transfer)
    if weights is None:
        weights = "imagenet" if transfer in PRETRAINED else "none"
    return recipe.changed(net={"name": name, "weights": weights}, training={"transfer": transfer}), choices


def _transfer(recipe: Recipe, net: str) -> tuple[Literal["none", "features", "finetune"], str]:
    """Return how a network learns where the recipe does not say, and why."""
    if nets.get(net).published is None or recipe.net.weights == "none":
        return "none", ""
    if asked := asks_for_epochs(recipe):
        return "finetune", f"it has published weights, and {asked[0]} is set: without it only the last layer is learnt"
    return "features", "it has published weights, and seeing each picture once is quick"


def _why(recipe: Recipe, leaning: Leaning) -> str:
    if recipe.training.transfer in PRETRAINED:
        return "the recipe asks for transfer: a network trained on ImageNet's photographs knows what to look for"
    if _names_weights(recipe):
        return "the recipe names weights: this network's come with the installation"
    against = _against(recipe)
    return against if against and leaning.start != "scratch" else leaning.reason
