"""What an operation computes and moves, from the shapes of what it is given."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

Sizes = Sequence[int]

FORWARD, BACKWARD = "aten::mkldnn_convolution", "aten::convolution_backward"
PRODUCTS = ("aten::addmm", "aten::mm")
POOL, POOL_BACKWARD = "aten::mkldnn_max_pool2d", "aten::mkldnn_max_pool2d_backward"
PLACED = {"aten::max_pool2d_with_indices": 0, "aten::max_pool2d_with_indices_backward": 1}
"""PyTorch's own max-pool of 2×2, by which argument has the whole maps: it keeps each maximum's place in eight bytes."""

Given = Mapping[tuple[Sizes, ...], Sizes]
"""The sizes of the maps that an operation makes, by those of what it is given: (input, kernel), or (input,)."""


@dataclasses.dataclass(frozen=True)
class Operation:
    """All calls of one operation with the same shapes, in one step.

    Attributes:
        name: PyTorch's.
        shapes: of its arguments; empty for those that are no tensors.
        seconds: of one step.
        calls: in it.
    """

    name: str
    shapes: tuple[Sizes, ...]
    seconds: float
    calls: int = 1


def multiplications(operation: Operation, *, maps: Given, first: Sizes) -> float:
    """Return the multiply-adds of convolutions or matrix products; 0 of anything else.

    Args:
        operation: with the shapes of one call.
        maps: the sizes of what a convolution gives, by those of its input and its kernel.
        first: the sizes of the kernel that sees the pictures: no gradient goes further down.

    Example:
        >>> conv = Operation(FORWARD, ((8, 3, 6, 6), (4, 3, 3, 3)), 0.001)
        >>> multiplications(conv, maps={((8, 3, 6, 6), (4, 3, 3, 3)): (8, 4, 6, 6)}, first=(4, 3, 3, 3))
        31104.0
    """
    if operation.name == FORWARD:
        pictures, kernel = operation.shapes[:2]
        return operation.calls * math.prod(maps[tuple(pictures), tuple(kernel)]) * float(math.prod(kernel[1:]))
    if operation.name == BACKWARD:
        out, _, kernel = operation.shapes[:3]
        both = 1.0 if tuple(kernel) == tuple(first) else 2.0
        return operation.calls * both * math.prod(out) * math.prod(kernel[1:])
    if operation.name in PRODUCTS:
        left, right = _factors(operation)
        return float(operation.calls * math.prod(left) * right[1])
    return 0.0


def _factors(operation: Operation) -> tuple[Sizes, Sizes]:
    """Return the sizes of the two matrices that are multiplied."""
    first = 0 if operation.name == "aten::mm" else 1
    return operation.shapes[first], operation.shapes[first + 1]


def moved_bytes(operation: Operation, *, maps: Given, item: int = 4) -> float:
    """Return the bytes of an operation's tensors: what it is given, once, and what it gives.

    Args:
        operation: with the shapes of one call.
        maps: as for ``multiplications``.
        item: bytes of a number: 4 in float32; 2 in bfloat16, in which a network's maps are, and its weights are not.

    What it gives is as large as the largest that it is given, but for a convolution's maps and a matrix product. A
    max-pool keeps a byte for each of its maxima, by which its gradient is spread.

    Example:
        >>> moved_bytes(Operation("aten::clamp_min", ((2, 8, 10, 10), ()), 0.001), maps={})
        12800.0
    """
    calls = operation.calls
    if operation.name in (POOL, POOL_BACKWARD):
        whole = operation.shapes[0 if operation.name == POOL else 2]
        return calls * (item * math.prod(whole) + (item + 1.0) * math.prod(maps[(whole,)]))
    if operation.name in PLACED:
        whole = operation.shapes[PLACED[operation.name]]
        return calls * (item * math.prod(whole) + (item + 8.0) * math.prod(whole) / 4)
    sizes = [math.prod(shape) for shape in operation.shapes if shape]
    given, largest = sum(sizes), max(sizes, default=0)
    if operation.name == FORWARD:
        largest = math.prod(maps[tuple(operation.shapes[0]), tuple(operation.shapes[1])])
    if operation.name in PRODUCTS:
        left, right = _factors(operation)
        largest = left[0] * right[1]
    return float(calls * item * (given + largest))
