"""A plain PyTorch loop, as people write it, on random pictures in memory."""

import argparse
import contextlib
import os
import tempfile
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.harness.result import say
from benchmarks.step.shapes import EPOCHS, SHAPES, images_per_s


def conv(before, maps, padding):
    return [nn.Conv2d(before, maps, 3, padding=padding), nn.ReLU()]


def make_model(net, shape):
    first = shape.channels
    if net == "convnet16":
        maps = [*conv(first, 16, 1), nn.MaxPool2d(2), *conv(16, 32, 1), nn.MaxPool2d(2), *conv(32, 64, 1)]
        top = [nn.MaxPool2d(4), nn.Flatten(), nn.Linear(960, 64), nn.ReLU(), nn.Linear(64, shape.classes)]
    elif net == "convnet32":
        maps = [*conv(first, 32, 0), nn.MaxPool2d(2), *conv(32, 64, 0), nn.MaxPool2d(2), *conv(64, 64, 0)]
        top = [nn.Flatten(), nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, shape.classes)]
    else:
        widths = [(first, 32), (32, 64), (64, 128), (128, 128)]
        maps = [layer for a, b in widths for layer in (*conv(a, b, 0), nn.MaxPool2d(2))]
        top = [nn.Flatten(), nn.Linear(6272, 512), nn.ReLU(), nn.Linear(512, shape.classes)]
    return nn.Sequential(*maps, *top)


def train_epoch(model, optimizer, x, y, batch, layout):
    order = torch.randperm(len(x))
    for start in range(0, len(x), batch):
        rows = order[start : start + batch]
        pictures = (x[rows].float() / 255).contiguous(memory_format=layout)
        logits = model(pictures)
        if logits.shape[1] == 1:
            loss = F.binary_cross_entropy_with_logits(logits[:, 0], y[rows].float())
        else:
            loss = F.cross_entropy(logits, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@contextlib.contextmanager
def compiler():
    """Let the compiler begin anew: else a second process takes what the first one has compiled."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        yield


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", choices=SHAPES, required=True)
    parser.add_argument("--layout", choices=["contiguous_format", "channels_last"], required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--compiled", action="store_true", help="by torch.compile, which needs a C++ compiler")
    options = parser.parse_args()
    shape, rng = SHAPES[options.net], np.random.default_rng(0)
    layout = getattr(torch, options.layout)
    size = (shape.batch * shape.steps, shape.channels, shape.height, shape.width)
    x = torch.from_numpy(rng.integers(0, 256, size, dtype=np.uint8))
    y = torch.from_numpy(rng.integers(0, max(2, shape.classes), len(x)))
    model = make_model(options.net, shape).to(memory_format=layout)
    count = sum(p.numel() for p in model.parameters())
    if count != shape.parameters:
        raise SystemExit(f"{options.net} must have {shape.parameters} parameters, got {count}")
    optimizer = torch.optim.Adam(model.parameters())
    seconds, loss = [], 0.0
    with compiler() if options.compiled else contextlib.nullcontext():
        model = torch.compile(model) if options.compiled else model
        for _ in range(options.epochs):
            start = time.perf_counter()
            loss = train_epoch(model, optimizer, x, y, shape.batch, layout)
            seconds.append(time.perf_counter() - start)
    say(
        figures={"images_per_s": images_per_s(seconds, shape), "first_epoch_s": seconds[0], "loss": loss},
        versions={"torch": torch.__version__},
        notes=f"{options.layout}{', compiled' if options.compiled else ''}, {torch.get_num_threads()} threads",
    )


if __name__ == "__main__":
    main()
