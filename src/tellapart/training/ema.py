"""Averaged weights: a running mean over the steps, which is judged and kept instead of the network's own."""

from __future__ import annotations

import torch

from ..nets import Net


@torch.no_grad()
def update_ema(averaged: Net, net: Net, *, decay: float) -> None:
    """Move an average towards the network by a share of 1 − decay, in place.

    The statistics of batch normalisation are averaged as the weights are: those of one moment belong to the weights of
    that moment alone. Counts are copied.

    Args:
        averaged: a copy of the network.
        net: as the step left it.
        decay: 0 to 1.

    Example:
        >>> import copy, torch
        >>> from tellapart.nets import build_net
        >>> net = build_net("softmax", outputs=2, channels=1, image_size=(2, 2))
        >>> averaged = copy.deepcopy(net)
        >>> _ = torch.nn.init.zeros_(averaged.head.weight), torch.nn.init.ones_(net.head.weight)
        >>> update_ema(averaged, net, decay=0.75)
        >>> averaged.head.weight[0, 0].item()
        0.25
    """
    kept, current = list(averaged.state_dict().values()), list(net.state_dict().values())
    floating = [tensor.is_floating_point() for tensor in kept]
    torch._foreach_lerp_(
        [tensor for tensor, yes in zip(kept, floating, strict=True) if yes],
        [tensor for tensor, yes in zip(current, floating, strict=True) if yes],
        1 - decay,
    )
    for mine, its, yes in zip(kept, current, floating, strict=True):
        if not yes:
            mine.copy_(its)
