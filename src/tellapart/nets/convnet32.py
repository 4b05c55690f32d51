"""convnet32: three convolutions without padding, for digits.

=====================  ============  ========================
layer                  maps, units   output at 28×28
=====================  ============  ========================
conv 3×3, ReLU         32            26×26
max-pool 2             32            13×13
conv 3×3, ReLU         64            11×11
max-pool 2             64            5×5
conv 3×3, ReLU         64            3×3
dense, ReLU            64
dense                  classes
=====================  ============  ========================

93,322 parameters for 10 classes at 28×28 grey: 55,744 in the convolutions and 37,578 after them. Pooling stands
before the ReLU: the function is the same, and the ReLU has a quarter of the elements to look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, net
from .convolved import convolved


@net("convnet32", summary="conv 32-64-64, dense 64: digits", made_for=(28, 28, 1), min_size=(18, 18))
class ConvNet32(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 18×18.

    Source:
        F. Chollet, "Deep Learning with Python" (2017), section 5.1.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("convnet32", outputs=10, channels=1, image_size=(28, 28))(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        height, width = (((side - 2) // 2 - 2) // 2 - 2 for side in image_size)
        self.conv1 = nn.Conv2d(channels, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.dense = nn.Linear(64 * height * width, 64)
        self.head = nn.Linear(64, outputs)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 64, h, w): 3×3 at 28×28."""
        return convolved(pictures, (self.conv1, 2), (self.conv2, 2), (self.conv3, 1))

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
