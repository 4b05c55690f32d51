"""Checkpoints: back to the same state, and damaged ones named."""

import dataclasses
import subprocess
import sys

import pytest
import torch

from tellapart.errors import RunCorruptError
from tellapart.recipe import OptimizerRecipe
from tellapart.training.checkpoint import FILE, State, load_checkpoint, save_checkpoint
from tellapart.training.ema import Average
from tellapart.training.optimizers import build_optimizer


@pytest.fixture
def state(make_net):
    def make(name="adam", seed=0, net="softmax", averaged=True, **options) -> State:
        built = make_net(net, seed=seed, **options)
        optimizer = build_optimizer(built, OptimizerRecipe(name=name, learning_rate=0.01))
        for _ in range(2):
            built(torch.ones(3, 1, 16, 16)).square().sum().backward()
            optimizer.step()
        return State(built, Average(built) if averaged else None, optimizer)

    return make


@pytest.mark.parametrize(
    ("name", "net"),
    [("adam", "softmax"), ("adamw", "softmax"), ("muon", "compact"), ("sgd", "softmax"), ("rmsprop", "softmax")],
)
def test_a_state_comes_back_bit_for_bit(state, make_run, same_weights, name, net):
    first = state(name, net=net)
    first.epoch, first.best_epoch, first.best_figure, first.best_loss, first.seconds = 7, 4, 0.1 + 0.2, 0.7, 12.5
    first.improved_epoch, first.improved_figure = 3, 0.2
    first.start_figure, first.start_loss = 0.25, 1.25
    first.best_weights = {"a": torch.rand(3)}
    save_checkpoint(make_run(), first)
    second = state(name, seed=9, net=net)
    load_checkpoint(make_run(), second)
    assert same_weights(first.net.state_dict(), second.net.state_dict())
    assert same_weights(first.averaged.net.state_dict(), second.averaged.net.state_dict())
    for mine, its in zip(
        first.optimizer.state_dict()["state"].values(), second.optimizer.state_dict()["state"].values(), strict=True
    ):
        assert same_weights(
            {k: torch.as_tensor(v) for k, v in mine.items() if v is not None},
            {k: torch.as_tensor(v) for k, v in its.items() if v is not None},
        )
    numbers = [field.name for field in dataclasses.fields(State) if field.type in ("int", "float")]
    assert len(numbers) == 9
    for field in numbers:
        assert getattr(first, field) == getattr(second, field)
    assert torch.equal(first.best_weights["a"], second.best_weights["a"])


def test_the_scale_of_float16_gradients_comes_back(state, make_run):
    first, second = state(), state(seed=9)
    first.scaler, second.scaler = torch.amp.GradScaler("cpu"), torch.amp.GradScaler("cpu")
    first.scaler.load_state_dict({**first.scaler.state_dict(), "scale": 8.0, "_growth_tracker": 5})
    save_checkpoint(make_run(), first)
    load_checkpoint(make_run(), second)
    assert second.scaler.get_scale() == 8.0
    assert second.scaler.state_dict() == first.scaler.state_dict()


def test_the_history_is_cut_to_the_checkpoint(state, make_run):
    run = make_run()
    for epoch in (1, 2, 3):
        run.append_history({"epoch": epoch})
    first = state()
    first.epoch = 2
    save_checkpoint(run, first)
    load_checkpoint(run, state())
    assert [record["epoch"] for record in run.history] == [1, 2]
    (run.path / FILE).unlink()
    load_checkpoint(run, state())
    assert run.history == []


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-100],
    "half": lambda content: content[: len(content) // 2],
    "text": lambda content: b"hello",
    "zeros": lambda content: bytes(len(content)),
    "zip": lambda content: b"PK\3\4" + bytes(50),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_with_what_to_do(state, make_run, damage):
    run = make_run()
    save_checkpoint(run, state())
    (run.path / FILE).write_bytes(DAMAGES[damage]((run.path / FILE).read_bytes()))
    with pytest.raises(RunCorruptError, match=r"checkpoint\.pt is damaged \(.+\): remove it to train from the start"):
        load_checkpoint(run, state())


@pytest.mark.parametrize("document", [[1, 2], {}, {"net": 3}, {"net": {}}, "x"])
def test_a_file_with_something_else_in_it_is_named(state, make_run, document):
    torch.save(document, make_run().path / FILE)
    with pytest.raises(RunCorruptError, match="is damaged"):
        load_checkpoint(make_run(), state())


def test_another_network_or_no_average_is_named(state, make_run):
    save_checkpoint(make_run(), state(averaged=False))
    for other in (state(net="convnet16"), state(averaged=True)):
        with pytest.raises(RunCorruptError, match="is damaged"):
            load_checkpoint(make_run(), other)


def test_a_pickle_that_would_run_code_is_not_run(state, make_run, tmp_path):
    class Spy:
        def __reduce__(self):
            return (open, (str(tmp_path / "it ran"), "w"))

    torch.save({"net": Spy()}, make_run().path / FILE)
    with pytest.raises(RunCorruptError, match="is damaged"):
        load_checkpoint(make_run(), state())
    assert not (tmp_path / "it ran").exists()


def test_what_a_kill_left_half_written_is_cleared(state, make_run):
    (make_run().path / ".unfinished-999999999-2-checkpoint.pt").write_bytes(b"half")
    load_checkpoint(make_run(), state())
    assert not list(make_run().path.glob(".unfinished*"))


FULL = """
import resource, signal, sys
import torch
from tellapart.errors import UnwritableError
from tellapart.nets import build_net
from tellapart.recipe import OptimizerRecipe
from tellapart.run import Run
from tellapart.training.checkpoint import State, save_checkpoint
from tellapart.training.optimizers import build_optimizer
net = build_net("softmax", outputs=10, channels=1, image_size=(64, 64))
state = State(net, None, build_optimizer(net, OptimizerRecipe(name="sgd")))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save_checkpoint(Run(__import__("pathlib").Path(sys.argv[1])), state)
except UnwritableError as error:
    print(error)
"""


def test_a_file_that_cannot_grow_is_one_sentence_and_the_old_checkpoint_stays(state, make_run):
    run = make_run()
    save_checkpoint(run, state())
    old = (run.path / FILE).read_bytes()
    done = subprocess.run([sys.executable, "-c", FULL, str(run.path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cannot write ")
    assert (run.path / FILE).read_bytes() == old
    assert not list(run.path.glob(".unfinished*"))
