"""convnet64: five convolutions and dropout, for pictures of clothes.

=========================  ============  ========================
layer                      maps, units   output at 28×28
=========================  ============  ========================
conv 7×7 same, ReLU        64            28×28
max-pool 2                 64            14×14
conv 3×3 same, ReLU        128           14×14
conv 3×3 same, ReLU        128           14×14
max-pool 2                 128           7×7
conv 3×3 same, ReLU        256           7×7
conv 3×3 same, ReLU        256           7×7
max-pool 2                 256           3×3
dense, ReLU, dropout 0.5   128
dense, ReLU, dropout 0.5   64
dense                      classes
=========================  ============  ========================

1,413,834 parameters for 10 classes at 28×28 grey. Where a pool follows a convolution it stands before the ReLU: the
function is the same, and the ReLU has a quarter of the elements to look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, check_dropout, net
from .convolved import convolved


@net("convnet64", summary="conv 64-128-128-256-256, dropout: clothes", made_for=(28, 28, 1), min_size=(8, 8))
class ConvNet64(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 8×8.
        dropout: the share of units that is switched off in training, after each hidden dense layer.

    Raises:
        RecipeError: dropout is not in [0, 1).

    Source:
        A. Géron, "Hands-On Machine Learning" (2nd edition, 2019), chapter 14.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("convnet64", outputs=10, channels=1, image_size=(28, 28))(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.5) -> None:
        super().__init__()
        check_dropout(dropout)
        self.conv1 = nn.Conv2d(channels, 64, 7, padding=3)
        self.conv2 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv3 = nn.Conv2d(128, 128, 3, padding=1)
        self.conv4 = nn.Conv2d(128, 256, 3, padding=1)
        self.conv5 = nn.Conv2d(256, 256, 3, padding=1)
        self.dense1 = nn.Linear(256 * (image_size[0] // 8) * (image_size[1] // 8), 128)
        self.dropout1 = nn.Dropout(dropout)
        self.dense2 = nn.Linear(128, 64)
        self.dropout2 = nn.Dropout(dropout)
        self.head = nn.Linear(64, outputs)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 256, H // 8, W // 8)."""
        layers = ((self.conv1, 2), (self.conv2, 1), (self.conv3, 2), (self.conv4, 1), (self.conv5, 2))
        return convolved(pictures, *layers)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 64)."""
        units = self.dropout1(F.relu(self.dense1(self.feature_map(pictures).flatten(1))))
        embedding: Tensor = self.dropout2(F.relu(self.dense2(units)))
        return embedding

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.head(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return the layers by name, from conv1 to head; dropout has no parameters and is left out."""
        return {name: part for name, part in self.named_children() if not isinstance(part, nn.Dropout)}
