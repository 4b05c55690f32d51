"""Batch normalisation of few maps: torch's own, in float64, is what it is held to."""

import copy

import pytest
import torch
from torch import nn

from tellapart.nets.batch_norm import BatchNorm2d


def pair(maps):
    """Ours and torch's own in float64, with equal weights."""
    torch.manual_seed(maps)
    ours, exact = BatchNorm2d(maps), nn.BatchNorm2d(maps)
    for norm in (ours, exact):
        with torch.no_grad():
            norm.weight.copy_(torch.linspace(0.5, 2, maps))
            norm.bias.copy_(torch.linspace(-1, 1, maps))
    return ours, exact.double()


def learnt(norm, pictures, gradient):
    """What comes out, and the gradients of the input, the weight and the bias."""
    given = pictures.detach().requires_grad_()
    out = norm(given)
    return [out, *torch.autograd.grad(out, (given, norm.weight, norm.bias), gradient)]


@pytest.mark.parametrize("maps", [3, 8, 12])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_it_is_batch_normalisation_and_so_are_its_gradients(maps, dtype, tolerance):
    ours, exact = pair(maps)
    pictures = (torch.randn(16, maps, 6, 4) * 2 + 5).to(dtype).contiguous(memory_format=torch.channels_last)
    gradient = torch.randn(16, maps, 6, 4).to(dtype)  # not in channels last
    found, wanted = learnt(ours, pictures, gradient), learnt(exact, pictures.double(), gradient.double())
    assert type(found[0].grad_fn).__name__ == "_NormalisedBackward"
    assert found[0].dtype == found[1].dtype == dtype
    for mine, its in zip(found, wanted, strict=True):
        assert (mine.double() - its).abs().max() <= tolerance * its.abs().max()
    torch.testing.assert_close(ours.running_mean.double(), exact.running_mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.running_var.double(), exact.running_var, rtol=1e-4, atol=1e-5)
    assert ours.num_batches_tracked == exact.num_batches_tracked == 1
    seen = pictures.float()
    torch.testing.assert_close(ours.eval()(seen).double(), exact.eval()(seen.double()), rtol=1e-4, atol=1e-4)


def test_a_map_without_variance_gives_its_bias():
    ours, _ = pair(8)
    out = ours(torch.full((4, 8, 2, 2), 7.0).contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(out[0, :, 0, 0], ours.bias, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "channels_last"),
    [((3, 8, 3, 3), True), ((4, 16, 2, 2), True), ((4, 24, 2, 2), True), ((4, 8, 2, 2), False)],
    ids=["pixels that do not come out even", "full lines", "many maps", "maps one after the other"],
)
def test_all_else_is_left_to_torch(shape, channels_last):
    ours, theirs = BatchNorm2d(shape[1]), nn.BatchNorm2d(shape[1])
    kind = torch.channels_last if channels_last else torch.contiguous_format
    pictures = torch.randn(shape).contiguous(memory_format=kind).requires_grad_()
    out = ours(pictures)
    assert type(out.grad_fn).__name__ == "NativeBatchNormBackward0"
    torch.testing.assert_close(out, theirs(pictures), rtol=0, atol=0)


def test_an_activation_may_change_it_in_place_and_copies_are_whole():
    ours, _ = pair(8)
    pictures = torch.randn(4, 8, 2, 2).contiguous(memory_format=torch.channels_last)
    before, twin = ours(pictures).clone(), copy.deepcopy(ours)
    torch.testing.assert_close(torch.relu_(twin(pictures)), before.relu())
    assert set(ours.state_dict()) == set(nn.BatchNorm2d(8).state_dict())
