"""The few layers and the initialisation that several published networks share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import RecipeError


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": ceil(size / stride) out, the odd pixel of padding below and right.

    PyTorch pads both sides alike, which for a stride of 2 shifts every window by a pixel against TensorFlow.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: height and width of the window.
        stride: step of the window.
        groups: as in ``torch.nn.Conv2d``.

    Example:
        >>> import torch
        >>> from tellapart.nets.layers import SameConv2d
        >>> SameConv2d(3, 8, kernel=3, stride=2)(torch.zeros(1, 3, 9, 10)).shape
        torch.Size([1, 8, 5, 5])
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1) -> None:
        # With stride 1 and an odd kernel the two rules agree, and the convolution pads without a copy.
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (N, outputs, ceil(H / stride), ceil(W / stride)) of (N, inputs, H, W)."""
        if self.stride[0] > 1:
            top, bottom = same_padding(int(pictures.shape[2]), kernel=self.kernel_size[0], stride=self.stride[0])
            left, right = same_padding(int(pictures.shape[3]), kernel=self.kernel_size[1], stride=self.stride[1])
            pictures = F.pad(pictures, (left, right, top, bottom))
        return super().forward(pictures)


def same_padding(size: int, *, kernel: int, stride: int) -> tuple[int, int]:
    """Return the pixels of padding before and after one side of ``size`` pixels, by TensorFlow's "same" rule.

    Example:
        >>> from tellapart.nets.layers import same_padding
        >>> same_padding(224, kernel=3, stride=2), same_padding(225, kernel=3, stride=2)
        ((0, 1), (1, 1))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, ReLU: the unit of the Inception family.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: side of the window, or (height, width).
        stride: step of the window.
        padding: pixels of zeros on each side, or (top and bottom, left and right).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, h, w) of (N, inputs, H, W)."""
        normed: Tensor = self.bn(self.conv(maps))
        return F.relu(normed)


def average(maps: Tensor) -> Tensor:
    """Return the mean of each map, (N, C), of maps (N, C, h, w): global average pooling."""
    return maps.mean((2, 3))


def initialise(net: nn.Module) -> None:
    """Draw the weights of a network by He's rule, in place, from PyTorch's current generator.

    Convolutions are drawn for the variance of their outputs' gradients, dense layers narrowly around 0; biases
    are 0 and batch normalisations the identity. A network without memory for its weights stays as it is.

    Source: He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852, section 2.2.
    """
    if any(value.is_meta for value in net.parameters()):
        return
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.01)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def adaptive_average(maps: Tensor, size: int) -> Tensor:
    """Return maps (N, C, size, size) of maps (N, C, h, w) of any size: each cell the mean of its share.

    The same as PyTorch's adaptive pooling, written as two matrix products where the shares overlap, because only
    that can be exported.

    Args:
        maps: (N, C, h, w).
        size: cells a side.

    Example:
        >>> import torch
        >>> from tellapart.nets.layers import adaptive_average
        >>> adaptive_average(torch.arange(3.0).expand(1, 1, 3, 3), 2)[0, 0].tolist()
        [[0.5, 1.5], [0.5, 1.5]]
    """
    height, width = int(maps.shape[2]), int(maps.shape[3])
    if (height, width) == (size, size):
        return maps
    if height % size == 0 and width % size == 0:
        return F.avg_pool2d(maps, (height // size, width // size))
    if maps.is_meta:  # a summary shows what it is, and how far it sees
        return F.adaptive_avg_pool2d(maps, size)
    return _shares(height, size).to(maps) @ maps @ _shares(width, size).to(maps).T


def _shares(side: int, size: int) -> Tensor:
    """Return the (size, side) matrix whose row i averages the pixels from ⌊i·side/size⌋ to ⌈(i+1)·side/size⌉."""
    shares = torch.zeros(size, side)
    for cell in range(size):
        first, last = cell * side // size, -(-(cell + 1) * side // size)
        shares[cell, first:last] = 1 / (last - first)
    return shares


def check_variant(name: str, variant: str, *, allowed: tuple[str, ...], option: str = "variant") -> None:
    """Raise RecipeError unless ``variant`` is one that the network called ``name`` has."""
    if variant not in allowed:
        raise RecipeError(f"{option} must be one of {', '.join(allowed)} for {name!r}, got {variant!r}")


def keras_norm(maps: int, *, same: bool) -> nn.BatchNorm2d:
    """Return a batch normalisation with the epsilon of Keras' MobileNets where ``same``, else PyTorch's."""
    return nn.BatchNorm2d(maps, eps=1e-3) if same else nn.BatchNorm2d(maps)


def rounded(maps: float) -> int:
    """Return the multiple of 8 nearest to ``maps``, never more than a tenth below it: the rule of the MobileNets.

    Example:
        >>> from tellapart.nets.layers import rounded
        >>> rounded(24 * 0.35), rounded(40 * 1.1)
        (8, 48)
    """
    nearest = max(8, int(maps + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * maps else nearest
