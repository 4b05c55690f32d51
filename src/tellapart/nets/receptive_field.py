"""How much of the picture one position of a map sees, and how far apart two neighbouring positions look.

For a window of kernel k, dilation d and stride s over maps with field r and jump j (Araujo, Norris, Sim, "Computing
receptive fields of convolutional neural networks", Distill 2019, equations 2 and 3)::

    r' = r + (k − 1) · d · j        j' = j · s
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
CONVOLUTIONS = (aten.convolution,)
POOLS = (aten.max_pool2d_with_indices, aten.avg_pool2d)
ADAPTIVE_POOLS = (aten._adaptive_avg_pool2d, aten.adaptive_max_pool2d)
REDUCTIONS = (aten.mean, aten.amax, aten.sum)
DENSE = (aten.mm, aten.addmm)
ATTENTION = (aten.bmm, aten.baddbmm)


@dataclasses.dataclass(frozen=True)
class Field:
    """A receptive field.

    Attributes:
        size: (height, width) in pixels; the part over the picture's border counts.
        jump: (down, across) in pixels from one position's field to the next one's.
    """

    size: tuple[int, int]
    jump: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Window:
    """What slides over the maps: kernel, stride and dilation, each (down, across)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)


def window(func: Any, args: Sequence[Any]) -> Window | None:
    """Return the window of a convolution or pool over (N, C, H, W), None for all other tensor operations."""
    packet = func.overloadpacket
    if not args or not isinstance(args[0], Tensor) or args[0].ndim != 4:
        return None
    sides = (args[0].shape[2], args[0].shape[3])
    if packet in CONVOLUTIONS and not args[6]:
        return Window((args[1].shape[2], args[1].shape[3]), pair(args[3]), pair(args[5]))
    if packet in POOLS:
        kernel = pair(args[1])
        stride = pair(args[2]) if len(args) > 2 and args[2] else kernel
        dilated = packet is aten.max_pool2d_with_indices and len(args) > 4
        return Window(kernel, stride, pair(args[4]) if dilated else (1, 1))
    if packet in ADAPTIVE_POOLS:
        down, across = (_adaptive(side, out) for side, out in zip(sides, pair(args[1]), strict=True))
        return Window((down[0], across[0]), (down[1], across[1]))
    if packet in REDUCTIONS and len(args) > 1 and args[1] is not None and {d % 4 for d in args[1]} >= {2, 3}:
        return Window(sides, sides)
    return None


def after(
    func: Any,
    args: Sequence[Any],
    *,
    out: Tensor,
    seen: Sequence[tuple[Tensor, Field]],
    image_size: tuple[int, int],
) -> Field:
    """Return the receptive field of what a tensor operation gives.

    Args:
        func: the operation, ``torch.ops.aten. ...``.
        args: its arguments.
        out: what it gave for one picture.
        seen: those of its arguments that come from the picture, with their fields: one or more.
        image_size: (height, width) of the picture: what a dense layer sees.
    """
    joined = _joined(out, seen)
    # With one picture, one row is a layer over everything; many rows are a layer at each position.
    over_all = func.overloadpacket in DENSE and out.shape[0] == 1
    # A product of two tensors from the picture mixes its positions; one with weights is a layer at each position.
    if over_all or (func.overloadpacket in ATTENTION and len(seen) > 1):
        return Field(_larger(joined.size, image_size), _larger(joined.jump, image_size))
    sliding = window(func, args)
    if sliding is None:
        return joined
    (high, wide), (down, across) = joined.size, joined.jump
    high += (sliding.kernel[0] - 1) * sliding.dilation[0] * down
    wide += (sliding.kernel[1] - 1) * sliding.dilation[1] * across
    return Field((high, wide), (down * sliding.stride[0], across * sliding.stride[1]))


def describe(func: Any, args: Sequence[Any]) -> str:
    """Return a window in words, ``"3×3 /2 dilation 2 depthwise"``; "" for an operation without one.

    Example:
        >>> import torch
        >>> describe(torch.ops.aten.avg_pool2d.default, (torch.zeros(1, 1, 8, 8), [3, 3], [2, 2]))
        '3×3 /2'
    """
    sliding = window(func, args)
    if sliding is None:
        return ""
    convolution = func.overloadpacket in CONVOLUTIONS
    words = [f"{sliding.kernel[0]}×{sliding.kernel[1]}"]
    usual = (1, 1) if convolution else sliding.kernel
    if sliding.stride != usual:
        down, across = sliding.stride
        words.append(f"/{down}" if down == across else f"/{down}×{across}")
    if sliding.dilation != (1, 1):
        words.append(f"dilation {max(sliding.dilation)}")
    groups = args[8] if convolution else 1
    if groups > 1:
        words.append("depthwise" if groups == args[0].shape[1] else f"{groups} groups")
    return " ".join(words)


def pair(value: Any) -> tuple[int, int]:
    """Return (down, across) of one number or of one or two in a list."""
    values = [value] if isinstance(value, int) else list(value)
    return (values[0], values[-1])


def _adaptive(side: int, out: int) -> tuple[int, int]:
    """Return the largest kernel and whole stride of an adaptive pool; cell i is ⌊i·side/out⌋ to ⌈(i+1)·side/out⌉."""
    kernel = max(-(-(i + 1) * side // out) - i * side // out for i in range(out))
    return kernel, max(1, side // out)


def _joined(out: Tensor, seen: Sequence[tuple[Tensor, Field]]) -> Field:
    """Return the largest of several fields; a map that is stretched over another one does not set the jump."""
    size, jump = seen[0][1].size, (0, 0)
    for tensor, field in seen:
        size = _larger(size, field.size)
        if tensor.shape[2:] == out.shape[2:] or len(seen) == 1:
            jump = _larger(jump, field.jump)
    if jump == (0, 0):
        for _, field in seen:
            jump = _larger(jump, field.jump)
    return Field(size, jump)


def _larger(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    return (max(left[0], right[0]), max(left[1], right[1]))
