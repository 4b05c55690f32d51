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

from ..errors import NetError
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


WHOLE_MAPS = {nn.Dropout: False, nn.Dropout1d: True, nn.Dropout2d: True, nn.Dropout3d: True}
"""The kinds of dropout that are drawn for all processes, and whether they drop whole maps."""


@contextlib.contextmanager
def as_one_batch(net: nn.Module, step: Step) -> Iterator[None]:
    """Span a training in which batch normalisation and dropout see the batches of all processes as one.

    Raises:
        NetError: the network has another kind of dropout, which each process would draw for its own part alone.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    drops = [module for module in net.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]
    for drop in drops:
        if type(drop) not in WHOLE_MAPS:
            raise NetError(
                f"{type(drop).__name__} cannot be drawn for a batch that several processes share: use nn.Dropout or "
                "nn.Dropout2d, or train in one process"
            )
    for norm in norms:
        norm.forward = functools.partial(_normalise, norm, step)  # type: ignore[method-assign]
    for drop in drops:
        drop.forward = functools.partial(_drop, drop, step)
    try:
        yield
    finally:
        for module in (*norms, *drops):
            del module.forward  # the class's own is found again


def _drop(module: nn.modules.dropout._DropoutNd, step: Step, x: Tensor) -> Tensor:
    if not module.training or not module.p:
        return x
    if WHOLE_MAPS[type(module)]:
        maps = torch.ones((step.portion.of, x.shape[1], *(1,) * (x.ndim - 2)), dtype=x.dtype, device=x.device)
        return x * F.dropout(maps, module.p, training=True)[step.portion.part]
    layout = torch.channels_last if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) else None
    whole = torch.empty((step.portion.of, *x.shape[1:]), dtype=x.dtype, device=x.device)
    whole = whole.contiguous(memory_format=layout or torch.contiguous_format)
    return x * F.dropout(whole.fill_(1.0), module.p, training=True)[step.portion.part]


def _normalise(module: nn.modules.batchnorm._BatchNorm, step: Step, x: Tensor) -> Tensor:
    if not module.training:
        return type(module).forward(module, x)
    return normalised(module, x, total=step.total, counts=bool(step.portion.share))
