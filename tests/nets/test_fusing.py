"""The fused features against the network itself, one operation by another."""

import pytest
import torch
from torch import nn

from tellapart.nets import build_net
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
    assert not [target for target in targets if "relu" in target or "hardtanh" in target or "aten.add" in target]


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
