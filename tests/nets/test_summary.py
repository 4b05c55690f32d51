"""The layer table: the course's worked figure, hand-worked networks, and everything that is registered."""

import json
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tellapart.errors import NetError, RecipeError, UnknownNameError
from tellapart.nets import build_net, nets, summarize, tracing
from tellapart.nets.base import build_outline


def test_the_worked_figure():
    net = nn.Conv2d(3, 200, 5, padding=2)
    summary = summarize(net, image_size=(150, 100), channels=3, batch_size=100)
    (row,) = summary.rows
    assert row.output_shape == (200, 150, 100)
    assert summary.parameters == row.parameters == 15_200
    assert summary.multiply_adds == 225_000_000 == 75 * 200 * 15_000
    assert row.activation_bytes == 12_000_000
    assert summary.training_bytes == 1_200_000_000
    assert summary.inference_bytes == 12_000_000
    assert summary.receptive_field == (5, 5)


def test_convnet16_by_hand():
    summary = summarize("convnet16", image_size=(80, 60), channels=1, outputs=55, batch_size=2)
    rows = {row.name: row for row in summary.rows}
    assert [row.name for row in summary.rows][:6] == ["conv1", "max_pool", "relu", "conv2", "max_pool#2", "relu#2"]
    assert [row.parameters for row in summary.rows if row.parameters] == [160, 4_640, 18_496, 61_504, 3_575]
    assert rows["conv2"].multiply_adds == 9 * 16 * 32 * 40 * 30
    assert rows["dense"].multiply_adds == 960 * 64
    assert (rows["conv1"].receptive_field, rows["conv1"].stride) == ((3, 3), (1, 1))
    assert (rows["max_pool#3"].receptive_field, rows["max_pool#3"].stride) == ((30, 30), (16, 16))
    assert (rows["max_pool#3"].kind, rows["max_pool#3"].detail) == ("max-pool", "4×4")
    assert rows["flatten"].activation_bytes == 0
    assert rows["dense"].receptive_field is None
    # Two consecutive layers: the first convolution and its pool.
    assert summary.inference_bytes == 4 * (16 * 80 * 60 + 16 * 40 * 30)
    pool_sizes = 16 * 40 * 30 + 32 * 20 * 15 + 64 * 5 * 3
    floats = 16 * 80 * 60 + 32 * 40 * 30 + 64 * 20 * 15 + 2 * pool_sizes + 64 + 64 + 55
    assert summary.training_bytes == 2 * 4 * floats
    assert summary.parameter_bytes == 4 * 88_375


def test_convnet128_by_hand():
    summary = summarize("convnet128", image_size=(150, 150), outputs=1)
    assert summary.parameters == 3_453_121
    macs = 27 * 32 * 148**2 + 9 * 32 * 64 * 72**2 + 9 * 64 * 128 * 34**2 + 9 * 128 * 128 * 15**2 + 6272 * 512 + 512
    assert summary.multiply_adds == macs


class Branches(nn.Module):
    """What architectures are made of: modules, functions, branches, a residual, dilation, a layer used twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.wide = nn.Conv2d(4, 4, 5, dilation=2, padding=4)
        self.narrow = nn.Conv2d(4, 4, 1)
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.act = nn.ReLU(inplace=True)
        self.aux = nn.Linear(3, 2)
        self.head = nn.Linear(8, 2)

    def forward(self, pictures):
        maps = self.act(self.norm(self.stem(pictures)))
        maps = F.max_pool2d(maps, 3, stride=1, padding=1)
        maps = torch.cat([self.wide(maps), self.narrow(maps)], dim=1)
        maps = maps + self.act(self.depth(maps))
        maps = F.dropout(F.avg_pool2d(maps, 2), 0.5, self.training)
        return self.head(F.adaptive_avg_pool2d(maps, 1).flatten(1))


def test_branches_and_functions():
    summary = summarize(Branches(), image_size=(33, 33), channels=1)
    rows = {row.name: row for row in summary.rows}
    expected = [
        ("stem", "conv", "3×3 /2", (3, 3), (2, 2)),
        ("norm", "batch norm", "", (3, 3), (2, 2)),
        ("act", "ReLU", "", (3, 3), (2, 2)),
        ("max_pool", "max-pool", "3×3 /1", (7, 7), (2, 2)),
        ("wide", "conv", "5×5 dilation 2", (23, 23), (2, 2)),
        ("narrow", "conv", "1×1", (7, 7), (2, 2)),
        ("concat", "concat", "", (23, 23), (2, 2)),
        ("depth", "conv", "3×3 depthwise", (27, 27), (2, 2)),
        ("act#2", "ReLU", "", (27, 27), (2, 2)),
        ("add", "add", "", (27, 27), (2, 2)),
        ("average_pool", "average-pool", "2×2", (29, 29), (4, 4)),
        ("dropout", "dropout", "", (29, 29), (4, 4)),
        ("average_pool#2", "average-pool", "8×8", (57, 57), (32, 32)),
        ("flatten", "flatten", "", None, None),
        ("head", "dense", "", None, None),
        ("aux", "training only", "", None, None),
    ]
    got = [(row.name, row.kind, row.detail, row.receptive_field, row.stride) for row in summary.rows]
    assert got == expected
    assert rows["depth"].multiply_adds == 9 * 8 * 16 * 16
    assert rows["act"].activation_bytes == 0
    assert rows["aux"].parameters == 8
    # 16×16 floats a map: the residual keeps 8 maps while the depthwise convolution makes 8 and the sum 8 more.
    assert summary.inference_bytes == 24 * 16 * 16 * 4
    assert summary.parameters == sum(p.numel() for p in Branches().parameters())


def test_receptive_field_against_what_is_seen():
    torch.manual_seed(1)
    net = Branches().eval()
    side = 81

    def spatial(pictures):
        maps = net.act(net.norm(net.stem(pictures)))
        maps = F.max_pool2d(maps, 3, stride=1, padding=1)
        maps = torch.cat([net.wide(maps), net.narrow(maps)], dim=1)
        return F.avg_pool2d(maps + net.depth(maps), 2)

    # One picture a column, and this column is not a number: it makes the middle position so where it is seen.
    pictures = torch.zeros(side, 1, side, side)
    pictures[torch.arange(side), :, :, torch.arange(side)] = float("nan")
    with torch.no_grad():
        maps = spatial(pictures)
    middle = maps.shape[3] // 2
    seen = maps[:, :, maps.shape[2] // 2, middle].isnan().any(dim=1).nonzero().flatten()
    row = next(row for row in summarize(net, image_size=(side, side), channels=1).rows if row.name == "average_pool")
    assert int(seen.max() - seen.min()) + 1 == row.receptive_field[1]


def test_the_network_is_left_as_it_was():
    net = Branches()
    net.norm.eval()
    net.stem.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.random.get_rng_state()
    summary = summarize(net, image_size=(33, 33), channels=1)
    assert summary.trainable_parameters == summary.parameters - 36
    assert "trainable" in str(summary)
    assert [module.training for module in (net, net.norm, net.act)] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert torch.equal(random, torch.random.get_rng_state())


def test_shared_parameters_count_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, pictures):
            return self.conv(self.conv(pictures))

    first, second = summarize(Twice(), image_size=(8, 8), channels=1).rows
    assert (first.parameters, second.parameters, second.name) == (10, 0, "conv#2")
    assert (first.multiply_adds, second.multiply_adds) == (576, 576)
    assert second.receptive_field == (5, 5)


def test_normalised_weights_belong_to_their_layer():
    class Standardised(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, pictures):
            weight = self.conv.weight - self.conv.weight.mean((1, 2, 3), keepdim=True)
            return F.conv2d(pictures, weight, self.conv.bias)

    (row,) = summarize(Standardised(), image_size=(8, 8), channels=1).rows
    assert (row.name, row.parameters, row.receptive_field) == ("conv", 20, (3, 3))


@pytest.mark.parametrize("name", nets.names())
def test_every_registered_net(name):
    height, width, channels = nets.get(name).made_for
    with torch.device("meta"):
        net = build_net(name, outputs=10, channels=channels, image_size=(height, width))
    summary = summarize(name, image_size=(height, width), channels=channels, outputs=10)
    assert summary.parameters == sum(p.numel() for p in net.parameters())
    assert summary.rows[-1].output_shape in ((10,), ())
    assert summary.multiply_adds > 0
    assert 0 < summary.inference_bytes <= summary.training_bytes
    assert len({row.name for row in summary.rows}) == len(summary.rows)


@pytest.mark.parametrize("name", [name for name in nets.names() if not name.startswith(("vgg", "resnet1"))])
def test_a_network_that_is_computed_and_one_without_numbers_have_the_same_layers(name, monkeypatch):
    height, width, channels = nets.get(name).made_for
    outline = build_outline(name, outputs=10, channels=channels, image_size=(height, width))
    monkeypatch.setattr(tracing, "MOST_PARAMETERS", 10**9)
    monkeypatch.setattr(tracing, "MOST_PIXELS", 10**9)
    computed = tracing.trace(outline, image_size=(height, width), channels=channels)
    monkeypatch.setattr(tracing, "MOST_PARAMETERS", 0)
    assert tracing.trace(outline, image_size=(height, width), channels=channels) == computed


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_numbers_need_no_processor_that_computes_with_them(dtype):
    outline = build_outline("convnet16", outputs=2, channels=1, image_size=(16, 16)).to(dtype)
    layers = tracing.trace(outline, image_size=(16, 16), channels=1).layers
    assert layers[0].activation_bytes == 16 * 16 * 16 * dtype.itemsize


def test_a_training_does_not_wait_for_torch_s_compiler(tmp_path):
    code = (
        "import atexit, sys\n"
        "from tellapart.cli.app import main\n"
        "atexit.register(lambda: print('torch._dynamo' in sys.modules, 'sympy' in sys.modules))\n"
        "main(sys.argv[1:])\n"
    )
    given = ["train", "digits", "--epochs", "1", "--out", str(tmp_path / "run")]
    command = [sys.executable, "-c", code, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_no_memory_is_allocated():
    # 40,000 × 40,000 pixels in 16 maps would be 102 GB.
    summary = summarize("convnet16", image_size=(40_000, 40_000), channels=1, outputs=2)
    assert summary.rows[0].activation_bytes == 16 * 40_000**2 * 4


def test_text_html_and_dict():
    summary = summarize("convnet16", image_size=(80, 60), channels=1, outputs=55, batch_size=128)
    text = str(summary)
    assert text.splitlines()[0] == "convnet16 on 80×60 grey"
    assert "88,375" in text
    assert "99.4 MB for a batch of 128" in text
    assert max(map(len, text.splitlines())) <= 100
    page = summary._repr_html_()
    assert page.count("<tr>") == len(summary.rows) + 1
    assert "16 × 80×60" in page
    values = json.loads(json.dumps(summary.to_dict()))
    assert values == summary.to_dict()
    assert values["parameters"] == 88_375
    assert values["rows"][0]["output_shape"] == [16, 80, 60]


def test_wrong_arguments():
    with pytest.raises(UnknownNameError, match="did you mean 'convnet128'"):
        summarize("convnet129", image_size=(80, 60), outputs=2)
    with pytest.raises(NetError, match="outputs is missing for 'convnet16'"):
        summarize("convnet16", image_size=(80, 60))
    with pytest.raises(NetError, match="at least 16x16"):
        summarize("convnet16", image_size=(8, 60), outputs=2)
    with pytest.raises(NetError, match="batch_size"):
        summarize("convnet16", image_size=(80, 60), outputs=2, batch_size=0)
    with pytest.raises(RecipeError, match="leave them out"):
        summarize(nn.Flatten(), image_size=(80, 60), outputs=2)


def test_a_network_for_other_pictures():
    net = build_net("convnet16", outputs=2, channels=1, image_size=(80, 60))
    with pytest.raises(NetError, match="ConvNet16 cannot run on pictures of 32x32 with 1 channels"):
        summarize(net, image_size=(32, 32), channels=1)
    assert net.training
    assert not net.conv1._forward_hooks


def test_what_a_composed_operation_makes_itself_is_not_what_it_reads():
    class Plain(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x)

    sizes = {
        "dense on maps": (nn.Linear(64, 16), (8, 64), 3 * 8 * 16 * 4),
        "instance norm": (nn.InstanceNorm2d(3), (8, 8), 3 * 8 * 8 * 4),
        "group norm": (nn.GroupNorm(1, 3), (8, 8), 3 * 8 * 8 * 4),
    }
    for name, (layer, size, expected) in sizes.items():
        (row,) = summarize(Plain(layer), image_size=size, channels=3).rows
        assert row.activation_bytes == expected, name
