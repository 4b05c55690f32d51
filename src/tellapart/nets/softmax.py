"""softmax: multinomial logistic regression on the pixels, the baseline that a network has to beat.

====================  ============  ========================
layer                 units         output at 80×60 grey
====================  ============  ========================
flatten                             4,800
dense                 classes       55
====================  ============  ========================

264,055 parameters for 55 classes at 80×60 grey: (80·60 + 1) · 55. The softmax itself is in the loss, so the
outputs are logits, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from .base import Net, net


@net("softmax", summary="logistic regression on the pixels: the baseline", made_for=(80, 60, 1))
class Softmax(Net):
    """The network of the module's table: one dense layer, whose embedding is the pixels themselves.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), any.

    Source:
        D. R. Cox, "The regression analysis of binary sequences", JRSS B 20 (1958), for two classes.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("softmax", outputs=10, channels=1, image_size=(8, 8))(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.head = nn.Linear(channels * image_size[0] * image_size[1], outputs)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return the pixels as rows, (N, channels · H · W), channel by channel."""
        return pictures.flatten(1)

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.head(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return head, the only one."""
        return dict(self.named_children())
