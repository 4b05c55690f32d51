"""One step of a training: a batch into the network's input, its loss, and the weights moved down it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..nets.base import two_logits
from ..nets.inputs import to_input
from ..recipe import TrainingRecipe
from .augment import augment
from .checkpoint import State
from .devices import Portion, autocast, moved
from .task import Task


def to_batch(
    pixels: Tensor,
    task: Task,
    recipe: TrainingRecipe,
    *,
    generator: torch.Generator,
    device: torch.device,
    portion: Portion | None = None,
) -> Tensor:
    """Return the network's input, augmented, of uint8 pixels (N, H, W, C): a portion of a batch, or all of it."""
    pictures = to_input(moved(pixels, device), task.preprocessing)
    if recipe.augment is None:
        return pictures
    mean, std = task.preprocessing.mean, task.preprocessing.std
    return augment(pictures, recipe.augment, generator=generator, mean=mean, std=std, portion=portion)


def train_step(
    state: State,
    pictures: Tensor,
    labels: Tensor,
    *,
    recipe: TrainingRecipe,
    factor: float,
    class_weights: Tensor | None,
    portion: Portion | None = None,
    number: int = 0,
) -> Tensor:
    """Do one step of the optimiser, which is a training's so-many-th from 0.

    In a training from scratch the losses of auxiliary heads pull with their weight; they are not in what is returned.
    That has label smoothing and class weights in it, which the loss on validation has not.

    Returns:
        the summed loss and the hits of the batch, or of a portion of it, (2,) of the dtype ``accumulation_dtype``.
    """
    portion = portion or Portion(slice(0, len(labels)), len(labels))
    for group in state.optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
        group["lr"] = group["initial_lr"] * factor
    with autocast(pictures.device, recipe.precision):
        heads = (state.model or state.net.all_logits)(pictures)
    if recipe.transfer not in (None, "none"):
        heads = heads[:1]  # the random auxiliary ones would unlearn a pretrained body
    logits, *auxiliary = (two_logits(head).float() for head in heads)
    weights = None if class_weights is None else class_weights[labels]
    loss, *others = (
        _loss(head, labels, smoothing=recipe.label_smoothing or 0.0, weights=weights) for head in (logits, *auxiliary)
    )
    whole = loss + state.net.auxiliary_weight * torch.stack(others).sum() if others else loss
    state.optimizer.zero_grad()
    _descend(state, whole if portion.processes == 1 else whole * (portion.share * portion.processes))
    if state.averaged is not None and recipe.averaging:
        # The average must not begin with the random weights: at first it is nearly a plain mean.
        state.averaged.update(decay=min(recipe.averaging, (1 + number) / (10 + number)))
    with torch.no_grad():
        hits = (logits.argmax(dim=1) == labels).sum() * (portion.share > 0)
        kind = accumulation_dtype(pictures.device)
        return torch.stack([loss.detach().to(kind) * (portion.share * portion.of), hits.to(kind)])


def _loss(logits: Tensor, labels: Tensor, *, smoothing: float, weights: Tensor | None) -> Tensor:
    """Return the mean cross-entropy of a batch, that of each picture times its weight where there are any.

    PyTorch's own weights are those of the answers, not of the pictures: with label smoothing they would pull each
    picture of a frequent class to the rare ones; and it divides by their sum in the batch, so that a rare class would
    count less in the batches that have it.
    """
    if weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    return (F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none") * weights).mean()


def accumulation_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype that sums are kept in: float64, which Apple's GPUs do not have."""
    return torch.float32 if device.type == "mps" else torch.float64


def _descend(state: State, loss: Tensor) -> None:
    """Move the weights down the loss; float16 gradients are computed of a larger loss, so that none becomes 0."""
    if state.scaler is None:
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        return
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    state.scaler.step(state.optimizer)
    state.scaler.update()
