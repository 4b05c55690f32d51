"""What both sides do: the same network with the same weights, on the same pictures."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.nets import Net, build_net

NETS = ("efficientnet_lite0", "mobilenet_v2", "resnet18")
SIDE = 224
PICTURES = 384
"""In each of the passes that are timed; the first pass is not."""

PASSES = 5
MEAN = STD = 0.5
"""What the pixels, 0 to 1, are centred on and divided by."""


def options() -> argparse.Namespace:
    """Return the parsed command line of a peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", choices=NETS, required=True)
    parser.add_argument("--batch", type=int, default=1)
    return parser.parse_args()


def network(name: str) -> Net:
    """Return the network with weights of a fixed seed: how fast it is does not hang on their values."""
    torch.manual_seed(0)
    net = build_net(name, outputs=2, image_size=(SIDE, SIDE)).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # so that the features are not all but zero
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.bias, 0.0, 1.0)
    return net


def pictures() -> NDArray[np.uint8]:
    """Return noise, uint8 (384, 224, 224, 3)."""
    return np.random.default_rng(0).integers(0, 256, (PICTURES, SIDE, SIDE, 3), dtype=np.uint8)


def measure(embed: Callable[[], NDArray[np.float32]]) -> dict[str, float]:
    """Return pictures a second, the median pass after one that is not timed, and the sum of the features."""
    features, seconds = embed(), []
    for _ in range(PASSES):
        start = time.perf_counter()
        features = embed()
        seconds.append(time.perf_counter() - start)
    speed = PICTURES / sorted(seconds)[PASSES // 2]
    return {"pictures_per_s": speed, "checksum": float(np.abs(features.astype(np.float64)).sum())}
