"""Averaged weights against the sum that they stand for."""

import copy

import torch
from torch import nn

from tellapart.nets import build_net
from tellapart.training.ema import Average


def test_an_average_is_the_weighted_sum_of_all_steps_statistics_included():
    net = build_net("compact", outputs=3, channels=1, image_size=(16, 16), options={"width": 2})
    average = Average(net)
    states = [copy.deepcopy(net.state_dict())]
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator))
            else:
                tensor.fill_(seed + 5)
        states.append(copy.deepcopy(net.state_dict()))
        average.update(decay=0.5)
    for name, tensor in average.net.state_dict().items():
        if tensor.is_floating_point():
            expected = sum(
                weight * state[name] for weight, state in zip((0.125, 0.125, 0.25, 0.5), states, strict=True)
            )
            assert torch.allclose(tensor, expected, atol=1e-6)
        else:
            assert int(tensor) == 7
    assert any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_a_tensor_that_a_network_puts_in_the_place_of_another_is_averaged():
    class Centred(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("centre", torch.zeros(2))
            self.register_buffer("scratch", torch.zeros(2), persistent=False)

    net = Centred()
    average = Average(net)
    for _ in range(2):
        net.centre, net.scratch = torch.full((2,), 4.0), torch.zeros(5)
        average.update(decay=0.5)
    assert average.net.centre.tolist() == [3.0, 3.0]
    assert average.net.scratch.shape == (2,)
