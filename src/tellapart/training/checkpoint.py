"""Checkpoint: everything that a killed training needs to go on to the same final weights."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import RunCorruptError
from ..files import TENSOR_DAMAGE, refused
from ..machine import lacks_memory
from ..nets import Net
from ..run import Run
from ..wording import first_line
from .ema import Average

FILE = "checkpoint.pt"

PLAIN = (
    "epoch", "best_epoch", "best_figure", "best_loss", "best_weights", "start_figure", "start_loss", "improved_epoch",
    "improved_figure", "seconds",
)  # fmt: skip
"""What is kept of a state as it stands."""


@dataclasses.dataclass
class State:
    """A training between two epochs. Its randomness is derived from the seed and the epoch, so none is kept.

    Attributes:
        net: the network that is trained.
        averaged: its running average, where there is one.
        optimizer: with its moments.
        epoch: epochs done.
        best_epoch: the one that ``keep_best`` calls the best, 0 before the first, and where none is better.
        best_figure: the best monitored figure so far.
        best_loss: the best epoch's validation loss: of two epochs with the same figure, the lower one is better.
        best_weights: the weights then.
        start_figure: of the weights that it began with, where those are worth keeping: see ``keep_start``.
        start_loss: likewise.
        improved_epoch: the last whose figure was a new best by more than the least difference, 0 before the first.
        improved_figure: that figure.
        seconds: spent on training so far.
        scaler: of the loss, where 16-bit gradients need it.
        model: what a step calls for all logits, where that is not the network's own: it averages gradients over
            processes.
    """

    net: Net
    averaged: Average | None
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    best_epoch: int = 0
    best_figure: float = float("-inf")
    best_loss: float = float("inf")
    best_weights: dict[str, Tensor] = dataclasses.field(default_factory=dict)
    start_figure: float = float("-inf")
    start_loss: float = float("inf")
    improved_epoch: int = 0
    improved_figure: float = float("-inf")
    seconds: float = 0.0
    scaler: torch.amp.GradScaler | None = None
    model: Callable[[Tensor], tuple[Tensor, ...]] | None = None

    def judged(self) -> Net:
        """Return the network whose figures count: the average where there is one."""
        return self.averaged.net if self.averaged else self.net


def save_checkpoint(run: Run, state: State) -> None:
    """Write the state, whole or not at all."""
    document = to_document(state)
    buffer = io.BytesIO()  # torch's own writing to a file hides the system's errors, a full disk among them
    torch.save(document, buffer)
    run.write(FILE, lambda path: path.write_bytes(buffer.getbuffer()))


def to_document(state: State) -> dict[str, Any]:
    """Return all that another process, or this one later, needs to go on."""
    return {
        "net": state.net.state_dict(),
        "averaged": state.averaged.net.state_dict() if state.averaged else None,
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict() if state.scaler else None,
        **{name: getattr(state, name) for name in PLAIN},
    }


def on_cpu(value: Any) -> Any:
    """Return a document with its tensors on the CPU: another process may have another device."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {key: on_cpu(one) for key, one in value.items()}
    return type(value)(map(on_cpu, value)) if isinstance(value, (list, tuple)) else value


def fill(state: State, document: dict[str, Any]) -> None:
    """Give a fresh state what a document of ``to_document`` holds."""
    state.net.load_state_dict(document["net"])
    if state.averaged is not None:
        state.averaged.net.load_state_dict(document["averaged"])
    state.optimizer.load_state_dict(document["optimizer"])
    if state.scaler is not None:
        state.scaler.load_state_dict(document["scaler"])
    for name in PLAIN:
        setattr(state, name, document[name])


def load_checkpoint(run: Run, state: State) -> None:
    """Fill a fresh state from the run's checkpoint, where there is one, and cut the history to match.

    Raises:
        RunCorruptError: the file is damaged, belongs to another network, or cannot be read.
        MemoryError: or RuntimeError, the memory does not suffice; the file is as it was.
    """
    run.clear_unfinished()
    if not run.has(FILE):
        run.cut_history(0)
        return
    try:
        document = torch.load(run.path / FILE, weights_only=True, map_location="cpu")
        fill(state, document)
    except TENSOR_DAMAGE as error:
        if lacks_memory(error):
            raise
        if isinstance(error, OSError) and refused(error):
            raise RunCorruptError(f"{run.path / FILE} cannot be read: {error.strerror}") from error
        reason = first_line(error)
        raise RunCorruptError(f"{run.path / FILE} is damaged ({reason}): remove it to train from the start") from error
    run.cut_history(state.epoch)
