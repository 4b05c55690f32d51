"""Xception: Inception carried through, depthwise separable convolutions throughout.

=========  =================================================  ======  ========  ========
stage      layer                                              maps    stride    at 299
=========  =================================================  ======  ========  ========
stem       conv 3×3 stride 2, conv 3×3, both valid            32, 64            147×147
block1     2 separable convs, max-pool 3                      128     2         74×74
block2     2 separable convs, max-pool 3                      256     2         37×37
block3     2 separable convs, max-pool 3                      728     2         19×19
block4-11  3 separable convs each, input added                728     1         19×19
block12    2 separable convs (728, 1024), max-pool 3          1024    2         10×10
block13    2 separable convs                                  1536,   1         10×10
                                                              2048
head       average, dense                                     1000
=========  =================================================  ======  ========  ========

A separable convolution is a depthwise 3×3 and a 1×1 convolution, then batch normalisation; ReLU stands before each
but block1's first, and after those of block13. Blocks with stride 2 add their input through a strided 1×1 convolution.

Made for 299×299; 22,855,952 parameters; ImageNet top-1 79.05, top-5 94.39. Variant "timm", which has the weights,
pads its max-pools on both sides alike, with batch normalisation's epsilon 1e-5; variant "keras" pads as TensorFlow
does, with epsilon 1e-3.

Source: Chollet, Xception, https://arxiv.org/abs/1610.02357, figure 5. Parameter names and accuracies: timm's
(legacy_xception.tf_in1k, Apache-2.0; converted from Keras).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, Published, check_dropout, net
from .layers import average, check_variant, initialise, same_padding

VARIANTS = ("timm", "keras")


@net(
    "xception",
    summary="depthwise separable convolutions with shortcuts, 23 million parameters",
    made_for=(299, 299, 3),
    min_size=(32, 32),
    published=Published(
        22_855_952,
        top1=79.05,
        top5=94.392,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        resample="bicubic",
        crop=0.8975,
        url="https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-cadene/xception-43020ad28.pth",
        sha256="43020ad28",
    ),
)
class Xception(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 32×32.
        variant: "timm" or "keras".
        dropout: share of the embedding that is dropped before the last layer in training; the paper's is 0.5.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> with torch.device("meta"):
        ...     net = build_net("xception", outputs=2, image_size=(150, 150))
        ...     net.feature_map(torch.zeros(1, 3, 150, 150)).shape
        torch.Size([1, 2048, 5, 5])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        variant: str = "timm",
        dropout: float = 0.0,
    ) -> None:
        check_dropout(dropout)
        super().__init__()
        check_variant("xception", variant, allowed=VARIANTS)
        self.variant = variant
        eps = 1e-3 if variant == "keras" else 1e-5
        self.conv1 = nn.Conv2d(channels, 32, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(32, eps=eps)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64, eps=eps)
        same = variant == "keras"
        self.block1 = _Block((64, 128, 128), pool=_Pool(same=same), relu_first=False, eps=eps)
        self.block2 = _Block((128, 256, 256), pool=_Pool(same=same), eps=eps)
        self.block3 = _Block((256, 728, 728), pool=_Pool(same=same), eps=eps)
        for number in range(4, 12):
            self.add_module(f"block{number}", _Block((728,) * 4, pool=None, eps=eps))
        self.block12 = _Block((728, 728, 1024), pool=_Pool(same=same), eps=eps)
        self.conv3 = _Separable(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536, eps=eps)
        self.conv4 = _Separable(1536, 2048)
        self.bn4 = nn.BatchNorm2d(2048, eps=eps)
        self._dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, outputs)
        initialise(self)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 2048, h, w): 10×10 at 299×299, 5×5 at 150×150."""
        maps = F.relu(self.bn1(self.conv1(pictures)))
        maps = F.relu(self.bn2(self.conv2(maps)))
        for number in range(1, 13):
            maps = self.get_submodule(f"block{number}")(maps)
        maps = F.relu(self.bn3(self.conv3(maps)))
        return F.relu(self.bn4(self.conv4(maps)))

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 2048)."""
        return average(self.feature_map(pictures))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.fc(self._dropout(embedding))
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, block1 to block13, head."""
        blocks = {f"block{number}": self.get_submodule(f"block{number}") for number in range(1, 13)}
        stem = nn.ModuleList([self.conv1, self.bn1, self.conv2, self.bn2])
        last = nn.ModuleList([self.conv3, self.bn3, self.conv4, self.bn4])
        return {"stem": stem, **blocks, "block13": last, "head": self.fc}


class _Separable(nn.Module):
    """A depthwise 3×3 and a 1×1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, h, w) of (N, inputs, h, w)."""
        mixed: Tensor = self.pointwise(self.conv1(maps))
        return mixed


class _Pool(nn.Module):
    """Max-pooling 3×3 with stride 2 to ceil(size / 2), padded on both sides alike or as TensorFlow does."""

    def __init__(self, *, same: bool) -> None:
        super().__init__()
        self._same = same

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, C, ceil(h / 2), ceil(w / 2)) of (N, C, h, w)."""
        if not self._same:
            return F.max_pool2d(maps, 3, stride=2, padding=1)
        top, bottom = same_padding(int(maps.shape[2]), kernel=3, stride=2)
        left, right = same_padding(int(maps.shape[3]), kernel=3, stride=2)
        return F.max_pool2d(F.pad(maps, (left, right, top, bottom), value=float("-inf")), 3, stride=2)


class _Block(nn.Module):
    """Separable convolutions from each number of maps to the next, pooled, and the input added."""

    def __init__(self, maps: tuple[int, ...], *, pool: nn.Module | None, eps: float, relu_first: bool = True) -> None:
        super().__init__()
        self.skip: nn.Module | None = None
        if pool is not None:
            self.skip = nn.Conv2d(maps[0], maps[-1], 1, stride=2, bias=False)
            self.skipbn = nn.BatchNorm2d(maps[-1], eps=eps)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(maps):
            layers += [nn.ReLU(), _Separable(inputs, outputs), nn.BatchNorm2d(outputs, eps=eps)]
        layers = layers if relu_first else layers[1:]
        self.rep = nn.Sequential(*layers, *([] if pool is None else [pool]))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, maps[-1], h, w), halved where pooled, of (N, maps[0], h, w)."""
        added: Tensor = self.rep(maps)
        return added + (maps if self.skip is None else self.skipbn(self.skip(maps)))
