"""The fused features against the network itself, one operation by another."""

import pytest
import torch
from torch import nn

from tellapart.nets import Net, build_net, fusing
from tellapart.nets.folding import folded
from tellapart.nets.fusing import Embedding


def shaken(name, size=64, **options):
    torch.manual_seed(0)
    net = build_net(name, outputs=3, image_size=(size, size), options=options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("efficientnet_lite0", {}),
        ("mobilenet_v2", {"width": 0.35}),
        ("mobilenet_v2", {"width": 0.35, "variant": "keras"}),
        ("resnet18", {}),
        ("googlenet", {}),
        ("compact", {"width": 4}),
        ("softmax", {}),
    ],
)
def test_the_same_features_of_any_number_of_pictures(name, options):
    net = shaken(name, **options)
    pictures = torch.randn(5, 3, 64, 64)
    with torch.inference_mode():
        expected = net.embed(pictures)
    quick = Embedding(net, example=pictures[:2])
    for count in (2, 1, 5):
        found = quick(pictures[:count])
        assert found.shape == expected[:count].shape
        assert (found - expected[:count]).abs().max() < 1e-4 * expected.abs().max()


def test_every_convolution_of_the_backbone_takes_up_what_follows_it():
    quick = Embedding(shaken("efficientnet_lite0"), example=torch.randn(2, 3, 64, 64))
    targets = [str(node.target) for node in quick._fused.graph.nodes if node.op == "call_function"]
    assert sum("_convolution_pointwise" in target for target in targets) == 49
    left = ("relu", "hardtanh", "aten.add", "pad")
    assert not [target for target in targets if any(each in target for each in left)]


@pytest.mark.parametrize("size", [33, 46, 65, 79])
def test_uneven_padding_in_a_kernel_is_right_at_any_size(size):
    net, pictures = shaken("efficientnet_lite0", size=size), torch.randn(2, 3, size, size)
    with torch.inference_mode():
        expected = net.embed(pictures)
    found = Embedding(net, example=pictures)(pictures)
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


class Padded(nn.Module):
    """One convolution behind one padding."""

    def __init__(self, padding, *, inputs=3, groups=3, stride=2, value=0.0, twice=False):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(inputs, 2 * inputs, (3, 5), stride=stride, groups=groups)
        self.padding, self.value, self.twice = padding, value, twice

    def stages(self):
        return {"head": self.conv}

    def embed(self, pictures):
        padded = nn.functional.pad(pictures, self.padding, value=self.value)
        maps = self.conv(padded).mean((2, 3))
        return maps + padded.mean() if self.twice else maps

    forward = embed


@pytest.mark.parametrize(
    "padding", [(0, 1, 0, 1), (1, 0, 1, 0), (2, 0, 0, 3), (1, 1, 2, 2), (0, 4, 1, 0), (-1, 1, 0, 1)]
)
@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"stride": 1}, True),
        ({"groups": 1}, True),
        ({"inputs": 6, "groups": 1}, False),
        ({"value": 1.5}, False),
        ({"twice": True}, False),
    ],
)
def test_a_convolution_takes_up_a_padding_of_zeros_where_that_is_cheap(padding, changes, taken):
    net = Padded(padding, **changes)
    pictures = torch.randn(4, changes.get("inputs", 3), 12, 15)
    quick = Embedding(net, example=pictures)
    with torch.inference_mode():
        torch.testing.assert_close(quick(pictures), net.embed(pictures), rtol=1e-4, atol=1e-5)
    left = [node for node in quick._fused.graph.nodes if "constant_pad" in str(node.target)]
    assert len(left) == (0 if taken and min(padding) >= 0 else 1)


def test_a_sum_of_one_map_with_another_size_stays_as_it_is():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)

        def stages(self):
            return {"head": self.conv}

        def embed(self, pictures):
            maps = self.conv(pictures)
            return nn.functional.hardtanh(maps + pictures.mean((1, 2, 3), keepdim=True)).flatten(1)

        forward = embed

    net, pictures = Odd(), torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(
            Embedding(net, example=pictures)(pictures), net.embed(pictures), rtol=1e-4, atol=1e-5
        )


def test_the_network_is_left_as_it_was():
    net = shaken("compact", width=4).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    Embedding(net, example=torch.randn(2, 3, 64, 64))
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_normalisation_behind_an_activation_in_place_is_not_folded_before_it():
    class Odd(Net):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)

        def embed(self, pictures):
            return self.norm(torch.relu_(self.conv(pictures))).mean(dim=(2, 3))

        def classify(self, embedding):
            return self.head(embedding)

    net = Odd()
    nn.init.normal_(net.norm.running_mean)
    pictures = torch.randn(3, 1, 8, 8)
    quick = folded(net.eval(), example=pictures)
    torch.testing.assert_close(quick.embed(pictures), net.embed(pictures))


class Kept(Net):
    """Adds up what stands before a normalisation, as pre-activation residual networks do; or normalises it twice."""

    def __init__(self, twice):
        super().__init__()
        self.twice = twice
        self.stem, self.norm, self.conv = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)
        self.dense = nn.Linear(4, 2)

    def feature_map(self, pictures):
        maps = self.stem(pictures)
        if self.twice:
            return self.norm(self.conv(self.norm(maps).relu()))
        return maps + self.conv(self.norm(maps).relu())

    def embed(self, pictures):
        return self.feature_map(pictures).mean(dim=(2, 3))

    def classify(self, embedding):
        return self.dense(embedding)


@pytest.mark.parametrize("twice", [False, True])
def test_a_network_that_folding_would_change_stays_as_it_is(twice):
    torch.manual_seed(0)
    net = Kept(twice).eval()
    nn.init.uniform_(net.norm.running_mean, -0.5, 0.5)
    nn.init.uniform_(net.norm.running_var, 0.5, 1.5)
    pictures = torch.randn(3, 3, 8, 8)
    with torch.inference_mode():
        expected = net.embed(pictures)
        assert torch.allclose(folded(net, example=pictures).embed(pictures), expected, atol=1e-6)
        assert torch.allclose(Embedding(net, example=pictures)(pictures), expected, atol=1e-6)


class Looks(nn.Module):
    def forward(self, maps):
        return maps + 1 if maps.max() > 0 else maps


class Along(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 3, 3, padding=1)

    def forward(self, maps):
        return self.conv(maps.flatten(2)).view_as(maps)


class ReadsAgain(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, maps):
        maps = maps.clone()
        new = self.conv(maps)
        return torch.relu_(maps) + new


@pytest.mark.parametrize("kind", [Looks, Along, ReadsAgain])
def test_what_cannot_be_fused_is_seen_as_it_stands(kind):
    class Own(Net):
        def __init__(self):
            super().__init__()
            self.body, self.head = kind(), nn.Linear(3, 2)

        def feature_map(self, pictures):
            return self.body(pictures)

        def embed(self, pictures):
            return self.body(pictures).mean(dim=(2, 3))

        def classify(self, embedding):
            return self.head(embedding)

        def stages(self):
            return {"body": self.body, "head": self.head}

    torch.manual_seed(0)
    net, pictures = Own().eval(), torch.randn(5, 3, 16, 16)
    quick = Embedding(net, example=pictures[:2])
    with torch.inference_mode():
        assert torch.allclose(quick(pictures), net.embed(pictures), atol=1e-5)
    assert quick._fused is None


def test_a_lack_of_memory_while_it_is_fused_is_said(monkeypatch):
    def full(net, example):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(fusing, "_fused", full)
    with pytest.raises(RuntimeError, match="can't allocate"):
        Embedding(shaken("compact", width=4), example=torch.randn(2, 3, 64, 64))
