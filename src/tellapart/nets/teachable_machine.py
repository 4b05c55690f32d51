"""The network of a Teachable Machine export: a narrow MobileNet with two dense layers of its own.

======  ===========================================  ============
stage   layer                                        output
======  ===========================================  ============
stem    as in MobileNet v2, 0.35 times its maps      112×112
block1  ... block7, neck: likewise                   7×7 × 1280
dense   average, dense, ReLU                         100
head    dense without bias                           classes
======  ===========================================  ============

Made for 224×224 and pixels as x / 127.5 − 1; 525,228 parameters with 10 classes. The body was trained on ImageNet and
stays as it is; Teachable Machine trains the two dense layers. Exports with MobileNet v1 at 0.25 times its maps exist.

Source: https://github.com/googlecreativelab/teachablemachine-community, libraries/image.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Net, build_net, net
from .layers import average, check_variant, initialise

BODIES = ("mobilenet_v2", "mobilenet")
UNITS = 100


@net(
    "teachable_machine",
    summary="a narrow MobileNet with two dense layers, as Teachable Machine exports it",
    made_for=(224, 224, 3),
    min_size=(32, 32),
)
class TeachableMachine(Net):
    """The network of the module's table.

    Args:
        outputs: logits at the end.
        channels: 1 or 3.
        image_size: (height, width), at least 32×32.
        body: "mobilenet_v2" or "mobilenet".
        width: factor on the body's maps.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> build_net("teachable_machine", outputs=3, image_size=(64, 64)).embed(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 100])
    """

    def __init__(
        self,
        *,
        outputs: int,
        channels: int,
        image_size: tuple[int, int],
        body: str = "mobilenet_v2",
        width: float = 0.35,
    ) -> None:
        super().__init__()
        check_variant("teachable_machine", body, allowed=BODIES, option="body")
        options = {"variant": "keras", "width": width}
        self.body = build_net(body, outputs=1, channels=channels, image_size=image_size, options=options)
        last = [module for module in self.body.modules() if isinstance(module, nn.Linear)][-1]
        self.body.classifier = nn.Identity()
        self.dense = nn.Linear(last.in_features, UNITS)
        self.classifier = nn.Linear(UNITS, outputs, bias=False)
        initialise(self.dense)
        initialise(self.classifier)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return the body's last maps, (N, 1280, ceil(H / 32), ceil(W / 32)) with MobileNet v2."""
        return self.body.feature_map(pictures)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return (N, 100)."""
        return F.relu(self.dense(average(self.feature_map(pictures))))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return (N, outputs)."""
        logits: Tensor = self.classifier(embedding)
        return logits

    def stages(self) -> Mapping[str, nn.Module]:
        """Return the body's stages, dense, head."""
        body = {name: stage for name, stage in self.body.stages().items() if name != "head"}
        return {**body, "dense": self.dense, "head": self.classifier}
