"""What looks at a whole batch, batch normalisation and dropout, done over the parts that several processes have.

torch's SyncBatchNorm is for GPUs alone; this one computes the same on any device. Dropout draws for the whole batch in
each process and takes its part, so that a picture loses the same units whoever has it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
    mean, var, count = _statistics(x, step)
    _keep_running(module, mean, var, count)
    weight = mean.new_ones(len(mean)) if module.weight is None else module.weight
    bias = mean.new_zeros(len(mean)) if module.bias is None else module.bias
    normalise: Callable[..., Tensor] = _Normalised.apply
    out = normalise(x, weight, bias, mean, var, module.eps, count, step)
    return out


@torch.no_grad()
def _statistics(x: Tensor, step: Step) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and variance of each channel over the pictures of all processes, and how many values they have."""
    mean, var = (part.double() for part in torch.batch_norm_update_stats(x, None, None, 0.0))
    mine = x.numel() / x.shape[1] if step.portion.share else 0.0
    sums = step.total(torch.cat([mean, var + mean.square(), mean.new_ones(1)]) * mine)
    mean, square = (sums[:-1] / sums[-1]).chunk(2)
    return mean.float(), (square - mean.square()).clamp_min(0.0).float(), sums[-1]


@torch.no_grad()
def _keep_running(module: nn.modules.batchnorm._BatchNorm, mean: Tensor, var: Tensor, count: Tensor) -> None:
    if module.running_mean is None or module.running_var is None or module.num_batches_tracked is None:
        return
    module.num_batches_tracked.add_(1)
    momentum = 1 / float(module.num_batches_tracked) if module.momentum is None else module.momentum
    module.running_mean.lerp_(mean, momentum)
    module.running_var.lerp_((var * (count / (count - 1).clamp_min(1.0))).float(), momentum)


class _Normalised(torch.autograd.Function):
    """Batch normalisation by statistics to which all processes contributed (S. Ioffe and C. Szegedy, 2015)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
        eps: float,
        count: Tensor,
        step: Step,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps, ctx.count, ctx.step, ctx.counts = eps, count, step, bool(step.portion.share)
        return F.batch_norm(x, mean, var, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, var = ctx.saved_tensors
        through, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.cat([to_weight.double(), to_bias.double()])
        along, level = (ctx.step.total(sums) / ctx.count).float().chunk(2)
        if ctx.counts:  # a picture that is not this process's own moved no statistics
            spread = torch.rsqrt(var + ctx.eps)
            slope = weight * spread * spread * along
            offset = weight * spread * level - slope * mean
            shape = (1, -1, *[1] * (x.ndim - 2))
            through = through - (x * slope.view(shape) + offset.view(shape)).to(through.dtype)
        return through, to_weight, to_bias, None, None, None, None, None
