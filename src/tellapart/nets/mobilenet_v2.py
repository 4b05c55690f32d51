"""MobileNet v2: inverted residuals with linear bottlenecks.

======  ========================  ======  =======  =======  ========
stage   layer                     maps    units    stride   at 224
======  ========================  ======  =======  =======  ========
stem    conv 3×3                  32      1        2        112×112
block1  expansion 1               16      1        1        112×112
block2  expansion 6               24      2        2        56×56
block3  expansion 6               32      3        2        28×28
block4  expansion 6               64      4        2        14×14
block5  expansion 6               96      3        1        14×14
block6  expansion 6               160     3        2        7×7
block7  expansion 6               320     1        1        7×7
neck    conv 1×1                  1280    1        1        7×7
head    average, dropout, dense   1000
======  ========================  ======  =======  =======  ========

A unit is conv 1×1 to ``expansion`` times the maps, ReLU6, depthwise conv 3×3, ReLU6, conv 1×1 without activation,
and the input added where the shapes agree; each convolution is followed by batch normalisation.

Made for 224×224; 3,504,872 parameters; ImageNet top-1 71.88, top-5 90.29. Variant "torchvision", which has the
weights, pads both sides alike; variant "keras" pads as TensorFlow does, with batch normalisation's epsilon 1e-3.

Source: Sandler et al., MobileNetV2, https://arxiv.org/abs/1801.04381, table 2. Parameter names and accuracies:
torchvision's (IMAGENET1K_V1).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from .base import Net, Published, check_dropout, check_width, net
from .layers import SameConv2d, average, check_variant, initialise, keras_norm, rounded

VARIANTS = ("torchvision", "keras")

# Expansion, maps, units, stride: table 2 of the paper.
_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


@net(
    "mobilenet_v2",
    summary="inverted residuals, 3.5 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=Published(
        3_504_872,
        top1=71.878,
        top5=90.286,
        url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        sha256="b0353104",
    ),
)
class MobileNetV2(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 32×32.
        variant: "torchvision" or "keras".
        width: factor on the maps, to the nearest multiple of 8; the paper's multiplier and Keras' alpha. The neck never
            narrows.
        dropout: share of the embedding that is dropped before the last layer in training.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("mobilenet_v2", outputs=2, image_size=(64, 64)).embed(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1280])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        variant: str = "torchvision",
        width: float = 1.0,
        dropout: float = 0.2,
    ) -> None:
        check_dropout(dropout)
        check_width(width)
        super().__init__()
        check_variant("mobilenet_v2", variant, allowed=VARIANTS)
        self.variant = variant
        same = variant == "keras"
        inputs, neck = rounded(32 * width), rounded(1280 * max(1.0, width))
        layers: list[nn.Module] = [_unit(channels, inputs, kernel=3, stride=2, same=same)]
        for expansion, maps, units, stride in _BLOCKS:
            maps = rounded(maps * width)
            for place in range(units):
                step = stride if place == 0 else 1
                layers.append(_InvertedResidual(inputs, maps, stride=step, expansion=expansion, same=same))
                inputs = maps
        self.features = nn.Sequential(*layers, _unit(inputs, neck, kernel=1, same=same))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(neck, outputs))
        initialise(self)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, D, ceil(H / 32), ceil(W / 32)); D is 1280, and more above width 1."""
        maps: Tensor = self.features(pictures)
        return maps

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, D)."""
        return average(self.feature_map(pictures))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.classifier(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, block1 to block7, neck, head."""
        parts: dict[str, nn.Module] = {"stem": self.features[0]}
        start = 1
        for number, (_, _, units, _) in enumerate(_BLOCKS, start=1):
            parts[f"block{number}"] = self.features[start : start + units]
            start += units
        return {**parts, "neck": self.features[-1], "head": self.classifier}


class _InvertedResidual(nn.Module):
    """Expand, filter each map by itself, project; the input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int, same: bool) -> None:
        super().__init__()
        inner = inputs * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_unit(inputs, inner, kernel=1, same=same)]
        layers.append(_unit(inner, inner, kernel=3, stride=stride, groups=inner, same=same))
        self.conv = nn.Sequential(*layers, nn.Conv2d(inner, outputs, 1, bias=False), keras_norm(outputs, same=same))
        self._adds = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, ceil(h / stride), ceil(w / stride)) of (N, inputs, h, w)."""
        projected: Tensor = self.conv(maps)
        return projected + maps if self._adds else projected


def _unit(inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1, same: bool) -> nn.Sequential:
    """Return convolution, batch normalisation, ReLU6."""
    conv: nn.Conv2d
    if same:
        conv = SameConv2d(inputs, outputs, kernel=kernel, stride=stride, groups=groups)
    else:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, keras_norm(outputs, same=same), nn.ReLU6())
