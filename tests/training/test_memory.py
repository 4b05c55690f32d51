"""Whether a training fits: weights and all that is as large as they are, and the activations of a step."""

import pytest
import torch

from tellapart.errors import OutOfMemoryError
from tellapart.recipe import Recipe
from tellapart.training import memory
from tellapart.training.checkpoint import to_document
from tellapart.training.loop import new_state, seeded_net


def recipe_of(name: str, **training) -> Recipe:
    optimizer = {"name": "adamw", "learning_rate": 0.001}
    return Recipe.make(net={"name": name}, training={"batch_size": 32, "optimizer": optimizer, **training})


def bytes_of(document) -> int:
    if isinstance(document, torch.Tensor):
        return document.numel() * document.element_size()
    parts = document.values() if isinstance(document, dict) else document if isinstance(document, list) else []
    return sum(map(bytes_of, parts))


@pytest.mark.parametrize("averaging", [None, 0.99])
def test_all_that_is_as_large_as_the_weights_is_counted(digits, task_of, averaging):
    task, recipe = task_of(*digits, train=64, validation=10), recipe_of("dense", averaging=averaging)
    net = seeded_net(recipe, task)
    state = new_state(net, recipe.training, device=torch.device("cpu"))
    net(torch.rand(2, 1, *task.preprocessing.image_size)).sum().backward()
    state.optimizer.step()
    state.best_weights = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradients = sum(bytes_of(one.grad) for one in net.parameters())
    held = 2 * bytes_of(to_document(state)) + gradients  # what the checkpoint has stands in memory once more
    assert memory.weight_bytes(recipe, task) == pytest.approx(held, rel=0.01)


def test_weights_that_do_not_fit_are_said_before_they_are_made(digits, task_of, monkeypatch):
    task, recipe = task_of(*digits, train=64, validation=10), recipe_of("dense")
    needed = memory.weight_bytes(recipe, task)
    monkeypatch.setattr(memory, "available_memory", lambda: needed - 1)
    with pytest.raises(OutOfMemoryError, match=r"dense on pictures of 16x16 .* for its weights, .* a smaller --net"):
        memory.check_memory(recipe, task)
    monkeypatch.setattr(memory, "available_memory", lambda: needed + 1)
    with pytest.raises(OutOfMemoryError, match=r"one step of 32 pictures .* try --batch-size 1,"):
        memory.check_memory(recipe, task)
    monkeypatch.setattr(memory, "available_memory", lambda: 2 * needed)
    memory.check_memory(recipe, task)


def test_a_network_that_no_memory_holds_is_said():
    from tellapart.nets import build_net
    from tellapart.nets.base import check_net

    for units in (10**10, 10**30):
        with pytest.raises(OutOfMemoryError, match=f"'dense' with units={units} .* is larger than the memory"):
            check_net("dense", options={"units": units})
    with pytest.raises(OutOfMemoryError, match="larger than the memory"):
        build_net("dense", outputs=2, image_size=(8, 8), options={"units": 10**10})
