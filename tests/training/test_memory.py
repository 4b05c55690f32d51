"""Whether a training fits: weights and all that is as large as they are, and the activations of a step."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tellapart.errors import NetError, OutOfMemoryError
from tellapart.nets import build_net
from tellapart.nets.base import build_outline, check_net
from tellapart.nets.summary import summarize
from tellapart.recipe import Recipe
from tellapart.training import Task, memory
from tellapart.training.checkpoint import to_document
from tellapart.training.initial import seeded_net
from tellapart.training.loop import new_state


def recipe_of(name: str, task: Task, **training) -> Recipe:
    optimizer = {"name": "adamw", "learning_rate": 0.001}
    plain = {"transfer": "none", "batch_size": 32, "optimizer": optimizer}
    data = {"channels": task.preprocessing.channels, "image_size": task.preprocessing.image_size}
    return Recipe.make(net={"name": name}, training={**plain, **training}, data=data)


def bytes_of(document) -> int:
    if isinstance(document, torch.Tensor):
        return document.numel() * document.element_size()
    parts = document.values() if isinstance(document, dict) else document if isinstance(document, list) else []
    return sum(map(bytes_of, parts))


@pytest.mark.parametrize("averaging", [None, 0.99])
def test_all_that_is_as_large_as_the_weights_is_counted(digits, task_of, averaging):
    task = task_of(*digits, train=64, validation=10)
    recipe = recipe_of("dense", task, averaging=averaging)
    net = seeded_net(recipe, classes=task.classes)
    state = new_state(net, recipe.training, device=torch.device("cpu"))
    net(torch.rand(2, 1, *task.preprocessing.image_size)).sum().backward()
    state.optimizer.step()
    state.best_weights = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradients = sum(bytes_of(one.grad) for one in net.parameters())
    held, kept = memory.held_bytes(recipe, task), bytes_of(to_document(state))
    assert held.checkpoint == pytest.approx(kept, rel=0.01)
    assert held.step == pytest.approx(kept + gradients, rel=0.01)


def test_weights_that_do_not_fit_are_said_before_they_are_made(digits, task_of, monkeypatch):
    task = task_of(*digits, train=64, validation=10)
    recipe = recipe_of("dense", task)
    held = memory.held_bytes(recipe, task)
    needed = held.step + held.checkpoint
    monkeypatch.setattr(memory, "available_memory", lambda: needed - 1)
    with pytest.raises(OutOfMemoryError, match=r"dense on pictures of 16x16 .* for its weights, .* a smaller --net"):
        memory.check_memory(recipe, task)
    monkeypatch.setattr(memory, "available_memory", lambda: needed)
    memory.check_memory(recipe, task)  # a step's activations and the checkpoint's copy are never there together


def test_processes_on_one_machine_hold_the_weights_each(digits, task_of, monkeypatch):
    task = task_of(*digits, train=64, validation=10)
    recipe = recipe_of("dense", task)
    held, four = memory.held_bytes(recipe, task), SimpleNamespace(here=4, count=4)
    monkeypatch.setattr(memory, "available_memory", lambda: 4 * held.step + held.checkpoint - 1)
    memory.check_memory(recipe, task)
    with pytest.raises(OutOfMemoryError, match="for its weights"):
        memory.check_memory(recipe, task, devices=four)


@pytest.mark.parametrize(("here", "pictures"), [(1, 8), (2, 15), (4, 30)])
def test_a_machine_holds_the_activations_of_its_own_share_of_a_batch(digits, task_of, monkeypatch, here, pictures):
    task = task_of(*digits, train=64, validation=10)
    recipe = recipe_of("compact", task, batch_size=30).changed(net={"options": {"width": 2}})
    held, four = memory.held_bytes(recipe, task), SimpleNamespace(here=here, count=4)
    net, size = memory._outline(recipe, task), task.preprocessing.image_size
    needed = here * held.step + summarize(net, image_size=size, channels=1, batch_size=pictures).training_bytes
    monkeypatch.setattr(memory, "available_memory", lambda: needed)
    memory.check_memory(recipe, task, devices=four)
    monkeypatch.setattr(memory, "available_memory", lambda: needed - 1)
    with pytest.raises(OutOfMemoryError, match=f"one step of {pictures} pictures"):
        memory.check_memory(recipe, task, devices=four)


def test_activations_that_do_not_fit_give_a_batch_that_does(digits, task_of, monkeypatch):
    task = task_of(*digits, train=64, validation=10)
    recipe = recipe_of("compact", task).changed(net={"options": {"width": 2}})  # few weights for its maps
    held = memory.held_bytes(recipe, task)
    monkeypatch.setattr(memory, "available_memory", lambda: held.step + held.checkpoint)
    with pytest.raises(OutOfMemoryError, match=r"one step of 32 pictures .* try --batch-size (\d+),") as raised:
        memory.check_memory(recipe, task)
    fits = recipe.changed(training={"batch_size": int(re.search(r"--batch-size (\d+)", str(raised.value))[1])})
    memory.check_memory(fits, task)


def test_a_network_that_no_memory_holds_is_said(monkeypatch):
    for units in (10**10, 10**30):
        with pytest.raises(OutOfMemoryError, match=f"'dense' with units={units} .* is larger than the memory"):
            check_net("dense", options={"units": units})

    def refuse(_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7680000000000 bytes")

    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", refuse)
    with pytest.raises(OutOfMemoryError, match="'dense' for pictures of 8x8 is larger than the memory"):
        build_net("dense", outputs=2, image_size=(8, 8))


def test_a_network_that_wants_its_numbers_while_it_is_built_is_said(monkeypatch):
    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", lambda self: self.weight.sum().item())
    build_net("dense", outputs=2, image_size=(8, 8))
    with pytest.raises(NetError, match=r"'dense' cannot be built without its weights, .*: compute its settings with"):
        build_outline("dense", outputs=2, channels=1, image_size=(8, 8))


def test_frozen_stages_keep_no_activations(photographs_task, monkeypatch):
    """What autograd itself keeps of a step: with everything frozen but the head, next to nothing."""
    recipe = recipe_of("efficientnet_lite0", photographs_task)
    needed = {}
    for transfer in ("none", "finetune", "frozen"):
        net = memory._outline(recipe.changed(training={"transfer": transfer}), photographs_task)
        size = photographs_task.preprocessing.image_size
        needed[transfer] = summarize(net, image_size=size, channels=3, batch_size=32)
    assert needed["frozen"].training_bytes == 32 * needed["frozen"].inference_bytes
    assert needed["finetune"].training_bytes < 0.3 * needed["none"].training_bytes
    whole = needed["none"].training_bytes
    assert whole == 32 * sum(row.activation_bytes for row in needed["none"].rows)
    held = memory.held_bytes(recipe.changed(training={"transfer": "frozen"}), photographs_task)
    monkeypatch.setattr(memory, "available_memory", lambda: held.step + held.checkpoint + whole // 2)
    memory.check_memory(recipe.changed(training={"transfer": "frozen"}), photographs_task)
    with pytest.raises(OutOfMemoryError, match="one step of 32 pictures"):
        memory.check_memory(recipe, photographs_task)


def test_sixteen_bits_keep_little_more_than_half(photographs_task, monkeypatch):
    recipe = recipe_of("efficientnet_lite0", photographs_task)
    held = memory.held_bytes(recipe, photographs_task)
    net, size = memory._outline(recipe, photographs_task), photographs_task.preprocessing.image_size
    whole = summarize(net, image_size=size, channels=3, batch_size=32).training_bytes
    monkeypatch.setattr(memory, "available_memory", lambda: held.step + held.checkpoint + int(0.65 * whole))
    memory.check_memory(recipe.changed(training={"precision": "bfloat16"}), photographs_task)
    with pytest.raises(OutOfMemoryError, match="one step of 32 pictures"):
        memory.check_memory(recipe.changed(training={"precision": "float32"}), photographs_task)


@pytest.mark.parametrize(
    ("optimizer", "moments"),
    [
        ({"name": "sgd"}, 1), ({"name": "sgd", "momentum": 0}, 0), ({"name": "rmsprop"}, 1),
        ({"name": "rmsprop", "momentum": 0.9}, 2), ({"name": "adam"}, 2),
    ],
)  # fmt: skip
def test_what_an_optimiser_keeps_is_what_torch_s_keeps(optimizer, moments, digits, task_of):
    task = task_of(*digits, train=64, validation=10)
    recipe = recipe_of("softmax", task, optimizer=optimizer)
    state = new_state(seeded_net(recipe, classes=task.classes), recipe.training, device=torch.device("cpu"))
    state.net(torch.rand(2, 1, *task.preprocessing.image_size)).sum().backward()
    state.optimizer.step()
    kept = [one for of in state.optimizer.state.values() for one in of.values() if getattr(one, "ndim", 0)]
    weights = list(state.net.parameters())
    assert sum(map(bytes_of, kept)) == moments * sum(map(bytes_of, weights))
    assert memory._moments(recipe.training.optimizer) == moments


@pytest.fixture
def photographs_task(task_of):
    return task_of(np.zeros((40, 64, 64, 3), dtype=np.uint8), np.arange(40) % 2, train=32, validation=8)
