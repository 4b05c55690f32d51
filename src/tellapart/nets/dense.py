"""dense: two hidden layers on the pixels, without a convolution.

====================  ============  ========================
layer                 units         output at 28×28 grey
====================  ============  ========================
flatten                             784
dense, ReLU           512           512
dense, ReLU           512           512
dense                 classes       10
====================  ============  ========================

669,706 parameters for 10 classes at 28×28 grey. It shows what a network gains from depth alone, and what it still
lacks without convolutions: a picture that is moved by one pixel is a new picture to it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import RecipeError
from .base import Net, net


@net("dense", summary="two dense layers on the pixels: a network without convolutions", made_for=(28, 28, 1))
class Dense(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), any.
        units: of each hidden layer.

    Raises:
        RecipeError: units is not a whole number from 1.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> small = build_net("dense", outputs=10, channels=1, image_size=(8, 8), options={"units": 32})
        >>> small.embed(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 32])
    """

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int], units: int = 512) -> None:
        super().__init__()
        if isinstance(units, bool) or not isinstance(units, int) or units < 1:
            raise RecipeError(f"units must be a whole number from 1, got {units!r}: 512 is usual")
        self.dense1 = nn.Linear(channels * image_size[0] * image_size[1], units)
        self.dense2 = nn.Linear(units, units)
        self.head = nn.Linear(units, outputs)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, units)."""
        return F.relu(self.dense2(F.relu(self.dense1(pictures.flatten(1)))))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.head(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return dense1, dense2, head."""
        return dict(self.named_children())
