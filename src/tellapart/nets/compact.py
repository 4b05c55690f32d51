"""compact: the family behind ``--net auto``, small residual networks for two CPU cores.

==============================  ===================  ==========================
layer                           maps                 output at 64×64
==============================  ===================  ==========================
conv 3×3, stride s, BN, ReLU    w                    32×32  (s = 2 above 48 pixels)
stage 1: conv 3×3, max-pool 2,  2 w                  16×16
BN, ReLU, residual block
stage 2: the same               4 w                  8×8
stage 3: the same               8 w                  4×4
mean and maximum of each map    16 w
dropout, dense                  classes
==============================  ===================  ==========================

A residual block is two 3×3 convolutions with batch normalisation whose result is added to their input (K. He et al.,
"Deep Residual Learning", 2015). Pooling comes straight after the convolution, so that normalisation and ReLU have a
quarter of the elements to look at. The weights of each block's last normalisation start at zero, so that a block
begins as the identity (P. Goyal et al., "Accurate, Large Minibatch SGD", 2017).

1,943,530 parameters at width 32 for 10 classes in grey, 123,010 at width 8. Stages are added while the map is larger
than 8×8 and left out where it would be smaller than 2×2.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import RecipeError
from .base import Net, check_dropout, net
from .batch_norm import BatchNorm2d


class ConvPoolNorm(nn.Module):
    """Convolution 3×3, max-pool, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, pool: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm = BatchNorm2d(outputs)
        self.pool = pool

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, outputs, H / (stride × pool), W / (stride × pool))."""
        maps = self.conv(maps)
        maps = F.max_pool2d(maps, self.pool) if self.pool > 1 else maps
        return F.relu(self.norm(maps), inplace=True)


class Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.first = ConvPoolNorm(maps, maps)
        self.conv = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.norm = BatchNorm2d(maps)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the same shape."""
        return F.relu(maps + self.norm(self.conv(self.first(maps))), inplace=True)


@net("compact", summary="small residual network, the default", made_for=(64, 64, 1), min_size=(8, 8))
class Compact(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 8×8.
        width: maps of the first convolution.
        blocks: residual blocks a stage.
        dropout: share of the last layer's inputs that is dropped in training, 0 to 1.

    Raises:
        RecipeError: an option is out of its range.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> net = build_net("compact", outputs=10, channels=1, image_size=(28, 28), options={"width": 8})
        >>> net(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        width: int = 32,
        blocks: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        for option, value, least, most in (("width", width, 1, 1024), ("blocks", blocks, 0, 100)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise RecipeError(f"{option} must be a whole number of {least} to {most}, got {value!r}")
        stride = 2 if min(image_size) > 48 else 1
        smaller = min(-(-side // stride) for side in image_size)
        self.stem = ConvPoolNorm(channels, width, stride=stride)
        maps = width
        names: list[str] = []
        while smaller >= 4 and (smaller > 8 or len(names) < 3):
            names.append(f"stage{len(names) + 1}")
            wider = maps * 2 if len(names) <= 3 else maps
            inside = [ConvPoolNorm(maps, wider, pool=2), *(Residual(wider) for _ in range(blocks))]
            self.add_module(names[-1], nn.Sequential(*inside))
            maps, smaller = wider, smaller // 2
        self._stage_names = tuple(names)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * maps, outputs)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return the last stage's maps."""
        maps: Tensor = self.stem(pictures)
        for name in self._stage_names:
            maps = self.get_submodule(name)(maps)
        return maps

    def embed(self, pictures: Tensor) -> Tensor:
        """Return the mean and the maximum of each of the last maps, (N, 2 × maps)."""
        maps = self.feature_map(pictures)
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.head(self.dropout(embedding))
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return stem, stage1, stage2, ..., head."""
        return {name: self.get_submodule(name) for name in ("stem", *self._stage_names, "head")}
