"""lenet5: the network of 1998 that read the cheques.

=====================  ============  ========================
layer                  maps, units   output at 32×32
=====================  ============  ========================
conv 5×5, tanh         6             28×28
average pool 2         6             14×14
conv 5×5, tanh         16            10×10
average pool 2         16            5×5
conv 5×5, tanh         120           1×1
dense, tanh            84
dense                  classes
=====================  ============  ========================

61,706 parameters for 10 classes at 32×32 grey. A side below 32 gets two pixels more at each end, repeated from the
edge, so that 28×28 becomes 32×32.

What differs from 1998, which had 60,000 parameters or so:

- The subsampling there had a factor and a bias for each map and a squashing function of its own; here it is the
  plain average.
- The second convolution there saw 3, 4 or 6 of the 6 maps by a hand-made table (1,516 parameters); here all (2,416).
- The squashing function there was 1.7159 tanh(2x/3); here it is tanh.
- The outputs there were distances to hand-drawn 7×12 pictures of the digits (radial basis functions) with a loss of
  their own; here they are logits for cross-entropy.
- Larger pictures leave more than 1×1 after the third convolution, and the dense layer grows with them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, net


@net("lenet5", summary="LeNet-5 of 1998, tanh and average pools: digits", made_for=(32, 32, 1), min_size=(28, 28))
class LeNet5(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 28×28.

    Source:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
        Proceedings of the IEEE 86 (1998), section II.B.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("lenet5", outputs=10, channels=1, image_size=(28, 28))(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.borders = [2 if side < 32 else 0 for side in image_size]
        padded = (side + 2 * border for side, border in zip(image_size, self.borders, strict=True))
        height, width = (((side - 4) // 2 - 4) // 2 - 4 for side in padded)
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.conv3 = nn.Conv2d(16, 120, 5)
        self.dense = nn.Linear(120 * height * width, 84)
        self.head = nn.Linear(84, outputs)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return (N, 120, h, w): 1×1 at 28×28 and 32×32."""
        down, across = self.borders
        if down or across:
            pictures = F.pad(pictures, (across, across, down, down), mode="replicate")
        maps = F.avg_pool2d(torch.tanh(self.conv1(pictures)), 2)
        maps = F.avg_pool2d(torch.tanh(self.conv2(maps)), 2)
        return torch.tanh(self.conv3(maps))

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 84)."""
        return torch.tanh(self.dense(self.feature_map(pictures).flatten(1)))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.head(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return conv1, conv2, conv3, dense, head."""
        return dict(self.named_children())
