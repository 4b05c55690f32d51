"""From pixels to what a network takes."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..images.preprocessing import Preprocessing


def to_input(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return a network's input, float32 (N, C, H, W) in channels_last, of pixels, uint8 (N, H, W, C).

    On Apple's GPUs it is contiguous, as the network is there.
    This is the one place where pictures turn from uint8 into float32.
    """
    scale, shift = _line(tuple(preprocessing.mean), tuple(preprocessing.std), pixels.device)
    pictures = pixels.to(torch.float32).mul_(scale).add_(shift).permute(0, 3, 1, 2)
    return pictures.contiguous() if pictures.device.type == "mps" else pictures


@functools.lru_cache(maxsize=16)
def _line(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what pixels are multiplied by and what is added, made once: a copy to a GPU waits for its last step."""
    with torch.inference_mode(mode=False):
        deviation = torch.tensor(std, dtype=torch.float32, device=device)
        return 1.0 / (255.0 * deviation), -torch.tensor(mean, dtype=torch.float32, device=device) / deviation
