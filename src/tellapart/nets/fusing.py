"""A network's features as fast as this processor gives them: convolution, sum and activation in one pass each.

Batch normalisation is folded first (``folding``). What is left is traced into single operations; each convolution then
takes up the activation that follows it and the sum of a shortcut, as oneDNN's post-operations, with its weights kept in
oneDNN's own order. Padding that is not the same on both sides, as TensorFlow's, goes into a cheap convolution as zeros
in its kernel: to write padded maps costs more. Everything else runs as it stands.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ..machine import lacks_memory
from .base import Net
from .folding import folded

FEW_INPUTS = 4
"""Maps that each map of a convolution is made from, up to which some zeros more in its kernel cost next to nothing."""

_ACTIVATIONS = {torch.ops.aten.relu.default: "relu", torch.ops.aten.hardtanh.default: "hardtanh"}


class Embedding:
    """What a network's last layer sees, float32 (N, D), of pictures, float32 (N, C, H, W); for inference.

    Args:
        net: left as it is.
        example: pictures of the size and device that will come; batches as long as it are the fastest.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> net = build_net("compact", outputs=3, image_size=(32, 32), options={"width": 4}).eval()
        >>> pictures = torch.rand(5, 3, 32, 32).to(memory_format=torch.channels_last)
        >>> quick = Embedding(net, example=pictures[:2])
        >>> torch.allclose(quick(pictures), net.embed(pictures), atol=1e-4)
        True
    """

    def __init__(self, net: Net, *, example: Tensor) -> None:
        self._folded = folded(net, example=example)
        self._shape = example.shape
        self._fused = _checked(self._folded, example) if _can_fuse(example) else None

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return (N, D) of pictures (N, C, H, W)."""
        with torch.inference_mode():
            if self._fused is None:
                return self._folded.embed(pictures)
            length = self._shape[0]
            rows = []
            for start in range(0, len(pictures), length):
                part = pictures[start : start + length]
                short = length - len(part)
                whole = torch.cat([part, part[-1:].expand(short, *part.shape[1:])]) if short else part
                rows.append(self._fused(whole.contiguous(memory_format=torch.channels_last))[: len(part)])
            return torch.cat(rows)


def _can_fuse(example: Tensor) -> bool:
    there = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return there and example.device.type == "cpu" and example.dtype == torch.float32


def _checked(net: Net, example: Tensor) -> Callable[[Tensor], Tensor] | None:
    """Return the fused features; None where they cannot be fused, or come out as others, as of somebody's own network.

    Such as of one that looks at its numbers on the way, has convolutions along one axis, or changes in place what it
    reads again.
    """
    try:
        fused = _fused(net, example)
        with torch.inference_mode():
            expected, found = net.embed(example), fused(example.contiguous(memory_format=torch.channels_last))
    except Exception as error:
        if lacks_memory(error):
            raise
        return None
    return fused if (found - expected).abs().max() <= 1e-3 * expected.abs().max() else None


def _fused(net: Net, example: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the traced features with the operations after each convolution taken into it."""
    from torch.fx.experimental.proxy_tensor import make_fx

    example = example.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        traced = make_fx(lambda pictures: net.embed(pictures))(example)  # make_fx counts a method's self
    for node in traced.graph.find_nodes(op="call_function", target=torch.ops.aten.constant_pad_nd.default):
        _take_padding(traced, node)
    shapes = _Shapes(traced)
    with torch.no_grad():
        shapes.run(example)
    # The last one first: a convolution of a shortcut stays alone where the block's own one took the sum up.
    for node in reversed(list(traced.graph.nodes)):
        if node.target is torch.ops.aten.convolution.default and not node.args[6]:
            _fuse(traced, node, shapes.found)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def _take_padding(traced: fx.GraphModule, pad: fx.Node) -> None:
    """Let the convolution behind a padding pad evenly, with zeros in its kernel on the side of which there is less."""
    conv, given = _only_user(pad), pad.args
    if conv is None or conv.target is not torch.ops.aten.convolution.default or any(given[2:]) or not _is_kept(conv):
        return
    arguments: Any = conv.args
    _, weight, bias, stride, own, dilation, transposed, output_padding, groups = arguments
    kernel = _tensor(traced, weight)
    cheap = kernel.shape[1] <= FEW_INPUTS  # in a depthwise one each map has one
    if transposed or not cheap or tuple(dilation) != (1, 1) or tuple(own) != (0, 0):
        return
    sides: Any = given[1]
    if len(sides) != 4:  # along other axes than height and width
        return
    left, right, top, bottom = sides
    if min(left, right, top, bottom) < 0:
        return
    name = f"padded_{conv.name}"
    traced.register_buffer(name, F.pad(kernel, _lacking(left, right) + _lacking(top, bottom)))
    even = [max(top, bottom), max(left, right)]
    with traced.graph.inserting_before(conv):
        kept = traced.graph.get_attr(name)
        conv.args = (given[0], kept, bias, stride, even, dilation, transposed, output_padding, groups)
    traced.graph.erase_node(pad)


def _lacking(before: int, behind: int) -> list[int]:
    """Return the zeros that a kernel needs before and behind it, for its padding to be even."""
    return [max(0, behind - before), max(0, before - behind)]


def _is_kept(conv: fx.Node) -> bool:
    """Return whether a convolution's weight lies in the network, and is not computed, as a standardised one."""
    weight = conv.args[1]
    return isinstance(weight, fx.Node) and weight.op == "get_attr"


def _tensor(traced: fx.GraphModule, node: fx.Node) -> Tensor:
    found: Tensor = operator.attrgetter(str(node.target))(traced)
    return found.detach()


class _Shapes(fx.Interpreter):
    """Runs a traced network once and keeps the shape of each result."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        self.found: dict[fx.Node, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.found[n] = result.shape
        return result


def _fuse(traced: fx.GraphModule, conv: fx.Node, shapes: dict[fx.Node, torch.Size]) -> None:
    """Replace a convolution, and what follows it alone, by one operation of oneDNN."""
    if not _is_kept(conv):
        return
    arguments: Any = conv.args
    pictures, weight, bias, stride, padding, dilation, _, _, groups = arguments
    last, other, activation = conv, None, None
    scalars: list[Any] = []
    follower = _only_user(last)
    if follower is not None and follower.target is torch.ops.aten.add.Tensor and not follower.kwargs:
        first, second = follower.args
        shortcut = second if first is conv else first
        if isinstance(shortcut, fx.Node) and shortcut is not conv and shapes.get(shortcut) == shapes[conv]:
            last, other = follower, shortcut
            follower = _only_user(last)
    if follower is not None and follower.target in _ACTIVATIONS:
        last, activation = follower, _ACTIVATIONS[follower.target]
        scalars = list(follower.args[1:])
        if activation == "hardtanh" and len(scalars) != 2:
            scalars = [-1.0, 1.0]
    plain = _tensor(traced, weight).contiguous(memory_format=torch.channels_last)
    name = f"packed_{conv.name}"
    pack = torch.ops.mkldnn._reorder_convolution_weight
    traced.register_buffer(name, pack(plain, padding, stride, dilation, groups, list(shapes[pictures])))
    with traced.graph.inserting_before(last):
        kept = traced.graph.get_attr(name)
        geometry = (kept, bias, padding, stride, dilation, groups)
        if other is None:
            target = torch.ops.mkldnn._convolution_pointwise.default
            new = traced.graph.call_function(target, (pictures, *geometry, activation or "none", scalars, ""))
        else:
            target = torch.ops.mkldnn._convolution_pointwise.binary
            new = traced.graph.call_function(target, (pictures, other, *geometry, "add", 1.0, activation, scalars, ""))
    shapes[new] = shapes[conv]
    last.replace_all_uses_with(new)


def _only_user(node: fx.Node) -> fx.Node | None:
    users = list(node.users)
    return users[0] if len(users) == 1 else None
