import pytest
import torch
from benchmarks.step.__main__ import peers_of
from benchmarks.step.shapes import SHAPES, images_per_s
from benchmarks.step.tellapart_peer import recipe
from benchmarks.step.torch_peer import make_model, train_epoch

from tellapart.nets import build_net
from tellapart.recipe import Recipe


def test_the_median_epoch_counts_and_the_first_does_not():
    shape = SHAPES["convnet16"]
    assert images_per_s([100.0, 2.0, 4.0, 1.0], shape) == 128 * 32 / 2
    assert images_per_s([100.0, 2.0, 4.0], shape) == 128 * 32 / 3


@pytest.mark.parametrize("net", SHAPES)
def test_our_networks_have_the_peers_parameters(net):
    shape = SHAPES[net]
    size = (shape.height, shape.width)
    ours = build_net(net, outputs=shape.classes, channels=shape.channels, image_size=size)
    assert sum(p.numel() for p in ours.parameters()) == shape.parameters


@pytest.mark.parametrize("net", SHAPES)
def test_our_recipe_is_valid_and_has_no_schedule(net):
    made = Recipe.from_toml(recipe(net, SHAPES[net], 3))
    assert (made.training.schedule, made.training.epochs, made.training.batch_size) == (
        "constant",
        3,
        SHAPES[net].batch,
    )
    assert made.net.sigmoid == (net == "convnet128")
    assert (made.training.optimizer.name, made.training.optimizer.learning_rate) == ("adam", 0.001)
    assert made.training.precision == "float32"
    assert made.training.augment.parts() == {}
    assert (made.training.label_smoothing, made.training.averaging) == (0, 0)


@pytest.mark.parametrize("net", SHAPES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_plain_loop_learns_as_many_numbers_as_ours(net, layout):
    shape = SHAPES[net]
    torch.manual_seed(0)
    model = make_model(net, shape).to(memory_format=layout)
    assert sum(p.numel() for p in model.parameters()) == shape.parameters
    before = [p.detach().clone() for p in model.parameters()]
    pictures = torch.randint(0, 256, (4, shape.channels, shape.height, shape.width), dtype=torch.uint8)
    labels = torch.randint(0, max(2, shape.classes), (4,))
    optimizer = torch.optim.Adam(model.parameters())
    loss = train_epoch(model, optimizer, pictures, labels, 2, layout)
    assert 0 < loss < 10
    assert all((p != old).any() for p, old in zip(model.parameters(), before, strict=True))


def test_every_engine_is_there_once():
    names = [peer.name for peer in peers_of("convnet16", epochs=2)]
    assert len(set(names)) == len(names)
    assert {one.partition(",")[0] for one in names} == {
        "tellapart", "PyTorch loop", "Keras on TensorFlow", "Keras on PyTorch", "Keras on JAX"
    }  # fmt: skip
    assert names[0] == "Keras on TensorFlow, oneDNN on"
