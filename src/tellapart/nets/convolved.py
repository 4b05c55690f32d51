"""Convolutions that follow each other, each with a max-pool and a ReLU, as fast as a CPU trains them.

In float32 the maps are kept in oneDNN's own layout from the first convolution to the last. Convolutions take it as it
is, as they do PyTorch's channels last, but a max-pool gains: oneDNN's keeps one byte for where a maximum was, PyTorch's
eight, and PyTorch's gradient is written over zeros that are written first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolved(pictures: Tensor, *layers: tuple[nn.Conv2d, int]) -> Tensor:
    """Return what convolutions make of pictures, each followed by a max-pool and a ReLU.

    The pool comes first, which is the same function, as both are monotone, and leaves less for the ReLU to look at.

    Args:
        pictures: (N, channels, H, W).
        *layers: each convolution with the side of its pool's window, 1 for none.

    Returns:
        (N, maps, h, w), whichever way it was computed.

    Example:
        >>> pictures, layer = torch.rand(2, 1, 12, 12), nn.Conv2d(1, 4, 3)
        >>> convolved(pictures, (layer, 2)).shape
        torch.Size([2, 4, 5, 5])
    """
    own = _own_layout_pays(pictures, [conv for conv, _ in layers])
    maps = pictures.to_mkldnn() if own else pictures
    for conv, size in layers:
        maps = conv(maps)
        maps = F.relu(F.max_pool2d(maps, size, size) if size > 1 else maps)
    return maps.to_dense() if own else maps


def _own_layout_pays(pictures: Tensor, convs: list[nn.Conv2d]) -> bool:
    """Say whether this is a training in float32, in all of its layers, on a processor where the layout was measured."""
    return (
        torch.is_grad_enabled()
        and all(conv.training for conv in convs)
        and pictures.device.type == "cpu"
        and pictures.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability().startswith("AVX")
    )
