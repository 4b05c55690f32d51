"""ResNet-18, 34, 50, 101 and 152: layers that learn what to add to their input.

======  =============================  ======  ========
stage   layer                          maps    at 224
======  =============================  ======  ========
stem    conv 7×7 stride 2, max-pool 3  64      56×56
block1  units                          64      56×56
block2  units, the first stride 2      128     28×28
block3  units, the first stride 2      256     14×14
block4  units, the first stride 2      512     7×7
head    average, dense                 1000
======  =============================  ======  ========

A basic unit is conv 3×3, conv 3×3; a bottleneck is conv 1×1, conv 3×3, conv 1×1 to four times the maps. Each
convolution is followed by batch normalisation; ReLU stands between them and after the sum.

=========  =============  ==========  ==========  ======  ======
network    units          unit        parameters  top-1   top-5
=========  =============  ==========  ==========  ======  ======
resnet18   2, 2, 2, 2     basic       11,689,512  69.76   89.08
resnet34   3, 4, 6, 3     basic       21,797,672  73.31   91.42
resnet50   3, 4, 6, 3     bottleneck  25,557,032  76.13   92.86
resnet101  3, 4, 23, 3    bottleneck  44,549,160  77.37   93.55
resnet152  3, 8, 36, 3    bottleneck  60,192,808  78.31   94.05
=========  =============  ==========  ==========  ======  ======

Made for 224×224. Variant "torchvision", which has the weights, takes a bottleneck's stride in its 3×3 convolution;
variant "paper", which Keras follows, in its first 1×1 convolution.

Source: He et al., Deep Residual Learning, https://arxiv.org/abs/1512.03385, table 1. Parameter names and accuracies:
torchvision's (IMAGENET1K_V1).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, Published, check_dropout, net
from .layers import average, check_variant, initialise

VARIANTS = ("torchvision", "paper")


class ResNet(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        depths: units in each of the four blocks.
        bottleneck: whether the units are bottlenecks.
        variant: "torchvision" or "paper"; the same for basic units.
        dropout: share of the embedding that is dropped before the last layer in training; the paper has none.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("resnet18", outputs=2, image_size=(64, 64)).feature_map(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 512, 2, 2])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        depths: tuple[int, int, int, int],
        bottleneck: bool,
        variant: str = "torchvision",
        dropout: float = 0.0,
    ) -> None:
        check_dropout(dropout)
        super().__init__()
        check_variant("resnet", variant, allowed=VARIANTS)
        self.variant = variant
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for number, depth in enumerate(depths, start=1):
            width = 32 << number
            units: list[nn.Module] = []
            for place in range(depth):
                stride = 2 if place == 0 and number > 1 else 1
                if bottleneck:
                    units.append(_Bottleneck(inputs, width, stride=stride, strided_first=variant == "paper"))
                else:
                    units.append(_Basic(inputs, width, stride=stride))
                inputs = 4 * width if bottleneck else width
            self.add_module(f"layer{number}", nn.Sequential(*units))
        self._dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(inputs, outputs)
        initialise(self)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 512 or 2048, ceil(H / 32), ceil(W / 32))."""
        # Pooling before ReLU is the same function, with a quarter of the elements left for ReLU.
        maps = F.relu(F.max_pool2d(self.bn1(self.conv1(pictures)), 3, stride=2, padding=1))
        for number in range(1, 5):
            maps = self.get_submodule(f"layer{number}")(maps)
        return maps

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 512 or 2048)."""
        return average(self.feature_map(pictures))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.fc(self._dropout(embedding))
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, block1 to block4, head."""
        blocks = {f"block{number}": self.get_submodule(f"layer{number}") for number in range(1, 5)}
        return {"stem": nn.ModuleList([self.conv1, self.bn1]), **blocks, "head": self.fc}


class _Basic(nn.Module):
    """Two 3×3 convolutions and the input, projected where the shapes differ."""

    def __init__(self, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride=stride)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, width, h / stride, w / stride) of (N, inputs, h, w)."""
        inner = F.relu(self.bn1(self.conv1(maps)))
        inner = self.bn2(self.conv2(inner))
        return F.relu(inner + (maps if self.downsample is None else self.downsample(maps)))


class _Bottleneck(nn.Module):
    """A 3×3 convolution between two 1×1 convolutions, and the input, projected where the shapes differ."""

    def __init__(self, inputs: int, width: int, *, stride: int, strided_first: bool) -> None:
        super().__init__()
        first, second = (stride, 1) if strided_first else (1, stride)
        self.conv1 = nn.Conv2d(inputs, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(inputs, 4 * width, stride=stride)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 4 width, h / stride, w / stride) of (N, inputs, h, w)."""
        inner = F.relu(self.bn1(self.conv1(maps)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        return F.relu(inner + (maps if self.downsample is None else self.downsample(maps)))


def _shortcut(inputs: int, outputs: int, *, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def _published(parameters: int, top1: float, top5: float, *, file: str) -> Published:
    sha256 = file.removesuffix(".pth").rsplit("-", 1)[1]
    return Published(parameters, top1, top5, url=f"https://download.pytorch.org/models/{file}", sha256=sha256)


@net(
    "resnet18",
    summary="17 convolutions in residual units, 12 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=_published(11_689_512, 69.758, 89.078, file="resnet18-f37072fd.pth"),
)
def resnet18(*, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.0) -> ResNet:
    """Build ResNet-18."""
    return ResNet(outputs=outputs, channels=channels, depths=(2, 2, 2, 2), bottleneck=False, dropout=dropout)


@net(
    "resnet34",
    summary="33 convolutions in residual units, 22 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=_published(21_797_672, 73.314, 91.42, file="resnet34-b627a593.pth"),
)
def resnet34(*, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.0) -> ResNet:
    """Build ResNet-34."""
    return ResNet(outputs=outputs, channels=channels, depths=(3, 4, 6, 3), bottleneck=False, dropout=dropout)


@net(
    "resnet50",
    summary="49 convolutions in bottlenecks, 26 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=_published(25_557_032, 76.13, 92.862, file="resnet50-0676ba61.pth"),
)
def resnet50(
    *, outputs: int, channels: int, image_size: tuple[int, int], variant: str = "torchvision", dropout: float = 0.0
) -> ResNet:
    """Build ResNet-50."""
    return ResNet(
        outputs=outputs, channels=channels, depths=(3, 4, 6, 3), bottleneck=True, variant=variant, dropout=dropout
    )


@net(
    "resnet101",
    summary="100 convolutions in bottlenecks, 45 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=_published(44_549_160, 77.374, 93.546, file="resnet101-63fe2227.pth"),
)
def resnet101(
    *, outputs: int, channels: int, image_size: tuple[int, int], variant: str = "torchvision", dropout: float = 0.0
) -> ResNet:
    """Build ResNet-101."""
    return ResNet(
        outputs=outputs, channels=channels, depths=(3, 4, 23, 3), bottleneck=True, variant=variant, dropout=dropout
    )


@net(
    "resnet152",
    summary="151 convolutions in bottlenecks, 60 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=_published(60_192_808, 78.312, 94.046, file="resnet152-394f9c45.pth"),
)
def resnet152(
    *, outputs: int, channels: int, image_size: tuple[int, int], variant: str = "torchvision", dropout: float = 0.0
) -> ResNet:
    """Build ResNet-152."""
    return ResNet(
        outputs=outputs, channels=channels, depths=(3, 8, 36, 3), bottleneck=True, variant=variant, dropout=dropout
    )
