"""Receptive fields by hand: each case is a chain of layers and what its last position sees."""

import pytest
import torch
from torch import nn

from tellapart.nets import summarize

CASES = [
    # two 3×3 see what one 5×5 sees, three what one 7×7 sees
    ([nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)], (5, 5), (1, 1)),
    ([nn.Conv2d(1, 1, 3)] * 3, (7, 7), (1, 1)),
    ([nn.Conv2d(1, 1, (1, 7)), nn.Conv2d(1, 1, (7, 1))], (7, 7), (1, 1)),
    ([nn.Conv2d(1, 1, 3, dilation=(1, 4))], (3, 9), (1, 1)),
    ([nn.Conv2d(1, 1, 3, stride=(1, 2)), nn.Conv2d(1, 1, 3)], (5, 7), (1, 2)),
    # AlexNet to its second pool: 11, 11 + 2·4 = 19, 19 + 4·8 = 51, 51 + 2·8 = 67
    (
        [nn.Conv2d(1, 1, 11, 4), nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, 5, padding=2), nn.MaxPool2d(3, 2)],
        (67, 67),
        (16, 16),
    ),
    ([nn.MaxPool2d(2, dilation=3)], (4, 4), (2, 2)),
    ([nn.MaxPool2d(3, 2, ceil_mode=True)], (3, 3), (2, 2)),
    # 64 positions in 4 cells of 16; in 5 cells, the largest is from 12 (⌊64/5⌋) to 26 (⌈128/5⌉)
    ([nn.AdaptiveAvgPool2d(4)], (16, 16), (16, 16)),
    ([nn.AdaptiveMaxPool2d(5)], (14, 14), (12, 12)),
    ([nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)], (64, 64), (62, 62)),
    ([nn.BatchNorm2d(1), nn.LocalResponseNorm(5), nn.ReLU6(), nn.ZeroPad2d(3)], (1, 1), (1, 1)),
]


@pytest.mark.parametrize(("layers", "size", "stride"), CASES)
def test_chain(layers, size, stride):
    last = summarize(nn.Sequential(*layers), image_size=(64, 64), channels=1).rows[-1]
    assert (last.receptive_field, last.stride) == (size, stride)


class Excited(nn.Module):
    """Squeeze and excitation: a dense layer sees the whole picture and scales each map with it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.gate = nn.Linear(4, 4)

    def forward(self, pictures):
        maps = self.conv(pictures)
        return maps * torch.sigmoid(self.gate(maps.mean((2, 3))))[:, :, None, None]


def test_a_dense_branch_sees_everything_and_keeps_the_stride():
    last = summarize(Excited(), image_size=(64, 48), channels=1).rows[-1]
    assert (last.kind, last.receptive_field, last.stride) == ("mul", (65, 49), (2, 2))


class EachPosition(nn.Module):
    """A dense layer over the maps of each position is a 1×1 convolution."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.mix = nn.Linear(4, 8)

    def forward(self, pictures):
        return self.mix(self.conv(pictures).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_a_dense_layer_at_each_position_sees_no_more():
    summary = summarize(EachPosition(), image_size=(10, 10), channels=1)
    assert summary.receptive_field == (3, 3)
    assert summary.rows[-1].multiply_adds == 8 * 8 * 4 * 8


@pytest.mark.parametrize(("side", "field"), [(224, 212), (256, 244), (448, 244)])
def test_an_average_over_shares_that_overlap_sees_both(side, field):
    found = summarize("vgg16", outputs=2, image_size=(side, side))
    last = [layer for layer in found.rows if layer.receptive_field is not None][-1]
    assert last.receptive_field == (field, field)
    assert not any("matmul" in layer.kind for layer in found.rows)
