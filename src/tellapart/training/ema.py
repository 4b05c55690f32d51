"""Averaged weights: a running mean over the steps, which is judged and kept instead of the network's own."""

from __future__ import annotations

import copy

import torch

from ..nets import Net


class Average:
    """A network's running mean: an exponential moving average of its weights over the steps of a training.

    The statistics of batch normalisation are averaged as the weights are: those of one moment belong to the weights of
    that moment alone. Counts are copied.

    Args:
        of: the network, on the device that it is trained on; it keeps its tensors, which change in place.

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
        pairs = list(zip(self.net.state_dict().values(), of.state_dict(keep_vars=True).values(), strict=True))
        moving = [pair for pair in pairs if pair[0].is_floating_point()]  # looked up once, not in every step
        self._mine, self._its = [mine for mine, _ in moving], [its for _, its in moving]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, *, decay: float) -> None:
        """Move the average towards the network by a share of 1 − decay, in place.

        Args:
            decay: 0 to 1.
        """
        torch._foreach_lerp_(self._mine, self._its, 1 - decay)
        for mine, its in self._counts:
            mine.copy_(its)
