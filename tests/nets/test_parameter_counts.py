"""The taught networks have the parameters that the course, the literature and hand arithmetic give them."""

import pytest
import torch

from tellapart.nets import build_net

FIGURES = [
    # name, outputs, channels, image_size, parameters, by hand
    ("softmax", 55, 1, (80, 60), 264_055, (80 * 60 + 1) * 55),
    ("softmax", 10, 3, (8, 6), 1_450, (3 * 8 * 6 + 1) * 10),
    ("dense", 10, 1, (28, 28), 669_706, 785 * 512 + 513 * 512 + 513 * 10),
    ("convnet16", 55, 1, (80, 60), 88_375, 10 * 16 + (9 * 16 + 1) * 32 + (9 * 32 + 1) * 64 + 961 * 64 + 65 * 55),
    ("convnet32", 10, 1, (28, 28), 93_322, 55_744 + 37_578),
    (
        "convnet64",
        10,
        1,
        (28, 28),
        1_413_834,
        (49 + 1) * 64
        + (9 * 64 + 1) * 128
        + (9 * 128 + 1) * 128
        + (9 * 128 + 1) * 256
        + (9 * 256 + 1) * 256
        + (256 * 3 * 3 + 1) * 128
        + 129 * 64
        + 65 * 10,
    ),
    (
        "convnet128",
        1,
        3,
        (150, 150),
        3_453_121,
        28 * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 128 + (9 * 128 + 1) * 128 + (128 * 7 * 7 + 1) * 512 + 513,
    ),
    ("lenet5", 10, 1, (32, 32), 61_706, 26 * 6 + (25 * 6 + 1) * 16 + (25 * 16 + 1) * 120 + 121 * 84 + 85 * 10),
    ("lenet5", 10, 1, (28, 28), 61_706, 156 + 2_416 + 48_120 + 10_164 + 850),
]


@pytest.mark.parametrize(("name", "outputs", "channels", "image_size", "figure", "by_hand"), FIGURES)
def test_parameters(name, outputs, channels, image_size, figure, by_hand):
    with torch.device("meta"):
        net = build_net(name, outputs=outputs, channels=channels, image_size=image_size)
    assert sum(p.numel() for p in net.parameters()) == figure == by_hand


def test_dense_units():
    with torch.device("meta"):
        net = build_net("dense", outputs=2, channels=1, image_size=(4, 4), options={"units": 3})
    assert sum(p.numel() for p in net.parameters()) == 17 * 3 + 4 * 3 + 4 * 2


def test_convnet32_halves():
    net = build_net("convnet32", outputs=10, channels=1, image_size=(28, 28))
    convolutions = sum(p.numel() for name, p in net.named_parameters() if name.startswith("conv"))
    assert convolutions == 55_744
