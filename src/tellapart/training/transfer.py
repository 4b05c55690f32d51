"""Transfer in epochs: which stages of a pretrained network move, and how fast.

"frozen" trains the head alone, on augmented pictures. "finetune" goes on from a head that was learnt on features, so
that its first, wild steps cannot unlearn the body, and lets the body move from a named stage up, the slower the
nearer to the input (J. Howard and S. Ruder, "Universal Language Model Fine-tuning", 2018, discriminative rates).
"""

from __future__ import annotations

from torch import nn

from ..errors import RecipeError
from ..nets import Net
from ..recipe import FURTHER

STAGE_DECAY = 0.6
"""The learning rate of a stage, as a factor of that of the stage above it."""

LAST_BLOCK = "last-block"

BEHIND_BLOCKS = ("neck", "dense")
"""Stages between the last block and the head."""


def moving_stages(net: Net, *, transfer: str, unfreeze: str | None) -> dict[str, float]:
    """Return the stages that are trained, with the factor of the learning rate of each.

    Args:
        net: with named stages, the head last.
        transfer: "none", "frozen" or "finetune".
        unfreeze: for "finetune": a stage's name, "last-block" (the default) or "all".

    Raises:
        RecipeError: there is no such stage.

    Example:
        >>> from tellapart.nets import build_net
        >>> net = build_net("convnet16", outputs=2, image_size=(32, 32))
        >>> moving_stages(net, transfer="frozen", unfreeze=None)
        {'head': 1.0}
        >>> moving_stages(net, transfer="finetune", unfreeze="conv3")
        {'conv3': 0.36, 'dense': 0.6, 'head': 1.0}
    """
    names = [name for name, stage in net.stages().items() if list(stage.parameters())]
    if transfer == "none":
        return dict.fromkeys(names, 1.0)
    names = [name for name in names if name != "auxiliary"]
    first = len(names) - 1
    if transfer == "finetune":
        first = _first_moving(names, unfreeze or LAST_BLOCK)
    moving = names[first:]
    return {name: round(STAGE_DECAY ** (len(moving) - 1 - place), 6) for place, name in enumerate(moving)}


def freeze(net: Net, moving: dict[str, float]) -> None:
    """Let only some stages be trained; the others keep their weights and batch statistics."""
    for name, stage in net.stages().items():
        stage.requires_grad_(name in moving)


def training_mode(net: Net, *, transfer: str | None) -> None:
    """Set a network to training, but for what stays in inference.

    Frozen stages do. So does all batch normalisation of a network that goes on from published weights: its statistics
    are those of a million pictures, and those of a batch of 32 would be other inputs than its layers have learnt from.
    The scale and the offset of a stage that moves are learnt like other weights.

    Args:
        net: with its frozen parameters marked by ``freeze``.
        transfer: of the recipe.
    """
    net.train()
    for stage in net.stages().values():
        parameters = list(stage.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            stage.eval()
    if transfer in FURTHER:
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def stage_of(net: Net) -> dict[int, str]:
    """Return the stage's name of each parameter, by its ``id``."""
    return {id(parameter): name for name, stage in net.stages().items() for parameter in stage.parameters()}


def _first_moving(names: list[str], unfreeze: str) -> int:
    if unfreeze == "all":
        return 0
    if unfreeze == LAST_BLOCK:
        blocks = [at for at, name in enumerate(names[:-1]) if name not in BEHIND_BLOCKS]
        return blocks[-1] if blocks else 0
    if unfreeze not in names:
        raise RecipeError(
            f"this network has no stage {unfreeze!r} to unfreeze from: give all, {LAST_BLOCK}, or one of "
            f"{', '.join(names)}"
        )
    return names.index(unfreeze)
