"""What every registered network keeps to. A new one is picked up by being registered; nothing is added here.

Shapes, stages and gradients are checked without memory, on the meta device, at the size that a network was made for
and at its smallest; numbers on the CPU, at a small size, with weights that are cheap to make.
"""

import functools
import inspect
import re
import sys

import pytest
import torch
from torch import nn

from tellapart.errors import NetError, RecipeError
from tellapart.nets import Net, build_net, nets

NAMES = nets.names()
MADE_FOR, SMALLEST = "made for", "smallest"


def image_size(name, size):
    spec = nets.get(name)
    return spec.made_for[:2] if size == MADE_FOR else spec.min_size


@functools.cache
def without_memory(name, size, *, outputs=2, channels=3):
    with torch.device("meta"):
        return build_net(name, outputs=outputs, channels=channels, image_size=image_size(name, size))


def pictures_of(name, size, *, count=2, channels=3, device="meta"):
    height, width = image_size(name, size)
    return torch.empty((count, channels, height, width), device=device)


def has_maps(name):
    return type(without_memory(name, SMALLEST)).feature_map is not Net.feature_map


def with_numbers(name):
    """Return a network at a small size in evaluation mode; its weights keep the size of what passes through."""
    net = without_memory(name, SMALLEST, outputs=3).to_empty(device="cpu").eval()
    net = net.to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(1_000_003, generator=generator)  # repeated: much faster than new noise for 138 million
    with torch.no_grad():
        for value in net.parameters():
            scale = (1 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1
            repeats = -(-value.numel() // len(noise))
            value.copy_((noise.repeat(repeats)[: value.numel()] * scale).view(value.shape))
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.weight.fill_(1)
            elif list(module.buffers(recurse=False)):
                pytest.fail(f"{type(module).__name__} keeps a buffer that this test cannot fill")
    return net


def numbers(name, count=3):
    height, width = image_size(name, SMALLEST)
    return torch.rand((count, 3, height, width), generator=torch.Generator().manual_seed(2))


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module", params=NAMES)
def sample(request):
    """One network and its pictures at a time: some take half a gigabyte."""
    return with_numbers(request.param), numbers(request.param)


@pytest.mark.parametrize("size", [MADE_FOR, SMALLEST])
@pytest.mark.parametrize("name", NAMES)
def test_builds_and_runs(name, size):
    for channels, outputs in ((1, 1), (3, 2), (1, 7)):
        net = without_memory(name, size, outputs=outputs, channels=channels).eval()
        logits = net(pictures_of(name, size, channels=channels))
        assert logits.shape == (2, outputs)
        assert logits.dtype == torch.float32


@pytest.mark.parametrize("size", [MADE_FOR, SMALLEST])
@pytest.mark.parametrize("name", NAMES)
def test_embedding_and_maps(name, size):
    net = without_memory(name, size).eval()
    pictures = pictures_of(name, size)
    embedding = net.embed(pictures)
    assert embedding.ndim == 2
    assert len(embedding) == 2
    assert net.classify(embedding).shape == (2, 2)
    if has_maps(name):
        maps = net.feature_map(pictures)
        assert maps.ndim == 4
        assert len(maps) == 2
        assert min(maps.shape) > 0


@pytest.mark.parametrize("name", NAMES)
def test_stages_hold_each_parameter_once(name):
    for size in (MADE_FOR, SMALLEST):
        net = without_memory(name, size)
        stages = net.stages()
        assert list(stages)[-1] == "head"
        held = [id(value) for stage in stages.values() for value in stage.parameters()]
        assert len(held) == len(set(held))
        assert set(held) == {id(value) for value in net.parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_parameter(name):
    net = without_memory(name, MADE_FOR).train()
    with torch.enable_grad():
        net(pictures_of(name, MADE_FOR)).sum().backward()
    missing = [key for key, value in net.named_parameters() if value.grad is None]
    net.zero_grad(set_to_none=True)
    assert missing == []


def test_forward_is_classify_of_embed(sample):
    net, pictures = sample
    logits = net(pictures)
    assert logits.isfinite().all()
    assert not torch.equal(logits[0], logits[1])
    torch.testing.assert_close(logits, net.classify(net.embed(pictures)))


def test_layouts_agree(sample):
    net, pictures = sample
    expected = net(pictures)
    torch.testing.assert_close(net(pictures.to(memory_format=torch.channels_last)), expected, rtol=1e-3, atol=1e-4)
    try:
        net.to(memory_format=torch.contiguous_format)
        torch.testing.assert_close(net(pictures), expected, rtol=1e-3, atol=1e-4)
    finally:
        net.to(memory_format=torch.channels_last)


def test_evaluation_is_deterministic_and_each_picture_its_own(sample):
    net, pictures = sample
    logits = net(pictures)
    assert torch.equal(logits, net(pictures))
    torch.testing.assert_close(net(pictures[:1]), logits[:1], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(net(pictures.flip(0)), logits.flip(0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_docstring_names_the_parameter_count(name):
    spec = nets.get(name)
    text = f"{inspect.getdoc(spec.build)} {sys.modules[spec.build.__module__].__doc__}"
    said = {int(number.replace(",", "")) for number in re.findall(r"\b\d{1,3}(?:,\d{3})+\b", text)}
    height, width, channels = spec.made_for
    found = set()
    for outputs in (1, 2, 10, 55, 1000):
        with torch.device("meta"):
            net = build_net(name, outputs=outputs, channels=channels, image_size=(height, width))
        found.add(sum(p.numel() for p in net.parameters()))
    assert said & found, f"the docstring of {name} names none of {sorted(found)}"
    if spec.published is not None:
        assert spec.published.parameters in found


@pytest.mark.parametrize("name", NAMES)
def test_wrong_option(name):
    spec = nets.get(name)
    wrong = f"{next(iter(spec.options), 'dropuot')}x"
    with pytest.raises(RecipeError, match=rf"{name!r} has no option {wrong!r}") as caught:
        build_net(name, outputs=2, channels=3, image_size=spec.made_for[:2], options={wrong: 1})
    assert not spec.options or "did you mean" in str(caught.value)


@pytest.mark.parametrize("name", [name for name, spec in nets if {"dropout", "width"} & set(spec.options)])
def test_an_option_out_of_range(name):
    spec = nets.get(name)
    for option, wrong in (("dropout", (1, 1.5, -0.1, "big")), ("width", (0, -1, "big"))):
        for value in wrong if option in spec.options else ():
            with pytest.raises(RecipeError, match=option):
                build_net(name, outputs=2, channels=3, image_size=spec.made_for[:2], options={option: value})


@pytest.mark.parametrize("name", NAMES)
def test_too_small(name):
    height, width = nets.get(name).min_size
    for small in ((height - 1, width), (height, width - 1)):
        if 0 in small:
            continue
        with pytest.raises(NetError, match=rf"at least {height}x{width} for {name!r}, got {small[0]}x{small[1]}"):
            build_net(name, outputs=2, image_size=small)


@pytest.mark.parametrize("name", NAMES)
def test_described(name):
    spec = nets.get(name)
    assert 10 <= len(spec.summary) <= 80
    assert spec.made_for[2] in (1, 3)
    assert all(small <= made for small, made in zip(spec.min_size, spec.made_for, strict=False))
    assert inspect.getdoc(spec.build)
