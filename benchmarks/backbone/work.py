"""What both sides do: the same network with the same weights, on the same pictures."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from tellapart.nets import Net, build_net

NETS = ("efficientnet_lite0", "mobilenet_v2", "resnet18")
SIDE = 224
BATCH = 32
BATCHES = 12
"""In each of the passes that are timed; the first pass is not."""

PASSES = 5


def options() -> argparse.Namespace:
    """Return the parsed command line of a peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", choices=NETS, required=True)
    parser.add_argument("--batch", type=int, default=BATCH)
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


def pictures(batch: int) -> torch.Tensor:
    """Return noise, float32 (batch, 3, 224, 224), channels last."""
    values = np.random.default_rng(0).standard_normal((batch, SIDE, SIDE, 3), dtype=np.float32)
    return torch.from_numpy(values).permute(0, 3, 1, 2)


def speed(embed: Callable[[], object], *, batch: int) -> float:
    """Return pictures a second: the median pass, after one that is not timed."""
    seconds = []
    for _ in range(PASSES + 1):
        start = time.perf_counter()
        for _ in range(BATCHES):
            embed()
        seconds.append(time.perf_counter() - start)
    return BATCHES * batch / sorted(seconds[1:])[PASSES // 2]
