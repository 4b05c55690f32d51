"""Optimisers by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ..errors import RecipeError
from ..nets import Net
from ..nets.compact import Compact
from ..recipe import OptimizerRecipe, TrainingRecipe, decided
from .muon import Muon
from .transfer import stage_of

DEFAULT_WEIGHT_DECAY = {"adam": 0.0, "adamw": 0.05, "muon": 0.01, "sgd": 5e-4, "rmsprop": 0.0}

DEFAULT_MOMENTUM = {"sgd": 0.9, "muon": 0.95, "rmsprop": 0.0}

ADAMW_SHARE = 0.2
"""The part of muon's learning rate that the weights have which AdamW moves beside it."""

ADAMW_DECAY = 5.0
"""Times muon's weight decay, which those weights have: each step takes the same share of both."""

COLOURS = 3
"""Channels of a picture at most: a convolution of so few is a network's first."""

TRANSFER_RATE = {"frozen": 0.2, "finetune": 0.02}
"""The part of the usual learning rate that a pretrained network is trained with, so that nothing is unlearnt."""


def default_learning_rate(name: str, net: nn.Module) -> float:
    """Return the highest learning rate of a schedule that suits an optimiser and a network.

    Networks with batch normalisation bear a higher one; so does a schedule that ends low. That of the default network
    was chosen on validation pictures: docs/experiments.md has the figures.
    """
    if isinstance(net, Compact) and name in ("adamw", "muon"):
        return {"adamw": 1e-2, "muon": 5e-2}[name]
    plain = {"adam": 1e-3, "adamw": 1e-3, "muon": 5e-3, "sgd": 0.02, "rmsprop": 5e-4}
    high = {"adam": 5e-3, "adamw": 5e-3, "muon": 2.5e-2, "sgd": 0.1, "rmsprop": 2e-3}
    return high[name] if _normalised(net) else plain[name]


def kind_of_net(net: nn.Module) -> str:
    """Return which of the kinds of networks it is that have a learning rate of their own, in words."""
    if isinstance(net, Compact):
        return "compact"
    return f"networks {'with' if _normalised(net) else 'without'} batch normalisation"


def _normalised(net: nn.Module) -> bool:
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())


def usual_learning_rate(recipe: TrainingRecipe, net: nn.Module) -> float:
    """Return the learning rate that suits a training: the default of its optimiser and network, less in transfer."""
    name = decided(recipe.optimizer.name, "training.optimizer.name")
    return default_learning_rate(name, net) * TRANSFER_RATE.get(decided(recipe.transfer, "training.transfer"), 1.0)


def momentum_of(recipe: OptimizerRecipe) -> float:
    """Return the momentum of an optimiser, 0 of one that has none."""
    default = DEFAULT_MOMENTUM.get(decided(recipe.name, "training.optimizer.name"), 0.0)
    return default if recipe.momentum is None else recipe.momentum


def build_optimizer(
    net: Net, recipe: OptimizerRecipe, *, rates: Mapping[str, float] | None = None, scaled: bool = False
) -> torch.optim.Optimizer:
    """Return the optimiser of a network; weight decay leaves biases and normalisation alone.

    Args:
        net: its trainable parameters are optimised.
        recipe: with a name. A learning rate that is still to be found is the default until then.
        rates: a factor of the learning rate by stage; 1 where a stage is not named.
        scaled: whether the loss is, as in float16, so that a first step may be left out.
    """
    name = decided(recipe.name, "training.optimizer.name")
    decay = recipe.weight_decay if recipe.weight_decay is not None else DEFAULT_WEIGHT_DECAY[name]
    rate = default_learning_rate(name, net) if recipe.learning_rate is None else recipe.learning_rate
    if name == "muon":
        return _muon(net, recipe, rate=rate, decay=decay, rates=rates or {})
    groups = _groups(net, list(net.parameters()), rate=rate, decay=decay, rates=rates or {})
    if name == "adam":
        return uncompiled(torch.optim.Adam)(groups, lr=rate, fused=True)
    if name == "adamw":
        return uncompiled(torch.optim.AdamW)(groups, lr=rate, fused=True)
    momentum = momentum_of(recipe)
    if name == "sgd":
        # The fused one makes its momentum without setting it, and does not set it in a first step that is left out.
        fused = not scaled
        return uncompiled(torch.optim.SGD)(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=fused)
    return uncompiled(torch.optim.RMSprop)(groups, lr=rate, alpha=0.9, eps=1e-7, momentum=momentum)


@functools.cache
def uncompiled(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """Return the same optimiser without its hooks for torch's compiler.

    Each hook imports the compiler at its first call, 1.3 s that a training which does not compile waits for nothing.
    """
    hooked = ("add_param_group", "load_state_dict", "state_dict", "zero_grad", "_cuda_graph_capture_health_check")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in hooked if hasattr(kind, name)}
    plain["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(f"Uncompiled{kind.__name__}", (kind,), plain)


def _muon(
    net: Net, recipe: OptimizerRecipe, *, rate: float, decay: float, rates: Mapping[str, float]
) -> torch.optim.Optimizer:
    found = hidden_matrices(net)
    matrices = [parameter for parameter in net.parameters() if id(parameter) in found]
    others = [parameter for parameter in net.parameters() if id(parameter) not in found]
    if not any(parameter.requires_grad for parameter in matrices):
        raise RecipeError("muon moves hidden layers, and here only the last one is trained: use --optimizer adamw")
    kind: Callable[..., torch.optim.Optimizer] = uncompiled(Muon)
    return kind(
        _groups(net, matrices, rate=rate, decay=decay, rates=rates),
        _groups(net, others, rate=rate * ADAMW_SHARE, decay=decay * ADAMW_DECAY, rates=rates),
        momentum=momentum_of(recipe),
        adamw=uncompiled(torch.optim.AdamW),
    )


def hidden_matrices(net: Net) -> set[int]:
    """Return the ``id`` of each weight that muon's own steps suit: of hidden layers in which all inputs meet.

    So neither the first convolution, nor those of single channels or groups, nor what stands in the head or in
    auxiliary ones.
    """
    stages = stage_of(net)
    layers = [
        module
        for module in net.modules()
        if isinstance(module, nn.Linear)
        or (isinstance(module, nn.Conv2d) and module.groups == 1 and module.in_channels > COLOURS)
    ]
    return {id(layer.weight) for layer in layers if stages.get(id(layer.weight)) not in ("head", "auxiliary")}


def _groups(
    net: Net, parameters: list[nn.Parameter], *, rate: float, decay: float, rates: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return one group of some parameters for each learning rate and weight decay that occurs."""
    stages = stage_of(net)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.requires_grad:
            key = (rate * rates.get(stages.get(id(parameter), ""), 1.0), decay if parameter.ndim > 1 else 0.0)
            groups.setdefault(key, []).append(parameter)
    return [{"params": kept, "lr": lr, "weight_decay": weight_decay} for (lr, weight_decay), kept in groups.items()]
