"""Batch normalisation and dropout over the parts of several processes, here threads, against torch on the whole."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from tellapart.errors import NetError
from tellapart.training.devices import Devices, portion_of
from tellapart.training.one_batch import Step, as_one_batch


class Sum:
    """Adds tensors up over threads, as all_reduce does over processes."""

    def __init__(self, count):
        self.barrier, self.given = threading.Barrier(count), [None] * count

    def of(self, rank):
        def total(tensor):
            self.given[rank] = tensor.clone()
            self.barrier.wait(timeout=20)
            tensor.copy_(torch.stack(self.given).sum(dim=0))
            self.barrier.wait(timeout=20)
            return tensor

        return total


def in_parts(make, pictures, target, *, count):
    """Return output, gradient of the input and of the weights, and the network, of each part."""
    sums, found = Sum(count), [None] * count

    def work(rank):
        net, portion = make(), portion_of(len(pictures), rank=rank, count=count)
        mine = pictures[portion.part].clone().requires_grad_(True)
        with as_one_batch(net, Step(total=sums.of(rank), portion=portion)):
            out = net(mine)
            ((out * target[portion.part]).sum() * (portion.share > 0)).backward()
        found[rank] = (portion, out.detach(), mine.grad, [p.grad for p in net.parameters()], net)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return found


@pytest.mark.parametrize(("n", "count"), [(7, 2), (8, 4), (2, 3)])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_batch_normalisation_is_torchs_own_of_the_whole_batch(n, count, momentum, layout):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(n, 3, 5, 4, generator=generator).mul(3).add(1).contiguous(memory_format=layout)
    target = torch.randn(n, 3, 5, 4, generator=generator)

    def make():
        net = nn.BatchNorm2d(3, momentum=momentum)
        with torch.no_grad():
            net.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        return net

    whole, x = make(), pictures.clone().requires_grad_(True)
    out = whole(x)
    (out * target).sum().backward()
    found = in_parts(make, pictures, target, count=count)
    assert sum(portion.share > 0 for portion, *_ in found) == min(n, count)
    for portion, mine, gradient, _, net in found:
        assert torch.allclose(mine, out[portion.part], atol=1e-5)
        for name, tensor in net.state_dict().items():
            assert torch.allclose(tensor, whole.state_dict()[name], atol=1e-5), name
        expected = x.grad[portion.part] if portion.share else torch.zeros_like(gradient)
        assert torch.allclose(gradient, expected, atol=1e-5)
        assert "forward" not in vars(net)
    for position, parameter in enumerate(whole.parameters()):
        assert torch.allclose(sum(part[3][position] for part in found), parameter.grad, atol=1e-4)


@pytest.mark.parametrize("maps", [8, 16])
def test_statistics_of_maps_in_bfloat16_have_all_digits(maps):
    pictures = torch.randn(8, maps, 4, 4, generator=torch.Generator().manual_seed(0)).add(5).bfloat16()
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    exact = pictures.double().mean(dim=(0, 2, 3))
    for *_, net in in_parts(lambda: nn.BatchNorm2d(maps, momentum=1.0), pictures, pictures, count=2):
        assert (net.running_mean - exact).abs().max() < 1e-5  # in bfloat16 it would be off by 0.01


@pytest.mark.parametrize("shape", [(9, 6), (9, 4, 3, 3)])
def test_dropout_takes_its_part_of_the_whole_batchs_mask(shape):
    pictures = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    net = nn.Dropout(0.4)
    torch.manual_seed(5)
    whole = net(pictures)
    for rank in range(2):
        portion = portion_of(9, rank=rank, count=2)
        with as_one_batch(net, Step(total=lambda tensor: tensor, portion=portion)):
            torch.manual_seed(5)
            assert torch.allclose(net(pictures[portion.part]), whole[portion.part])
            net.eval()
            assert torch.equal(net(pictures), pictures)
            net.train()


@pytest.mark.parametrize(("n", "count"), [(97, 2), (96, 5), (3, 4), (1, 2)])
def test_parts_hold_each_picture_once_and_shares_add_up(n, count):
    found = [portion_of(n, rank=rank, count=count) for rank in range(count)]
    held = [np.arange(n)[portion.part] for portion in found if portion.share]
    assert np.concatenate(held).tolist() == list(range(n))
    assert sum(portion.share for portion in found) == pytest.approx(1)
    assert {portion.part.stop - portion.part.start for portion in found} <= {n // count, n // count + 1, 1}
    assert all(portion.of == n and portion.part.stop > portion.part.start for portion in found)


def test_one_device_has_all_of_it():
    portion = Devices(torch.device("cpu")).portion(5)
    assert (portion.part, portion.of, portion.share, portion.processes) == (slice(0, 5), 5, 1.0, 1)


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_whole_maps_are_dropped_alike_whoever_has_the_picture(kind):
    shape = {nn.Dropout1d: (9, 4, 3), nn.Dropout2d: (9, 4, 3, 3), nn.Dropout3d: (9, 4, 3, 3, 2)}[kind]
    pictures, net = torch.ones(shape), kind(0.4)
    found = []
    for rank in range(2):
        portion = portion_of(9, rank=rank, count=2)
        with as_one_batch(net, Step(total=lambda tensor: tensor, portion=portion)):
            torch.manual_seed(5)
            found.append(net(pictures[portion.part]))
    maps = torch.cat(found).flatten(2)
    assert len(maps) == 9
    assert (maps == maps[:, :, :1]).all()
    assert maps.unique().tolist() == pytest.approx([0.0, 1 / 0.6])
    assert not torch.equal(found[0][:4], found[1][:4]), "each picture has units of its own"


def test_a_kind_of_dropout_that_cannot_be_shared_is_refused():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.AlphaDropout(0.2))
    refused = pytest.raises(NetError, match="AlphaDropout cannot be drawn for a batch that several processes share")
    with refused, as_one_batch(net, Step(total=lambda tensor: tensor)):
        pass
    assert "forward" not in vars(net[0])
