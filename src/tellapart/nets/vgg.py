"""VGG16 and VGG19: nothing but 3×3 convolutions.

======  ====================================  =====  =========================
stage   layer, VGG16 (VGG19)                  maps   output of VGG16 at 224
======  ====================================  =====  =========================
block1  conv 3×3, 2 times; max-pool 2         64     112×112
block2  conv 3×3, 2 times; max-pool 2         128    56×56
block3  conv 3×3, 3 (4) times; max-pool 2     256    28×28
block4  conv 3×3, 3 (4) times; max-pool 2     512    14×14
block5  conv 3×3, 3 (4) times; max-pool 2     512    7×7
neck    average to 7×7; dense, dropout twice  4096
head    dense                                 1000
======  ====================================  =====  =========================

=======  ===========  =====  =====
network  parameters   top-1  top-5
=======  ===========  =====  =====
vgg16    138,357,544  71.59  90.38
vgg19    143,667,240  72.38  90.88
=======  ===========  =====  =====

Made for 224×224. Each convolution and dense layer but the last is followed by ReLU. Without neck and head VGG16 has
14,714,688 parameters.

Source: Simonyan and Zisserman, Very Deep Convolutional Networks, https://arxiv.org/abs/1409.1556, table 1,
configurations D and E. Parameter names and accuracies: torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from .base import Net, Published, check_dropout, net
from .layers import adaptive_average, initialise

_MAPS = (64, 128, 256, 512, 512)


class VGG(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        depths: convolutions in each of the five blocks.
        dropout: share of each dense layer's outputs that is dropped in training.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> with torch.device("meta"):
        ...     net = build_net("vgg16", outputs=1000, image_size=(150, 150))
        ...     net.feature_map(torch.zeros(1, 3, 150, 150)).shape
        torch.Size([1, 512, 4, 4])
    """

    def __init__(self, *, outputs: int, channels: int, depths: tuple[int, ...], dropout: float) -> None:
        check_dropout(dropout)
        super().__init__()
        layers: list[nn.Module] = []
        self._ends = []
        for depth, maps in zip(depths, _MAPS, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, maps, 3, padding=1), nn.ReLU()]
                channels = maps
            # Pooling before the last ReLU is the same function, with a quarter of the elements left for ReLU.
            layers.insert(-1, nn.MaxPool2d(2))
            self._ends.append(len(layers))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, outputs),
        )
        initialise(self)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 512, H // 32, W // 32)."""
        maps: Tensor = self.features(pictures)
        return maps

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 4096)."""
        embedding = adaptive_average(self.feature_map(pictures), 7).flatten(1)
        for layer in list(self.classifier)[:-1]:
            embedding = layer(embedding)
        return embedding

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.classifier[-1](embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return block1 to block5, neck, head."""
        starts = [0, *self._ends[:-1]]
        blocks = [self.features[start:end] for start, end in zip(starts, self._ends, strict=True)]
        named: dict[str, nn.Module] = {f"block{number}": block for number, block in enumerate(blocks, start=1)}
        return {**named, "neck": self.classifier[:-1], "head": self.classifier[-1]}


@net(
    "vgg16",
    summary="16 layers of 3×3 convolutions and dense layers, 138 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=Published(
        138_357_544,
        top1=71.592,
        top5=90.382,
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        sha256="397923af",
    ),
)
def vgg16(*, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.5) -> VGG:
    """Build VGG16, configuration D."""
    return VGG(outputs=outputs, channels=channels, depths=(2, 2, 3, 3, 3), dropout=dropout)


@net(
    "vgg19",
    summary="VGG16 with a convolution more in each of the last three blocks",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=Published(
        143_667_240,
        top1=72.376,
        top5=90.876,
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9d",
    ),
)
def vgg19(*, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.5) -> VGG:
    """Build VGG19, configuration E."""
    return VGG(outputs=outputs, channels=channels, depths=(2, 2, 4, 4, 4), dropout=dropout)
