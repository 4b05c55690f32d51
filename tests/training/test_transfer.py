import pytest
import torch
from torch import nn

from tellapart.nets import build_net, nets
from tellapart.training.loop import new_state
from tellapart.training.transfer import freeze, moving_stages, stage_of, training_mode


@pytest.fixture
def net():
    return build_net("efficientnet_lite0", outputs=2, image_size=(32, 32))


def normalisations(net):
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize(("transfer", "unfreeze"), [("frozen", None), ("finetune", "block6"), ("finetune", "all")])
def test_a_pretrained_network_keeps_its_statistics(net, transfer, unfreeze):
    freeze(net, moving_stages(net, transfer=transfer, unfreeze=unfreeze))
    before = [module.running_mean.clone() for module in normalisations(net)]
    training_mode(net, transfer=transfer)
    net(torch.randn(4, 3, 32, 32))
    assert not any(module.training for module in normalisations(net))
    assert all(torch.equal(a, b.running_mean) for a, b in zip(before, normalisations(net), strict=True))
    assert net.training


def test_scale_and_offset_of_a_stage_that_moves_are_learnt(net):
    freeze(net, moving_stages(net, transfer="finetune", unfreeze="block7"))
    training_mode(net, transfer="finetune")
    net(torch.randn(2, 3, 32, 32)).sum().backward()
    stages = net.stages()
    assert all(module.weight.grad is not None for module in normalisations(stages["block7"]))
    assert all(module.weight.grad is None for module in normalisations(stages["block1"]))


def test_from_scratch_the_statistics_are_learnt(net):
    freeze(net, moving_stages(net, transfer="none", unfreeze=None))
    training_mode(net, transfer="none")
    assert all(module.training for module in normalisations(net))


@pytest.mark.parametrize("name", [name for name, spec in nets if spec.published])
def test_the_last_block_is_the_one_with_the_highest_number(name):
    options = {"auxiliary": True} if "auxiliary" in nets.get(name).options else {}
    with torch.device("meta"):
        net = build_net(name, outputs=2, image_size=(299, 299), options=options)
    blocks = [stage for stage in net.stages() if stage.startswith("block")]
    first, *_ = moving_stages(net, transfer="finetune", unfreeze="last-block")
    assert first == blocks[-1] == max(blocks, key=lambda block: int(block.removeprefix("block")))


def test_lower_stages_move_slower(net, training):
    state = new_state(net, training(transfer="finetune", unfreeze="block6"), device=torch.device("cpu"))
    stages = stage_of(net)
    rates = {stages[id(one)]: group["lr"] for group in state.optimizer.param_groups for one in group["params"]}
    assert rates == pytest.approx({"head": 1e-3, "neck": 6e-4, "block7": 3.6e-4, "block6": 2.16e-4})


def test_frozen_stages_drop_nothing():
    net = build_net("alexnet", outputs=2, image_size=(64, 64))  # with dropout before the layers that ImageNet taught
    freeze(net, moving_stages(net, transfer="frozen", unfreeze=None))
    training_mode(net, transfer="frozen")
    below = [stage for name, stage in net.stages().items() if name != "head"]
    drops = [module for stage in below for module in stage.modules() if isinstance(module, nn.Dropout)]
    assert drops
    assert not any(module.training for module in drops)
