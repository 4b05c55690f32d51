"""AlexNet: the network that won ImageNet in 2012, in three variants.

=======  ==========================================  ===============  ==========================  ============
stage    layer                                       paper, plain     torchvision                 output
=======  ==========================================  ===============  ==========================  ============
block1   conv 11×11 stride 4; max-pool 3 stride 2    96 maps, valid   64 maps, padding 2          27×27
block2   conv 5×5 same; max-pool 3 stride 2          256              192                         13×13
block3   conv 3×3 same                               384              384                         13×13
block4   conv 3×3 same                               384              256                         13×13
block5   conv 3×3 same; max-pool 3 stride 2          256              256                         6×6
neck     dropout, dense, twice                       4096             4096
head     dense                                       1000             1000
=======  ==========================================  ===============  ==========================  ============

===========  ========  ===========  =====  =====  =============================================================
variant      made for  parameters   top-1  top-5
===========  ========  ===========  =====  =====  =============================================================
torchvision  224×224   61,100,840   56.5   79.1   one column of maps (Krizhevsky, 2014); has weights
paper        227×227   60,965,224   59.3   81.8   blocks 2, 4 and 5 in two groups, local response normalisation
plain        227×227   62,378,344                 the paper's maps without groups and normalisation
===========  ========  ===========  =====  =====  =============================================================

The paper says 224×224, but its first convolution fits 227×227 alone. Each convolution and dense layer but the last
is followed by ReLU.

Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012,
figure 2, section 3.3 and table 2 (one network: 40.7% and 18.2% wrong on validation); torchvision's variant:
Krizhevsky, https://arxiv.org/abs/1404.5997. Parameter names: torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ..errors import NetError
from .base import Net, Published, check_dropout, net
from .layers import adaptive_average, check_variant, initialise

VARIANTS = ("torchvision", "paper", "plain")


@net(
    "alexnet",
    summary="the network of 2012: five convolutions, three dense layers",
    made_for=(224, 224, 3),
    min_size=(63, 63),
    published=Published(
        61_100_840,
        top1=56.522,
        top5=79.066,
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be79",
    ),
)
class AlexNet(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 63×63; 67×67 for "paper" and "plain".
        variant: "torchvision", "paper" or "plain".
        dropout: share of each dense layer's inputs that is dropped in training.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> with torch.device("meta"):
        ...     net = build_net("alexnet", outputs=1000, image_size=(227, 227), options={"variant": "paper"})
        ...     net.feature_map(torch.zeros(1, 3, 227, 227)).shape
        torch.Size([1, 256, 6, 6])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        variant: str = "torchvision",
        dropout: float = 0.5,
    ) -> None:
        check_dropout(dropout)
        super().__init__()
        check_variant("alexnet", variant, allowed=VARIANTS)
        if variant != "torchvision" and min(image_size) < 67:
            raise NetError(
                f"image_size must be at least 67x67 for 'alexnet' as {variant!r}, got {image_size[0]}x{image_size[1]}: "
                "use variant torchvision (from 63x63) or a net for smaller pictures"
            )
        self.variant = variant
        maps = (64, 192, 384, 256, 256) if variant == "torchvision" else (96, 256, 384, 384, 256)
        padding = 2 if variant == "torchvision" else 0
        groups = 2 if variant == "paper" else 1
        first = nn.Conv2d(channels, maps[0], 11, stride=4, padding=padding)
        second = nn.Conv2d(maps[0], maps[1], 5, padding=2, groups=groups)
        blocks = [
            self._pooled(first),
            self._pooled(second),
            [nn.Conv2d(maps[1], maps[2], 3, padding=1), nn.ReLU()],
            [nn.Conv2d(maps[2], maps[3], 3, padding=1, groups=groups), nn.ReLU()],
            # Pooling and ReLU are both monotone: in either order the function is the same.
            [nn.Conv2d(maps[3], maps[4], 3, padding=1, groups=groups), nn.MaxPool2d(3, 2), nn.ReLU()],
        ]
        self._lengths = [len(block) for block in blocks]
        self.features = nn.Sequential(*(layer for block in blocks for layer in block))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, outputs),
        )
        initialise(self)

    def _pooled(self, conv: nn.Conv2d) -> list[nn.Module]:
        if self.variant == "paper":
            # Section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75, on what ReLU gave. PyTorch divides alpha by n.
            return [conv, nn.ReLU(), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0), nn.MaxPool2d(3, 2)]
        return [conv, nn.MaxPool2d(3, 2), nn.ReLU()]

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 256, h, w): 6×6 at 224×224 (torchvision) or 227×227."""
        maps: Tensor = self.features(pictures)
        return maps

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 4096)."""
        embedding = adaptive_average(self.feature_map(pictures), 6).flatten(1)
        for layer in list(self.classifier)[:-1]:
            embedding = layer(embedding)
        return embedding

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.classifier[-1](embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return block1 to block5, neck, head."""
        parts: dict[str, nn.Module] = {}
        start = 0
        for number, length in enumerate(self._lengths, start=1):
            parts[f"block{number}"] = self.features[start : start + length]
            start += length
        return {**parts, "neck": self.classifier[:-1], "head": self.classifier[-1]}
