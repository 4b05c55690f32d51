"""Averaged weights: a running mean over the steps, which is judged and kept instead of the network's own."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ..nets import Net


class Average:
    """A network's running mean: an exponential moving average of its weights over the steps of a training.

    The statistics of batch normalisation are averaged as the weights are: those of one moment belong to the weights of
    that moment alone. Counts are copied.

    Args:
        of: the network, on the device that it is trained on; its parameters change in place.

    Example:
        >>> import torch
        >>> from tellapart.nets import build_net
        >>> net = build_net("softmax", outputs=2, channels=1, image_size=(2, 2))
        >>> _ = torch.nn.init.zeros_(net.head.weight)
        >>> average = Average(net)
        >>> _ = torch.nn.init.ones_(net.head.weight)
        >>> average.update(decay=0.75)
        >>> average.net.head.weight[0, 0].item()
        0.25
    """

    def __init__(self, of: Net) -> None:
        self.net = copy.deepcopy(of).requires_grad_(False)
        # looked up once, not in every step
        self._mine: list[Tensor] = list(self.net.parameters())
        self._its: list[Tensor] = list(of.parameters())
        self._buffers = [
            (mine, its, name)
            for mine, its in zip(self.net.modules(), of.modules(), strict=True)
            for name, buffer in its._buffers.items()
            if buffer is not None and name not in its._non_persistent_buffers_set
        ]

    @torch.no_grad()
    def update(self, *, decay: float) -> None:
        """Move the average towards the network by a share of 1 − decay, in place.

        Args:
            decay: 0 to 1.
        """
        mine, its = list(self._mine), list(self._its)
        for average, net, name in self._buffers:  # of the moment: a network may put new tensors in their place
            kept, current = average.get_buffer(name), net.get_buffer(name)
            if kept.is_floating_point():
                mine.append(kept)
                its.append(current)
            else:
                kept.copy_(current)
        torch._foreach_lerp_(mine, its, 1 - decay)
