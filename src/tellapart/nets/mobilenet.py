"""MobileNet (v1): a depthwise and a 1×1 convolution for each full one.

======  =============================  ======  =======  =======  ========
stage   layer                          maps    units    stride   at 224
======  =============================  ======  =======  =======  ========
stem    conv 3×3                       32      1        2        112×112
block1  depthwise 3×3, conv 1×1        64      1        1        112×112
block2  depthwise 3×3, conv 1×1        128     2        2        56×56
block3  depthwise 3×3, conv 1×1        256     2        2        28×28
block4  depthwise 3×3, conv 1×1        512     6        2        14×14
block5  depthwise 3×3, conv 1×1        1024    2        2        7×7
head    average, dropout, dense        1000
======  =============================  ======  =======  =======  ========

Each convolution is followed by batch normalisation and ReLU6; the first unit of a block has its stride.

Made for 224×224; 4,231,976 parameters; ImageNet top-1 75.38, top-5 92.31 with timm's weights (the paper: top-1 70.6).
Variant "timm", which has the weights, pads both sides alike; variant "keras" pads below and right, with batch
normalisation's epsilon 1e-3.

Source: Howard et al., MobileNets, https://arxiv.org/abs/1704.04861, table 1. Parameter names: timm's
(mobilenetv1_100.ra4_e3600_r224_in1k, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, Published, check_dropout, check_width, net
from .layers import SameConv2d, average, check_variant, initialise, keras_norm

VARIANTS = ("timm", "keras")

# Maps, units, stride: table 1 of the paper.
_BLOCKS = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))


@net(
    "mobilenet",
    summary="depthwise separable convolutions, 4.2 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=Published(
        4_231_976,
        top1=75.382,
        top5=92.312,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        resample="bicubic",
        url="https://huggingface.co/timm/mobilenetv1_100.ra4_e3600_r224_in1k/resolve/main/model.safetensors",
    ),
)
class MobileNet(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 32×32.
        variant: "timm" or "keras".
        width: factor on the maps, rounded down to a multiple of 8; the paper's and Keras' alpha.
        dropout: share of the embedding that is dropped before the last layer in training.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("mobilenet", outputs=2, image_size=(64, 64)).embed(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1024])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        variant: str = "timm",
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        check_dropout(dropout)
        check_width(width)
        super().__init__()
        check_variant("mobilenet", variant, allowed=VARIANTS)
        self.variant = variant
        same = variant == "keras"
        inputs = _scaled(32, width)
        self.conv_stem = _conv(channels, inputs, stride=2, same=same)
        self.bn1 = keras_norm(inputs, same=same)
        blocks = []
        for maps, units, stride in _BLOCKS:
            outs = _scaled(maps, width)
            block = [
                _Separable(outs if place else inputs, outs, stride=1 if place else stride, same=same)
                for place in range(units)
            ]
            blocks.append(nn.Sequential(*block))
            inputs = outs
        self.blocks = nn.Sequential(*blocks)
        self._dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(inputs, outputs)
        initialise(self)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 1024 × width, H / 32, W / 32): rounded up; in variant keras an odd side is halved downwards."""
        maps: Tensor = self.blocks(F.relu6(self.bn1(self.conv_stem(pictures))))
        return maps

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 1024 × width)."""
        return average(self.feature_map(pictures))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.classifier(self._dropout(embedding))
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, block1 to block5, head."""
        blocks = {f"block{number}": block for number, block in enumerate(self.blocks, start=1)}
        return {"stem": nn.ModuleList([self.conv_stem, self.bn1]), **blocks, "head": self.classifier}


class _Separable(nn.Module):
    """Filter each map by itself, then mix the maps."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, same: bool) -> None:
        super().__init__()
        self.conv_dw = _conv(inputs, inputs, stride=stride, groups=inputs, same=same)
        self.bn1 = keras_norm(inputs, same=same)
        self.conv_pw = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn2 = keras_norm(outputs, same=same)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, ceil(h / stride), ceil(w / stride)) of (N, inputs, h, w)."""
        maps = F.relu6(self.bn1(self.conv_dw(maps)))
        return F.relu6(self.bn2(self.conv_pw(maps)))


class _PaddedAfter(nn.Conv2d):
    """A convolution that pads a pixel below and right alone, as Keras' MobileNet does before each stride of 2."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, h // 2, w // 2) of (N, inputs, h, w)."""
        return super().forward(F.pad(maps, (0, 1, 0, 1)))


def _conv(inputs: int, outputs: int, *, stride: int, groups: int = 1, same: bool) -> nn.Conv2d:
    if not same or stride == 1:
        return nn.Conv2d(inputs, outputs, 3, stride, padding=1, groups=groups, bias=False)
    if groups == 1:
        return SameConv2d(inputs, outputs, kernel=3, stride=stride)
    # Equal to "same" at even sizes, and a pixel less at odd ones.
    return _PaddedAfter(inputs, outputs, 3, stride, groups=groups, bias=False)


def _scaled(maps: int, width: float) -> int:
    # Keras cuts down to whole maps; every width that it publishes (0.25, 0.5, 0.75, 1) gives multiples of 8.
    return max(8, int(maps * width) // 8 * 8)
