"""Inception v3: inception modules with factorised convolutions.

=========  =================================================================  ==========  ========
stage      layer                                                              maps        at 299
=========  =================================================================  ==========  ========
stem       conv 3×3 stride 2, conv 3×3, both valid; conv 3×3; max-pool 3;     32, 32, 64  35×35
           conv 1×1, conv 3×3 valid; max-pool 3                               80, 192
block1     Mixed_5b, 5c, 5d: 1×1; 5×5; two 3×3; pool                          256, 288,   35×35
                                                                              288
block2     Mixed_6a: 3×3 stride 2; two 3×3 stride 2; max-pool                 768         17×17
           Mixed_6b to 6e: 1×1; 1×7, 7×1; 7×1, 1×7, 7×1, 1×7; pool            768         17×17
block3     Mixed_7a: 3×3 stride 2; 1×7, 7×1, 3×3 stride 2; max-pool           1280        8×8
           Mixed_7b, 7c: 1×1; 1×3 and 3×1; 3×3, then 1×3 and 3×1; pool        2048        8×8
head       average, dropout, dense                                            1000
=========  =================================================================  ==========  ========

Each convolution is followed by batch normalisation (epsilon 1e-3) and ReLU. One auxiliary head, on Mixed_6e, can help
a training from scratch: its loss counts 0.3 in it, as GoogLeNet's do.

Made for 299×299; 23,834,568 parameters, 27,161,264 with the auxiliary head; ImageNet top-1 77.29, top-5 93.45.
Variant "torchvision", which has the weights, counts the padding in its average pools; variant "keras" does not, as
TensorFlow.

Source: Szegedy et al., Rethinking the Inception Architecture, https://arxiv.org/abs/1512.00567, table 1 and figures 5
to 7, 10. Parameter names and accuracies: torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import NetError
from ..registry import flag
from .base import Net, Published, check_dropout, net
from .layers import ConvNorm, average, check_variant, initialise

VARIANTS = ("torchvision", "keras")


@net(
    "inception_v3",
    summary="inception modules with factorised convolutions, 24 million parameters",
    made_for=(299, 299, 3),
    min_size=(75, 75),
    published=Published(
        23_834_568,
        top1=77.294,
        top5=93.45,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        crop=299 / 342,
        url="https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
        sha256="0cc3c7bd",
    ),
)
class InceptionV3(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 75×75; 299×299 with the auxiliary head.
        variant: "torchvision" or "keras".
        auxiliary: whether to have the auxiliary head, which is trained beside its own.
        dropout: share of the embedding that is dropped before the last layer in training.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> with torch.device("meta"):
        ...     net = build_net("inception_v3", outputs=2, image_size=(299, 299))
        ...     net.feature_map(torch.zeros(1, 3, 299, 299)).shape
        torch.Size([1, 2048, 8, 8])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        variant: str = "torchvision",
        auxiliary: bool = False,
        dropout: float = 0.5,
    ) -> None:
        check_dropout(dropout)
        flag(auxiliary, name="auxiliary")
        super().__init__()
        check_variant("inception_v3", variant, allowed=VARIANTS)
        if auxiliary and min(image_size) < 299:
            raise NetError(
                "image_size must be at least 299x299 for 'inception_v3' with its auxiliary head, got "
                f"{image_size[0]}x{image_size[1]}: leave auxiliary off"
            )
        self.variant = variant
        padded = variant == "torchvision"
        self.Conv2d_1a_3x3 = ConvNorm(channels, 32, kernel=3, stride=2)
        self.Conv2d_2a_3x3 = ConvNorm(32, 32, kernel=3)
        self.Conv2d_2b_3x3 = ConvNorm(32, 64, kernel=3, padding=1)
        self.Conv2d_3b_1x1 = ConvNorm(64, 80, kernel=1)
        self.Conv2d_4a_3x3 = ConvNorm(80, 192, kernel=3)
        self.Mixed_5b = _ModuleA(192, 32, padded=padded)
        self.Mixed_5c = _ModuleA(256, 64, padded=padded)
        self.Mixed_5d = _ModuleA(288, 64, padded=padded)
        self.Mixed_6a = _ReductionA()
        for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
            self.add_module(f"Mixed_6{letter}", _ModuleB(width, padded=padded))
        self._auxiliary = auxiliary
        if auxiliary:
            self.AuxLogits = _Auxiliary(outputs)
        self.Mixed_7a = _ReductionB()
        self.Mixed_7b = _ModuleC(1280, padded=padded)
        self.Mixed_7c = _ModuleC(2048, padded=padded)
        self._dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, outputs)
        initialise(self)

    def _to_6e(self, pictures: Tensor) -> Tensor:
        """Return the maps of Mixed_6e, on which the auxiliary head stands."""
        maps = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(pictures)))
        maps = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(maps, 3, stride=2)))
        maps = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(maps, 3, stride=2))))
        maps = self.Mixed_6a(maps)
        for letter in "bcde":
            maps = self.get_submodule(f"Mixed_6{letter}")(maps)
        late: Tensor = maps
        return late

    def _from_6e(self, maps: Tensor) -> Tensor:
        last: Tensor = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(maps)))
        return last

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 2048, h, w): 8×8 at 299×299."""
        return self._from_6e(self._to_6e(pictures))

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 2048)."""
        return average(self.feature_map(pictures))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.fc(self._dropout(embedding))
        return logits

    def all_logits(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the logits, then those of the auxiliary head where there is one."""
        maps = self._to_6e(pictures)
        logits = self.classify(average(self._from_6e(maps)))
        return (logits, self.AuxLogits(maps)) if self._auxiliary else (logits,)

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, block1 to block3, auxiliary where there is one, head."""
        stem = [name for name, _ in self.named_children() if name.startswith("Conv2d")]
        parts: dict[str, nn.Module] = {"stem": nn.ModuleList([self.get_submodule(name) for name in stem])}
        for number, level in enumerate("567", start=1):
            names = [name for name, _ in self.named_children() if name.startswith(f"Mixed_{level}")]
            parts[f"block{number}"] = nn.ModuleList([self.get_submodule(name) for name in names])
        if self._auxiliary:
            parts["auxiliary"] = self.AuxLogits
        return {**parts, "head": self.fc}


class _ModuleA(nn.Module):
    """Figure 5: the 5×5 convolution of GoogLeNet beside two 3×3 convolutions in a row."""

    def __init__(self, inputs: int, pooled: int, *, padded: bool) -> None:
        super().__init__()
        self.branch1x1 = ConvNorm(inputs, 64, kernel=1)
        self.branch5x5_1 = ConvNorm(inputs, 48, kernel=1)
        self.branch5x5_2 = ConvNorm(48, 64, kernel=5, padding=2)
        self.branch3x3dbl_1 = ConvNorm(inputs, 64, kernel=1)
        self.branch3x3dbl_2 = ConvNorm(64, 96, kernel=3, padding=1)
        self.branch3x3dbl_3 = ConvNorm(96, 96, kernel=3, padding=1)
        self.branch_pool = ConvNorm(inputs, pooled, kernel=1)
        self._padded = padded

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 224 + pooled, h, w) of (N, inputs, h, w)."""
        five = self.branch5x5_2(self.branch5x5_1(maps))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps)))
        pooled = self.branch_pool(_average3(maps, padded=self._padded))
        return torch.cat([self.branch1x1(maps), five, double, pooled], 1)


class _ReductionA(nn.Module):
    """Figure 10: half the size, by strided convolutions beside a pool."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3 = ConvNorm(288, 384, kernel=3, stride=2)
        self.branch3x3dbl_1 = ConvNorm(288, 64, kernel=1)
        self.branch3x3dbl_2 = ConvNorm(64, 96, kernel=3, padding=1)
        self.branch3x3dbl_3 = ConvNorm(96, 96, kernel=3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 768, (h - 1) // 2, (w - 1) // 2) of (N, 288, h, w)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps)))
        return torch.cat([self.branch3x3(maps), double, F.max_pool2d(maps, 3, stride=2)], 1)


class _ModuleB(nn.Module):
    """Figure 6: 7×7 convolutions as 1×7 and 7×1."""

    def __init__(self, width: int, *, padded: bool) -> None:
        super().__init__()
        self.branch1x1 = ConvNorm(768, 192, kernel=1)
        self.branch7x7_1 = ConvNorm(768, width, kernel=1)
        self.branch7x7_2 = ConvNorm(width, width, kernel=(1, 7), padding=(0, 3))
        self.branch7x7_3 = ConvNorm(width, 192, kernel=(7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = ConvNorm(768, width, kernel=1)
        self.branch7x7dbl_2 = ConvNorm(width, width, kernel=(7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = ConvNorm(width, width, kernel=(1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = ConvNorm(width, width, kernel=(7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = ConvNorm(width, 192, kernel=(1, 7), padding=(0, 3))
        self.branch_pool = ConvNorm(768, 192, kernel=1)
        self._padded = padded

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 768, h, w) of (N, 768, h, w)."""
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(maps)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(maps)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        pooled = self.branch_pool(_average3(maps, padded=self._padded))
        return torch.cat([self.branch1x1(maps), seven, double, pooled], 1)


class _ReductionB(nn.Module):
    """Half the size again."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = ConvNorm(768, 192, kernel=1)
        self.branch3x3_2 = ConvNorm(192, 320, kernel=3, stride=2)
        self.branch7x7x3_1 = ConvNorm(768, 192, kernel=1)
        self.branch7x7x3_2 = ConvNorm(192, 192, kernel=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = ConvNorm(192, 192, kernel=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = ConvNorm(192, 192, kernel=3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 1280, (h - 1) // 2, (w - 1) // 2) of (N, 768, h, w)."""
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(maps)))
        three = self.branch3x3_2(self.branch3x3_1(maps))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(maps, 3, stride=2)], 1)


class _ModuleC(nn.Module):
    """Figure 7: branches that part again into 1×3 and 3×1."""

    def __init__(self, inputs: int, *, padded: bool) -> None:
        super().__init__()
        self.branch1x1 = ConvNorm(inputs, 320, kernel=1)
        self.branch3x3_1 = ConvNorm(inputs, 384, kernel=1)
        self.branch3x3_2a = ConvNorm(384, 384, kernel=(1, 3), padding=(0, 1))
        self.branch3x3_2b = ConvNorm(384, 384, kernel=(3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = ConvNorm(inputs, 448, kernel=1)
        self.branch3x3dbl_2 = ConvNorm(448, 384, kernel=3, padding=1)
        self.branch3x3dbl_3a = ConvNorm(384, 384, kernel=(1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = ConvNorm(384, 384, kernel=(3, 1), padding=(1, 0))
        self.branch_pool = ConvNorm(inputs, 192, kernel=1)
        self._padded = padded

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 2048, h, w) of (N, inputs, h, w)."""
        three = self.branch3x3_1(maps)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(maps))
        parts = [self.branch1x1(maps), self.branch3x3_2a(three), self.branch3x3_2b(three)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)]
        return torch.cat([*parts, self.branch_pool(_average3(maps, padded=self._padded))], 1)


class _Auxiliary(nn.Module):
    """A small classifier on the maps of Mixed_6e."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv0 = ConvNorm(768, 128, kernel=1)
        self.conv1 = ConvNorm(128, 768, kernel=5)
        self.fc = nn.Linear(768, outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (N, outputs) of maps (N, 768, h, w), h and w at least 17."""
        maps = self.conv1(self.conv0(F.avg_pool2d(maps, 5, stride=3)))
        logits: Tensor = self.fc(average(maps))
        return logits


def _average3(maps: Tensor, *, padded: bool) -> Tensor:
    return F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=padded)
