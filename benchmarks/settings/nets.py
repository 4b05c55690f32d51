"""Networks that differ from the default in one thing: a plugin for ``tellapart --plugin``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tellapart.nets import net
from tellapart.nets.compact import Compact, Residual

LIKE_COMPACT = {"made_for": (64, 64, 1), "min_size": (8, 8)}


@net("compact-whole", summary="compact whose residual blocks begin with all of their sum", **LIKE_COMPACT)
class Whole(Compact):
    """Compact whose residual branches begin at the scale that batch normalisation has elsewhere, 1."""

    def __init__(self, *, width: int = 32, **given: Any) -> None:
        super().__init__(width=width, **given)
        for block in self.modules():
            if isinstance(block, Residual):
                nn.init.ones_(block.norm.weight)


@net("compact-kaiming", summary="compact whose convolutions begin by Kaiming's rule", **LIKE_COMPACT)
class Kaiming(Compact):
    """Compact whose convolutions begin with normal weights of variance 2 / fan-out (K. He et al., 2015)."""

    def __init__(self, *, width: int = 32, **given: Any) -> None:
        super().__init__(width=width, **given)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


@net("compact-plain", summary="compact without batch normalisation", **LIKE_COMPACT)
class Plain(Compact):
    """Compact whose batch normalisation is a bias alone; convolutions begin by Kaiming's rule, residual sums at 0."""

    def __init__(self, *, width: int = 32, **given: Any) -> None:
        super().__init__(width=width, **given)
        for layer in list(self.modules()):
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            for name, child in layer.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(layer, name, Bias(child.num_features))
            if isinstance(layer, Residual):
                nn.init.zeros_(layer.conv.weight)


class Bias(nn.Module):
    """A number that is added to each map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the same shape."""
        return maps + self.bias
