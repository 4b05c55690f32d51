"""convnet128: four convolutions without padding, for small sets of photographs.

=====================  ============  ========================
layer                  maps, units   output at 150×150
=====================  ============  ========================
conv 3×3, ReLU         32            148×148
max-pool 2             32            74×74
conv 3×3, ReLU         64            72×72
max-pool 2             64            36×36
conv 3×3, ReLU         128           34×34
max-pool 2             128           17×17
conv 3×3, ReLU         128           15×15
max-pool 2             128           7×7
(dropout)
dense, ReLU            512
dense                  classes
=====================  ============  ========================

3,453,121 parameters for 1 output (one sigmoid over two classes) at 150×150 colour. Pooling stands before the ReLU:
the function is the same, and the ReLU has a quarter of the elements to look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, check_dropout, net
from .convolved import convolved


@net(
    "convnet128",
    summary="conv 32-64-128-128, dense 512: a few thousand photographs",
    made_for=(150, 150, 3),
    min_size=(46, 46),
)
class ConvNet128(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 46×46.
        dropout: the share of values that is switched off in training, before the dense layer; 0.5 goes well with
            augmentation.

    Raises:
        RecipeError: dropout is not in [0, 1).

    Source:
        F. Chollet, "Deep Learning with Python" (2017), section 5.2.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("convnet128", outputs=1, image_size=(64, 64))(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 1])
    """

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int], dropout: float = 0.0) -> None:
        super().__init__()
        check_dropout(dropout)
        height, width = image_size
        for _ in range(4):
            height, width = (height - 2) // 2, (width - 2) // 2
        self.conv1 = nn.Conv2d(channels, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.conv3 = nn.Conv2d(64, 128, 3)
        self.conv4 = nn.Conv2d(128, 128, 3)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(128 * height * width, 512)
        self.head = nn.Linear(512, outputs)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 128, h, w): 7×7 at 150×150."""
        return convolved(pictures, *((conv, 2) for conv in (self.conv1, self.conv2, self.conv3, self.conv4)))

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 512)."""
        return F.relu(self.dense(self.dropout(self.feature_map(pictures).flatten(1))))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.head(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return conv1 to conv4, dense, head; dropout has no parameters and is left out."""
        return {name: part for name, part in self.named_children() if not isinstance(part, nn.Dropout)}
