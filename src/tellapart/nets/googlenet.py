"""GoogLeNet (Inception v1): modules of four branches, joined in depth.

======  =====================================================  ===============  ========
stage   layer                                                  maps             at 224
======  =====================================================  ===============  ========
stem    conv 7×7 stride 2, max-pool 3; conv 1×1, conv 3×3,     64, 64, 192      28×28
        max-pool 3
block1  inception 3a, 3b; max-pool 3                           256, 480         14×14
block2  inception 4a to 4e; max-pool 2                         512, 512, 512,   7×7
                                                               528, 832
block3  inception 5a, 5b                                       832, 1024        7×7
head    average, dropout, dense                                1000
======  =====================================================  ===============  ========

An inception module has the branches 1×1; 1×1 → 3×3; 1×1 → 5×5; max-pool 3 → 1×1, whose widths are ``_MODULES``. Each
convolution is followed by batch normalisation (epsilon 1e-3) and ReLU, as in the published weights; the paper, which
is older, has none. Two auxiliary heads, on 4a and 4d, can help a training from scratch: as in the paper, the loss of
each counts 0.3 in it.

Made for 224×224; 6,624,904 parameters, 13,004,888 with auxiliary heads; ImageNet top-1 69.78, top-5 89.53. Variant
"torchvision", which has the weights, has a 3×3 convolution where the paper has 5×5 (torchvision's issue 906), and pools
2×2 after 4e; variant "paper" has 5×5, pools 3×3 there, and has 7,005,832 parameters: the paper's 6,998,552 and a second
one a map for the normalisation. In both the auxiliary heads average to 4×4 at any size, which the paper does by 5×5
with stride 3, and the paper's local response normalisation is left out.

Source: Szegedy et al., Going Deeper with Convolutions, https://arxiv.org/abs/1409.4842, table 1. Parameter names and
accuracies: torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import flag
from .base import Net, Published, check_dropout, net
from .layers import ConvNorm, adaptive_average, average, check_variant, initialise

VARIANTS = ("torchvision", "paper")

# Maps in, 1×1, before 3×3, 3×3, before 5×5, 5×5, after the pool: table 1 of the paper.
_MODULES = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


@net(
    "googlenet",
    summary="nine inception modules, 6.6 million parameters",
    made_for=(224, 224, 3),
    min_size=(32, 32),
    published=Published(
        6_624_904,
        top1=69.778,
        top5=89.53,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        url="https://download.pytorch.org/models/googlenet-1378be20.pth",
        sha256="1378be20",
    ),
)
class GoogLeNet(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 32×32.
        variant: "torchvision" or "paper".
        auxiliary: whether to have the two auxiliary heads, which are trained beside its own.
        dropout: share of the embedding that is dropped before the last layer in training; the paper's is 0.4.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("googlenet", outputs=2, image_size=(64, 64)).embed(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1024])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        variant: str = "torchvision",
        auxiliary: bool = False,
        dropout: float = 0.2,
    ) -> None:
        check_dropout(dropout)
        flag(auxiliary, name="auxiliary")
        super().__init__()
        check_variant("googlenet", variant, allowed=VARIANTS)
        self.variant = variant
        self.conv1 = ConvNorm(channels, 64, kernel=7, stride=2, padding=3)
        self.conv2 = ConvNorm(64, 64, kernel=1)
        self.conv3 = ConvNorm(64, 192, kernel=3, padding=1)
        for name, widths in _MODULES.items():
            self.add_module(f"inception{name}", _Inception(widths, wide=5 if variant == "paper" else 3))
        self._auxiliary = auxiliary
        if auxiliary:
            self.aux1 = _Auxiliary(512, outputs)
            self.aux2 = _Auxiliary(528, outputs)
        self._dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, outputs)
        initialise(self)

    def _stem(self, pictures: Tensor) -> Tensor:
        maps = F.max_pool2d(self.conv1(pictures), 3, stride=2, ceil_mode=True)
        return F.max_pool2d(self.conv3(self.conv2(maps)), 3, stride=2, ceil_mode=True)

    def _modules_of(self, maps: Tensor, *names: str) -> Tensor:
        for name in names:
            maps = self.get_submodule(f"inception{name}")(maps)
        return maps

    def _to_4d(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps of 4a and 4d, on which the auxiliary heads stand."""
        maps = F.max_pool2d(self._modules_of(self._stem(pictures), "3a", "3b"), 3, stride=2, ceil_mode=True)
        early = self._modules_of(maps, "4a")
        return early, self._modules_of(early, "4b", "4c", "4d")

    def _from_4d(self, maps: Tensor) -> Tensor:
        kernel = 3 if self.variant == "paper" else 2
        maps = F.max_pool2d(self._modules_of(maps, "4e"), kernel, stride=2, ceil_mode=True)
        return self._modules_of(maps, "5a", "5b")

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 1024, h, w), about H / 32 and W / 32: 7 of 224 and of 225, 9 of 300."""
        return self._from_4d(self._to_4d(pictures)[1])

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 1024)."""
        return average(self.feature_map(pictures))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.fc(self._dropout(embedding))
        return logits

    def all_logits(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the logits, then those of the auxiliary heads where there are any."""
        early, late = self._to_4d(pictures)
        logits = self.classify(average(self._from_4d(late)))
        return (logits, self.aux1(early), self.aux2(late)) if self._auxiliary else (logits,)

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, block1 to block3, auxiliary where there is one, head."""
        parts: dict[str, nn.Module] = {"stem": nn.ModuleList([self.conv1, self.conv2, self.conv3])}
        for number, level in enumerate("345", start=1):
            names = [name for name in _MODULES if name.startswith(level)]
            parts[f"block{number}"] = nn.ModuleList([self.get_submodule(f"inception{name}") for name in names])
        if self._auxiliary:
            parts["auxiliary"] = nn.ModuleList([self.aux1, self.aux2])
        return {**parts, "head": self.fc}


class _Inception(nn.Module):
    """Four branches on the same maps, joined in depth."""

    def __init__(self, widths: tuple[int, int, int, int, int, int, int], *, wide: int) -> None:
        super().__init__()
        inputs, one, before_three, three, before_five, five, after_pool = widths
        self.branch1 = ConvNorm(inputs, one, kernel=1)
        self.branch2 = nn.Sequential(
            ConvNorm(inputs, before_three, kernel=1), ConvNorm(before_three, three, kernel=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            ConvNorm(inputs, before_five, kernel=1), ConvNorm(before_five, five, kernel=wide, padding=wide // 2)
        )
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), ConvNorm(inputs, after_pool, kernel=1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, the branches' maps, h, w) of (N, C, h, w)."""
        return torch.cat([branch(maps) for branch in (self.branch1, self.branch2, self.branch3, self.branch4)], 1)


class _Auxiliary(nn.Module):
    """A small classifier on the maps of a middle module."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inputs, 128, kernel=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, outputs)
        self._dropout = nn.Dropout(0.7)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (N, outputs) of maps (N, C, h, w)."""
        embedding = F.relu(self.fc1(self.conv(adaptive_average(maps, 4)).flatten(1)))
        logits: Tensor = self.fc2(self._dropout(embedding))
        return logits
