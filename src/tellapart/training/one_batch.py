"""What looks at a whole batch, batch normalisation and dropout, done over the parts that several processes have.

Batch normalisation adds its sums up over them. Dropout draws for the whole batch in each process and takes its part, so
that a picture loses the same units whoever has it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nets.batch_norm import normalised
from .devices import Portion


@dataclasses.dataclass
class Step:
    """What the layers of a network know of the step that is computed.

    Attributes:
        portion: this process's part of the batch.
        total: adds up a tensor over all processes.
    """

    total: Callable[[Tensor], Tensor]
    portion: Portion = dataclasses.field(default_factory=lambda: Portion(slice(0, 0), 0))


@contextlib.contextmanager
def as_one_batch(net: nn.Module, step: Step) -> Iterator[None]:
    """Span a training in which batch normalisation and dropout see the batches of all processes as one."""
    changed = []
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.forward = functools.partial(_normalise, module, step)  # type: ignore[method-assign]
        elif isinstance(module, nn.modules.dropout._DropoutNd) and type(module) is nn.Dropout:
            module.forward = functools.partial(_drop, module, step)  # type: ignore[method-assign]
        else:
            continue
        changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward  # the class's own is found again


def _drop(module: nn.Dropout, step: Step, x: Tensor) -> Tensor:
    if not module.training or not module.p:
        return x
    layout = torch.channels_last if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) else None
    whole = torch.empty((step.portion.of, *x.shape[1:]), dtype=x.dtype, device=x.device)
    whole = whole.contiguous(memory_format=layout or torch.contiguous_format)
    return x * F.dropout(whole.fill_(1.0), module.p, training=True)[step.portion.part]


def _normalise(module: nn.modules.batchnorm._BatchNorm, step: Step, x: Tensor) -> Tensor:
    if not module.training:
        return type(module).forward(module, x)
    return normalised(module, x, total=step.total, counts=bool(step.portion.share))
