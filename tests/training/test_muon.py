"""Muon against the iteration as it is published, singular values, and PyTorch's own for matrices."""

import numpy as np
import pytest
import torch

from tellapart.errors import RecipeError
from tellapart.nets import build_net
from tellapart.recipe import OptimizerRecipe
from tellapart.training.muon import COEFFICIENTS, Muon, orthogonalized
from tellapart.training.optimizers import ADAMW_DECAY, ADAMW_SHARE, build_optimizer, hidden_matrices


def published(matrix):
    """The iteration of K. Jordan's post, on one matrix in float64."""
    a, b, c = COEFFICIENTS
    x = matrix.astype(np.float64)
    x = x / (np.linalg.norm(x) + 1e-7)
    x = x.T if len(matrix) > matrix.shape[1] else x
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if len(matrix) > matrix.shape[1] else x


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("rows", "columns"), [(16, 144), (128, 1152), (64, 64), (100, 7), (1, 30)])
def test_it_is_the_published_iteration(rows, columns):
    matrices = [*random(3, rows, columns), random(rows, columns + 5), random(5, 3)]
    found = orthogonalized(matrices)
    for matrix, made in zip(matrices, found, strict=True):
        assert made.numpy() == pytest.approx(published(matrix.numpy()), abs=2e-4)


def test_singular_values_come_close_to_one_and_vectors_stay():
    left, _ = torch.linalg.qr(random(32, 32))
    right, _ = torch.linalg.qr(random(200, 32, seed=1))
    values = torch.logspace(0, -2, 32)
    (made,) = orthogonalized([(left * values) @ right.T])
    inside = left.T @ made @ right
    assert (inside - torch.diag(inside.diagonal())).abs().max() < 1e-3
    assert 0.6 < float(inside.diagonal().min()) <= float(inside.diagonal().max()) < 1.25


def test_a_matrix_without_a_gradient_is_no_trouble():
    assert orthogonalized([torch.zeros(4, 9)])[0].abs().max() == 0


@pytest.mark.parametrize(("rows", "columns"), [(24, 60), (60, 24)])
@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has had one since 2.9")
def test_matrices_move_as_with_pytorchs_own(rows, columns):
    """torch.optim.Muon is for matrices alone, and computes in bfloat16: the same but for its rounding."""
    first, second = (torch.nn.Parameter(random(rows, columns)) for _ in range(2))
    settings = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.95}
    theirs = torch.optim.Muon([first], nesterov=True, adjust_lr_fn="original", **settings)
    ours = Muon(
        [{"params": [second], "lr": 0.02, "weight_decay": 0.1}],
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1, "weight_decay": 0.0}],
        momentum=0.95, adamw=torch.optim.AdamW,
    )  # fmt: skip
    for step in range(4):
        for parameter, optimizer in ((first, theirs), (second, ours)):
            parameter.grad = random(rows, columns, seed=10 + step)
            optimizer.step()
    moved = (second - random(rows, columns)).norm()
    assert (first - second).norm() / moved < 0.02


def test_a_convolution_moves_as_its_matrix_whatever_its_memory_format():
    weights = random(8, 4, 3, 3)
    gradient = random(8, 4, 3, 3, seed=1)
    made = []
    for layout in (torch.contiguous_format, torch.channels_last):
        parameter = torch.nn.Parameter(weights.clone(memory_format=layout))
        parameter.grad = gradient.clone(memory_format=layout)
        groups = [{"params": [parameter], "lr": 0.1, "weight_decay": 0.0}]
        other = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1, "weight_decay": 0.0}]
        Muon(groups, other, momentum=0.0, adamw=torch.optim.AdamW).step()
        made.append(parameter.detach())
    expected = weights - 0.1 * torch.from_numpy(published(gradient.flatten(1).numpy())).float().view(8, 4, 3, 3)
    assert torch.allclose(made[0], expected, atol=1e-4)
    assert torch.allclose(made[0], made[1], atol=1e-5)


def test_the_first_and_the_last_layer_and_vectors_are_adamws():
    net = build_net("compact", outputs=10, channels=1, image_size=(28, 28), options={"width": 8})
    optimizer = build_optimizer(net, OptimizerRecipe(name="muon", learning_rate=0.05, weight_decay=0.01))
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    matrices = {names[id(one)] for group in optimizer.param_groups if "momentum" in group for one in group["params"]}
    assert matrices == {name for name, one in net.named_parameters() if one.ndim == 4 and not name.startswith("stem")}
    others = [group for group in optimizer.param_groups if "momentum" not in group]
    assert {group["lr"] for group in others} == {0.05 * ADAMW_SHARE}
    assert {group["weight_decay"] for group in others} == {0.0, 0.01 * ADAMW_DECAY}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(net.parameters()))


def test_a_closure_is_refused():
    optimizer = build_optimizer(build_net("compact", outputs=2, image_size=(8, 8)), OptimizerRecipe(name="muon"))
    with pytest.raises(TypeError, match="closure must be None"):
        optimizer.step(lambda: 0.0)


def test_what_muon_does_not_suit_is_adamws():
    net = build_net("mobilenet_v2", outputs=10, channels=3, image_size=(32, 32))
    layers = [module for module in net.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    found = [layer for layer in layers if id(layer.weight) in hidden_matrices(net)]
    assert {layer.kernel_size for layer in found} == {(1, 1)}, (
        "neither the first layer, nor depthwise ones, nor the head"
    )
    assert len(found) == sum(layer.kernel_size == (1, 1) for layer in layers[:-1])


def test_muon_without_a_hidden_layer_is_refused():
    net = build_net("softmax", outputs=3, channels=1, image_size=(8, 8))
    with pytest.raises(RecipeError, match="use --optimizer adamw"):
        build_optimizer(net, OptimizerRecipe(name="muon"))


def test_what_is_adamw_s_moves_as_with_adamw():
    net = build_net("compact", outputs=10, channels=1, image_size=(16, 16), options={"width": 4})
    ours = build_optimizer(net, OptimizerRecipe(name="muon", learning_rate=0.05, weight_decay=0.01))
    groups = [group for group in ours.param_groups if "momentum" not in group]
    copies = [[one.detach().clone().requires_grad_() for one in group["params"]] for group in groups]
    theirs = torch.optim.AdamW(
        [
            {"params": copy, "lr": group["lr"], "weight_decay": group["weight_decay"]}
            for copy, group in zip(copies, groups, strict=True)
        ]
    )
    pairs = [
        pair for group, copy in zip(groups, copies, strict=True) for pair in zip(group["params"], copy, strict=True)
    ]
    before = [mine.detach().clone() for mine, _ in pairs]
    for seed in range(2):
        for pair in pairs:
            for one in pair:
                one.grad = torch.empty_like(one).copy_(random(*one.shape, seed=seed))
        ours.step()
        theirs.step()
    assert all(torch.allclose(mine, its, atol=1e-6) for mine, its in pairs)
    assert not any(torch.equal(mine, old) for (mine, _), old in zip(pairs, before, strict=True))
