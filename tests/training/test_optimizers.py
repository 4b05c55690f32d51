"""Tests of the optimisers' making; their steps are held to NumPy in test_loop."""

import subprocess
import sys

import pytest

from tellapart.nets import build_net
from tellapart.recipe import OptimizerRecipe, TrainingRecipe
from tellapart.training.optimizers import build_optimizer, usual_learning_rate


@pytest.mark.parametrize(("transfer", "rate"), [("none", 5e-3), ("frozen", 1e-3), ("finetune", 1e-4)])
def test_what_is_usual_is_lower_in_transfer(transfer, rate):
    net = build_net("mobilenet_v2", outputs=2, image_size=(32, 32))
    assert usual_learning_rate(TrainingRecipe(transfer=transfer, optimizer={"name": "adamw"}), net) == pytest.approx(
        rate
    )


@pytest.mark.parametrize("scaled", [False, True])
def test_sgd_s_momentum_is_set_even_where_the_first_step_of_float16_is_left_out(scaled):
    net = build_net("dense", outputs=2, channels=1, image_size=(2, 2))
    recipe = OptimizerRecipe(name="sgd", learning_rate=0.1)
    assert build_optimizer(net, recipe, scaled=scaled).param_groups[0]["fused"] is not scaled


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
