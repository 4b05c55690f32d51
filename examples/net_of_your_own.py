"""Plug in a network of your own: one class with one decorator.

python examples/net_of_your_own.py

The command line finds it with --plugin: tellapart --plugin net_of_your_own.py train photos/ --net wide
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

import tellapart
from tellapart.nets import Net, net


@net("wide", summary="one wide convolution: an example", made_for=(28, 28, 1), min_size=(1, 1))
class Wide(Net):
    """One convolution with large filters, and the largest answer of each."""

    def __init__(self, *, outputs: int, channels: int, image_size: tuple[int, int], maps: int = 64) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, maps, kernel_size=5, padding=2)
        self.head = nn.Linear(maps, outputs)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return the largest answer of each filter, (N, maps)."""
        return F.relu(self.conv(pictures)).amax(dim=(2, 3))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return logits, (N, outputs)."""
        return self.head(embedding)

    def stages(self) -> Mapping[str, nn.Module]:
        """Return the parts from the input to the end."""
        return dict(self.named_children())


if __name__ == "__main__":
    print(tellapart.summarize("wide", image_size=(8, 8), channels=1, outputs=10))
    recipe = tellapart.Recipe.make(net={"name": "wide", "options": {"maps": 32}}, training={"epochs": 3})
    run = tellapart.train("digits", recipe)
    print(run.history[-1])
