"""What an operation computes and moves, from the shapes of what it is given."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

Sizes = Sequence[int]

FORWARD, BACKWARD = "aten::mkldnn_convolution", "aten::convolution_backward"
PRODUCTS = ("aten::addmm", "aten::mm")
POOL, POOL_BACKWARD = "aten::mkldnn_max_pool2d", "aten::mkldnn_max_pool2d_backward"

Given = Mapping[tuple[Sizes, ...], Sizes]
"""The sizes of the maps that an operation makes, by those of what it is given: (input, kernel), or (input,)."""


@dataclasses.dataclass(frozen=True)
class Operation:
    """All calls of one operation with the same shapes, in one step.

    Attributes:
        name: PyTorch's.
        shapes: of its arguments; empty for those that are no tensors.
        seconds: of one step.
    """

    name: str
    shapes: tuple[Sizes, ...]
    seconds: float


def multiplications(operation: Operation, *, maps: Given, first: Sizes) -> float:
    """Return the multiply-adds of a convolution or a matrix product; 0 of anything else.

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
        return math.prod(maps[tuple(pictures), tuple(kernel)]) * float(math.prod(kernel[1:]))
    if operation.name == BACKWARD:
        out, _, kernel = operation.shapes[:3]
        both = 1.0 if tuple(kernel) == tuple(first) else 2.0
        return both * math.prod(out) * math.prod(kernel[1:])
    if operation.name in PRODUCTS:
        left, right = _factors(operation)
        return float(math.prod(left) * right[1])
    return 0.0


def _factors(operation: Operation) -> tuple[Sizes, Sizes]:
    """Return the sizes of the two matrices that are multiplied."""
    first = 0 if operation.name == "aten::mm" else 1
    return operation.shapes[first], operation.shapes[first + 1]


def moved_bytes(operation: Operation, *, maps: Given) -> float:
    """Return the bytes of an operation's tensors of float32: what it is given, once, and what it gives.

    What it gives is as large as the largest that it is given, but for a convolution's maps and a matrix product. A
    max-pool keeps a byte for each of its maxima, by which its gradient is spread.

    Example:
        >>> moved_bytes(Operation("aten::clamp_min", ((2, 8, 10, 10), ()), 0.001), maps={})
        12800.0
    """
    if operation.name in (POOL, POOL_BACKWARD):
        whole = operation.shapes[0 if operation.name == POOL else 2]
        return 4.0 * math.prod(whole) + 5.0 * math.prod(maps[(whole,)])
    sizes = [math.prod(shape) for shape in operation.shapes if shape]
    given, largest = sum(sizes), max(sizes, default=0)
    if operation.name == FORWARD:
        largest = math.prod(maps[tuple(operation.shapes[0]), tuple(operation.shapes[1])])
    if operation.name in PRODUCTS:
        left, right = _factors(operation)
        largest = left[0] * right[1]
    return 4.0 * (given + largest)
