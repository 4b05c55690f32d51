"""From pixels to what a network takes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..images.preprocessing import Preprocessing


def to_input(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return a network's input, float32 (N, C, H, W) in channels_last, of pixels, uint8 (N, H, W, C).

    On Apple's GPUs it is contiguous, as the network is there.
    This is the one place where pictures turn from uint8 into float32.
    """
    scale = 1.0 / (255.0 * torch.tensor(preprocessing.std, dtype=torch.float32, device=pixels.device))
    shift = -torch.tensor(preprocessing.mean, device=pixels.device) / torch.tensor(
        preprocessing.std, device=pixels.device
    )
    pictures = pixels.to(torch.float32).mul_(scale).add_(shift).permute(0, 3, 1, 2)
    return pictures.contiguous() if pictures.device.type == "mps" else pictures
