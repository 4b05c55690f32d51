"""The taught networks compute what their tables say, at odd sizes too, down to their smallest size."""

import pytest
import torch
from torch import nn

from tellapart.errors import NetError, RecipeError
from tellapart.nets import build_net, nets

TAUGHT = ["softmax", "dense", "convnet16", "convnet32", "convnet64", "convnet128", "lenet5"]


def as_taught(name, net):
    """The network as the course writes it: ReLU directly after each convolution, then the pool."""
    relu, flat = nn.ReLU(), nn.Flatten()
    if name == "softmax":
        return nn.Sequential(flat, net.head)
    if name == "dense":
        return nn.Sequential(flat, net.dense1, relu, net.dense2, relu, net.head)
    if name == "convnet16":
        maps = [net.conv1, relu, nn.MaxPool2d(2), net.conv2, relu, nn.MaxPool2d(2), net.conv3, relu, nn.MaxPool2d(4)]
        return nn.Sequential(*maps, flat, net.dense, relu, net.head)
    if name == "convnet32":
        maps = [net.conv1, relu, nn.MaxPool2d(2), net.conv2, relu, nn.MaxPool2d(2), net.conv3, relu]
        return nn.Sequential(*maps, flat, net.dense, relu, net.head)
    if name == "convnet64":
        pool = nn.MaxPool2d(2)
        maps = [net.conv1, relu, pool, net.conv2, relu, net.conv3, relu, pool, net.conv4, relu, net.conv5, relu, pool]
        return nn.Sequential(*maps, flat, net.dense1, relu, net.dense2, relu, net.head)
    if name == "convnet128":
        maps = [part for conv in (net.conv1, net.conv2, net.conv3, net.conv4) for part in (conv, relu, nn.MaxPool2d(2))]
        return nn.Sequential(*maps, flat, net.dense, relu, net.head)
    tanh, mean = nn.Tanh(), nn.AvgPool2d(2)
    maps = [net.conv1, tanh, mean, net.conv2, tanh, mean, net.conv3, tanh]
    return nn.Sequential(*maps, flat, net.dense, tanh, net.head)


SIZES = [(47, 53), (50, 46), (33, 32)]
CASES = [(name, size) for name in TAUGHT for size in SIZES if min(size) >= min(nets.get(name).min_size)]


@pytest.mark.parametrize(("name", "image_size"), CASES)
def test_the_function_is_the_taught_one(name, image_size):
    torch.manual_seed(1)
    net = build_net(name, outputs=5, channels=3, image_size=image_size).eval()
    pictures = torch.randn(2, 3, *image_size)
    with torch.no_grad():
        torch.testing.assert_close(net(pictures), as_taught(name, net)(pictures), rtol=1e-4, atol=1e-5)


CHAINS = ["convnet16", "convnet32", "convnet64", "convnet128"]
OWN_LAYOUT = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability().startswith("AVX")


@pytest.mark.parametrize("blank", [False, True], ids=["random", "mostly blank"])
@pytest.mark.parametrize(("name", "image_size"), [case for case in CASES if case[0] in CHAINS])
def test_a_step_of_training_has_the_taught_gradients(name, image_size, blank):
    worst = [worst_gradient(name, image_size, blank=blank, seed=seed) for seed in range(4)]
    # Where two values of a window are equal but for their rounding, the gradient may go either way: always in blank
    # pictures, and in one in several of random ones.
    assert max(worst) < 0.05
    assert blank or min(worst) < 1e-5


def worst_gradient(name, image_size, *, blank, seed):
    """Return how far a parameter's gradient is from the taught one at most, as a share of its length."""
    torch.manual_seed(seed)
    options = {"dropout": 0.0} if "dropout" in nets.get(name).options else {}
    net = build_net(name, outputs=5, channels=3, image_size=image_size, options=options).train()
    pictures = torch.randn(3, 3, *image_size)
    if blank:  # all maxima of a window are equal: only one of them may have the gradient
        pictures[:, :, 5:] = 0.25
    gradients = []
    for way in (net, as_taught(name, net)):
        net.zero_grad()
        way(pictures).square().sum().backward()
        gradients.append([one.grad.clone() for one in net.parameters()])
    return max(float((ours - taught).norm() / taught.norm()) for ours, taught in zip(*gradients, strict=True))


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("mode", ["train", "eval", "frozen", "no_grad", "bfloat16"])
def test_only_a_training_in_float32_keeps_its_maps_in_onednns_layout(name, mode):
    seen = []
    net = build_net(name, outputs=5, channels=1, image_size=(48, 48)).train(mode != "eval")
    net.conv2.train(mode not in ("eval", "frozen"))
    net.conv2.register_forward_pre_hook(lambda _, given: seen.append(given[0].is_mkldnn))
    with torch.set_grad_enabled(mode != "no_grad"), torch.autocast("cpu", torch.bfloat16, enabled=mode == "bfloat16"):
        maps = net.feature_map(torch.rand(2, 1, 48, 48))
    assert seen == [OWN_LAYOUT and mode == "train"]
    assert not maps.is_mkldnn


@pytest.mark.parametrize("name", [name for name in TAUGHT if nets.get(name).min_size != (1, 1)])
@pytest.mark.parametrize("side", [0, 1])
def test_smallest_size_is_exact(name, side):
    spec = nets.get(name)
    smaller = [spec.min_size[i] - (i == side) for i in (0, 1)]
    with pytest.raises(NetError, match=f"at least {spec.min_size[0]}x{spec.min_size[1]}"):
        build_net(name, outputs=2, channels=1, image_size=tuple(smaller))
    assert not works_without_check(spec, smaller)
    assert works_without_check(spec, spec.min_size)


def works_without_check(spec, image_size):
    """Whether a position is left of the maps; the dense layers behind them are left out."""
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Linear, "__init__", lambda self, *sizes: nn.Module.__init__(self))
        net = spec.build(outputs=2, channels=1, image_size=tuple(image_size))
        try:
            return 0 not in net.feature_map(torch.empty(1, 1, *image_size)).shape
        except RuntimeError:
            return False


@pytest.mark.parametrize("name", ["softmax", "dense"])
def test_nets_without_maps_say_so(name):
    net = build_net(name, outputs=2, channels=1, image_size=(4, 4))
    with pytest.raises(NetError, match="has no spatial maps"):
        net.feature_map(torch.zeros(1, 1, 4, 4))


def test_lenet5_repeats_the_edge_of_28():
    torch.manual_seed(1)
    net = build_net("lenet5", outputs=10, channels=1, image_size=(28, 28))
    wide = build_net("lenet5", outputs=10, channels=1, image_size=(32, 32))
    wide.load_state_dict(net.state_dict())
    pictures = torch.ones(1, 1, 28, 28)
    torch.testing.assert_close(net(pictures), wide(torch.ones(1, 1, 32, 32)))


@pytest.mark.parametrize(("name", "size"), [("convnet64", (28, 28)), ("convnet128", (46, 46))])
def test_dropout_acts_in_training_alone(name, size):
    net = build_net(name, outputs=2, channels=1, image_size=size, options={"dropout": 0.9})
    pictures = torch.rand(2, 1, *size)
    assert not torch.equal(net.train()(pictures), net.train()(pictures))
    assert torch.equal(net.eval()(pictures), net.eval()(pictures))


@pytest.mark.parametrize("dropout", [-0.1, 1, 1.5, "half", True, None])
def test_impossible_dropout(dropout):
    with pytest.raises(RecipeError, match="dropout must be at least 0 and below 1, got"):
        build_net("convnet64", outputs=2, channels=1, image_size=(28, 28), options={"dropout": dropout})


@pytest.mark.parametrize("units", [0, -1, 2.5, True, "many"])
def test_impossible_units(units):
    with pytest.raises(RecipeError, match="units must be a whole number from 1, got"):
        build_net("dense", outputs=2, channels=1, image_size=(4, 4), options={"units": units})
