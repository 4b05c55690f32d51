"""The seam between the training loop and what it runs on: one device, or one of several that train together.

All processes go through the same epochs, orders and batches, and each takes its own part of every batch. What they
compute together is what one process would have computed with the whole batch, so that a recipe means the same on any
number of devices. This file knows one device; ``fabric.Processes`` is the same contract over several.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..nets import Net
from ..runtime import choose_device, compute_threads

Shared = TypeVar("Shared")


@dataclasses.dataclass(frozen=True)
class Portion:
    """A process's part of one batch.

    Attributes:
        part: which of the batch's pictures.
        of: how many the batch has.
        share: how much of the batch's loss their mean loss is, 0 to 1. 0 where there are fewer pictures than
            processes and this one goes through the motions with a picture that is not its own.
        processes: how many have a part.
    """

    part: slice
    of: int
    share: float = 1.0
    processes: int = 1


def portion_of(pictures: int, *, rank: int, count: int) -> Portion:
    """Return the part of a batch that one of several processes takes.

    The parts follow each other, differ by one picture at most, and hold each picture once. Their shares add up to 1.

    Args:
        pictures: of the whole batch.
        rank: of the process, from 0.
        count: how many processes there are.

    Example:
        >>> found = portion_of(5, rank=1, count=2)
        >>> found.part, found.share
        (slice(2, 5, None), 0.6)
    """
    n = pictures
    part = slice(n * rank // count, n * (rank + 1) // count)
    if part.start == part.stop:
        return Portion(slice(0, 1), n, 0.0, count)
    return Portion(part, n, (part.stop - part.start) / n, count)


class Devices:
    """One device, alone.

    Args:
        device: to compute on.

    Attributes:
        rank: of this process, from 0. The first one reads, decides, writes and speaks.
        count: processes that train together.
        here: how many of them run on this machine.
    """

    rank: int = 0
    count: int = 1
    here: int = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def portion(self, pictures: int) -> Portion:
        """Return this process's part of a batch of so many."""
        return Portion(slice(0, pictures), pictures)

    def rows(self, n: int) -> slice:
        """Return which of ``n`` pictures are this process's to evaluate; there may be none."""
        return slice(n * self.rank // self.count, n * (self.rank + 1) // self.count)

    @contextlib.contextmanager
    def parallel(self, net: Net) -> Iterator[Callable[[Tensor], tuple[Tensor, ...]]]:
        """Span a training; yields what a step calls: all logits, whose gradients are averaged over all processes."""
        yield net.all_logits

    def gather(self, value: Shared) -> list[Shared]:
        """Return what each process gives, the first one's first."""
        return [value]

    def share(self, value: Any) -> Any:
        """Return what the first process gives."""
        return value

    def threads(self, wished: int | None) -> int | None:
        """Return the CPU threads of this process, of those that the training may have on this machine."""
        return wished if self.here == 1 else max(1, (wished or compute_threads()) // self.here)


def one_device(wished: str) -> Devices:
    """Return the device that a recipe names, alone."""
    return Devices(choose_device(wished))


def autocast(device: torch.device, precision: str | None) -> torch.autocast:
    """Return a context in which networks multiply in a recipe's precision, float32 where None."""
    lower = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision or "")
    return torch.autocast(device.type, lower or torch.bfloat16, enabled=lower is not None)


@contextlib.contextmanager
def on_device(net: Net, device: torch.device) -> Iterator[None]:
    """Span work of a network on a device; afterwards it is on the CPU again."""
    placed(net, device)
    try:
        yield
    finally:
        placed(net, torch.device("cpu"))


def placed(net: Net, device: torch.device) -> Net:
    """Move a network to a device, with its kernels in the layout that suits it there; it is the same object.

    That is channels_last, but for Apple's GPUs, whose gradients of it were wrong or failed in many versions of PyTorch
    (pytorch issues 175189 and 175190).
    """
    layout = torch.contiguous_format if device.type == "mps" else torch.channels_last
    return net.to(device=device, memory_format=layout)  # type: ignore[call-overload, no-any-return]  # not in its stubs


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a batch's tensor on a device; to a GPU it is copied from pinned memory while the GPU computes."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
