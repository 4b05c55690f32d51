"""Tests of the optimisers' making; their steps are held to NumPy in test_step."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tellapart.nets import build_net
from tellapart.recipe import OptimizerRecipe, TrainingRecipe
from tellapart.training.optimizers import (
    DEFAULT_WEIGHT_DECAY,
    build_optimizer,
    default_learning_rate,
    usual_learning_rate,
)


@pytest.mark.parametrize(("transfer", "rate"), [("none", 5e-3), ("frozen", 1e-3), ("finetune", 1e-4)])
def test_what_is_usual_is_lower_in_transfer(transfer, rate):
    net = build_net("mobilenet_v2", outputs=2, image_size=(32, 32))
    assert usual_learning_rate(TrainingRecipe(transfer=transfer, optimizer={"name": "adamw"}), net) == pytest.approx(
        rate
    )


def test_a_first_step_that_float16_leaves_out_leaves_no_trace_in_sgd_s_momentum():
    def trained(*gradients):
        net = build_net("dense", outputs=2, channels=1, image_size=(2, 2))
        optimizer = build_optimizer(net, OptimizerRecipe(name="sgd", learning_rate=0.1), scaled=True)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        for parameter in net.parameters():
            torch.nn.init.ones_(parameter)
        for value in gradients:
            scaler.scale(torch.zeros(()))  # makes the scale
            for parameter in net.parameters():
                parameter.grad = torch.full_like(parameter, 4.0 * value)
            scaler.step(optimizer)
            scaler.update(4.0)
        return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])

    assert torch.equal(trained(float("inf"), 1.0, 2.0), trained(1.0, 2.0))
    assert (trained(1.0, 2.0) < 1).all()


def test_no_optimiser_waits_for_torch_s_compiler():
    code = (
        "import sys, torch\n"
        "from tellapart.nets import build_net\n"
        "from tellapart.recipe import OptimizerRecipe\n"
        "from tellapart.training.optimizers import build_optimizer\n"
        "net = build_net('dense', outputs=2, channels=1, image_size=(2, 2))\n"
        "for name in ('adam', 'adamw', 'muon', 'sgd', 'rmsprop'):\n"
        "    optimizer = build_optimizer(net, OptimizerRecipe(name=name, learning_rate=0.1))\n"
        "    net(torch.zeros(3, 1, 2, 2)).sum().backward()\n"
        "    optimizer.step(); optimizer.zero_grad(); optimizer.load_state_dict(optimizer.state_dict())\n"
        "print('torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


PAGE = Path(__file__).parents[2] / "docs" / "optimisation.md"


def test_the_rates_and_decays_that_the_page_names_are_the_defaults():
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| | muon |") :].partition("\n\n")[0].splitlines()
    names = [cell.strip() for cell in table[0].split("|")[2:-1]]
    rows = {cells[1].strip(" `"): [cell.strip() for cell in cells[2:-1]] for cells in (r.split("|") for r in table[2:])}
    made = {
        "compact": ("compact", (16, 16)),
        "others with batch normalisation": ("resnet18", (32, 32)),
        "without": ("convnet16", (16, 16)),
    }
    for row, (net, size) in made.items():
        built = build_net(net, outputs=2, image_size=size)
        assert {name: default_learning_rate(name, built) for name in names} == pytest.approx(
            dict(zip(names, map(float, rows[row]), strict=True))
        ), row
    said = {name: float(cell) for name, cell in zip(names, rows["weight decay"], strict=True) if cell != "–"}
    assert {name: DEFAULT_WEIGHT_DECAY[name] for name in said} == pytest.approx(said)
    assert DEFAULT_WEIGHT_DECAY["adam"] == 0


@pytest.mark.parametrize(("name", "momentum"), [("sgd", 0.9), ("muon", 0.95), ("rmsprop", 0.0)])
def test_the_momentum_that_the_recipe_s_page_names_is_the_default(name, momentum):
    net = build_net("compact", outputs=2, channels=1, image_size=(16, 16), options={"width": 4})
    optimizer = build_optimizer(net, OptimizerRecipe(name=name, learning_rate=0.1))
    assert optimizer.param_groups[0]["momentum"] == momentum
