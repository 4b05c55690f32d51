"""convnet16: three convolutions for handwritten characters.

====================  ============  =========================
layer                 maps, units   output at 80×60
====================  ============  =========================
conv 3×3 same, ReLU   16            80×60
max-pool 2            16            40×30
conv 3×3 same, ReLU   32            40×30
max-pool 2            32            20×15
conv 3×3 same, ReLU   64            20×15
max-pool 4            64            5×3
dense, ReLU           64
dense                 classes
====================  ============  =========================

88,375 parameters for 55 classes at 80×60 grey. Pooling stands before the ReLU here: both are monotone, so the
function is the same, and the ReLU has a quarter of the elements to look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, net
from .convolved import convolved


@net("convnet16", summary="conv 16-32-64, dense 64: small handwriting", made_for=(80, 60, 1), min_size=(16, 16))
class ConvNet16(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 16×16.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("convnet16", outputs=10, channels=1, image_size=(28, 28))(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.dense = nn.Linear(64 * (image_size[0] // 16) * (image_size[1] // 16), 64)
        self.head = nn.Linear(64, outputs)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 64, H // 16, W // 16)."""
        return convolved(pictures, (self.conv1, 2), (self.conv2, 2), (self.conv3, 4))

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 64)."""
        return F.relu(self.dense(self.feature_map(pictures).flatten(1)))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.head(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return conv1, conv2, conv3, dense, head."""
        return dict(self.named_children())
