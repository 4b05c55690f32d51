"""Which epoch counts, when a training ends, and what is said when it goes wrong."""

import math

import pytest
import torch

from tellapart.errors import DivergedError, OutOfMemoryError, RecipeError, SplitError
from tellapart.recipe import EarlyStoppingRecipe
from tellapart.training import fit, loop


@pytest.fixture
def scripted(monkeypatch):
    """Let the validation figures be what a test says, and remember the weights after each epoch."""
    kept = []

    def play(**figures):
        real = loop.score

        def told(net, *args, **options):
            kept.append({name: tensor.clone() for name, tensor in net.state_dict().items()})
            scores = real(net, *args, **options)
            changes = {name: values[len(kept) - 1] for name, values in figures.items()}
            return type(scores)(**{**vars(scores), **changes})

        monkeypatch.setattr(loop, "score", told)
        return kept

    return play


@pytest.mark.parametrize(
    ("monitor", "figures", "best", "epochs"),
    [
        ("accuracy", [0.1, 0.5, 0.4, 0.5, 0.9, 0.9], 2, 4),
        ("accuracy", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
        ("loss", [2.0, 1.0, 1.5, 0.9, 1.0, 1.0], 4, 6),
        ("loss", [1.0, 2.0, 3.0, 0.1, 0.1, 0.1], 1, 3),
        ("top5", [0.5, 0.6, 0.6, 0.7, 0.6, 0.5], 4, 6),
    ],
)
def test_early_stopping_and_the_best_weights(
    small, make_net, make_run, training, scripted, same_weights, monitor, figures, best, epochs
):
    kept = scripted(**{"loss": [1.0] * 6, monitor: figures})
    recipe = training(epochs=6, early_stopping={"monitor": monitor, "patience": 2})
    done = fit(make_net(), small, recipe, run=make_run())
    assert (done.best_epoch, done.epochs) == (best, epochs)
    patient = epochs - best >= 2
    assert done.stopped == ("early stopping" if patient and epochs < 6 else "all epochs done")
    assert same_weights(done.net.state_dict(), kept[best - 1])


def test_of_two_epochs_with_the_same_accuracy_the_lower_loss_counts(small, make_net, make_run, training, scripted):
    scripted(accuracy=[0.5, 1.0, 1.0, 1.0, 0.9], loss=[1.0, 0.9, 0.2, 0.3, 0.1])
    assert fit(make_net(), small, training(epochs=5, schedule="constant"), run=make_run()).best_epoch == 3


def test_what_is_better_by_less_than_the_least_difference_is_kept_but_uses_up_patience(
    small, make_net, make_run, training, scripted, same_weights
):
    kept = scripted(accuracy=[0.5, 0.505, 0.509, 0.52, 0.52, 0.53])
    recipe = training(epochs=6, early_stopping=EarlyStoppingRecipe(patience=2, min_delta=0.01).model_dump())
    done = fit(make_net(), small, recipe, run=make_run())
    assert (done.stopped, done.epochs, done.best_epoch) == ("early stopping", 3, 3)
    assert same_weights(done.net.state_dict(), kept[2])


def test_a_lower_loss_at_the_same_accuracy_uses_up_patience(small, make_net, make_run, training, scripted):
    scripted(accuracy=[1.0] * 6, loss=[0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
    done = fit(make_net(), small, training(epochs=6, early_stopping={"patience": 3}), run=make_run())
    assert (done.stopped, done.epochs, done.best_epoch) == ("early stopping", 4, 4)


@pytest.mark.parametrize(("last", "best"), [(0.3, 2), (0.80, 3), (0.78, 2)])
def test_without_early_stopping_the_latest_good_epoch_counts(
    small, make_net, make_run, training, scripted, same_weights, last, best
):
    # 40 pictures validate: two standard errors of 0.9 are 2 √(37/42 · 5/42 / 40) = 0.102; of the 97 that train, 0.063
    kept = scripted(accuracy=[0.2, 0.9, last])
    done = fit(make_net(), small, training(), run=make_run())
    assert (done.best_epoch, done.epochs) == (best, 3)
    assert same_weights(done.net.state_dict(), kept[best - 1])


def test_the_average_is_judged_where_there_is_one(small, make_net, make_run, training, scripted, same_weights):
    kept = scripted(accuracy=[0.9])
    net = make_net()
    done = fit(net, small, training(epochs=1, averaging=0.9), run=make_run())
    assert same_weights(done.net.state_dict(), kept[0])
    assert done.net is net, "who trained a network has what was judged"


# When it goes wrong


def test_a_loss_that_is_no_number_at_once_is_an_error(small, make_net, make_run, training):
    recipe = training(optimizer={"name": "sgd", "learning_rate": 1e30}, schedule="constant")
    with pytest.raises(DivergedError, match=r"not a number any more in epoch 1: .* try --learning-rate 0.02"):
        fit(make_net(), small, recipe, run=make_run())


def test_a_loss_that_is_no_number_later_keeps_the_best_weights(
    small, make_net, make_run, training, scripted, heard, same_weights
):
    kept = scripted(accuracy=[0.5, 0.6, 0.1], loss=[1.0, 1.0, math.inf])
    done = fit(make_net(), small, training(), run=make_run(), progress=heard)
    assert (done.stopped, done.best_epoch, done.epochs) == ("diverged", 2, 2)
    assert same_weights(done.net.state_dict(), kept[1])
    assert [code for code, _ in done.findings] == ["diverged"]
    assert "in epoch 3" in heard.warned[-1]
    assert "The weights of epoch 2 are kept" in heard.warned[-1]
    assert len(make_run().history) == 2


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1000 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
    ],
)
def test_too_little_memory_gets_advice(small, make_net, make_run, training, monkeypatch, error):
    def fails(*args, **options):
        raise error

    monkeypatch.setattr(loop, "train_step", fails)
    with pytest.raises(OutOfMemoryError, match=r"batches of 32 pictures of 16x16: try --batch-size 16, a smaller"):
        fit(make_net(), small, training(), run=make_run())
    with pytest.raises(OutOfMemoryError, match=r"batches of 1 pictures of 16x16: try a smaller --image-size"):
        fit(make_net(), small, training(batch_size=1), run=make_run())


def test_other_errors_are_not_taken_for_too_little_memory(small, make_net, make_run, training, monkeypatch):
    def fails(*args, **options):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(loop, "train_step", fails)
    with pytest.raises(RuntimeError, match="mat1") as caught:
        fit(make_net(), small, training(), run=make_run())
    assert not isinstance(caught.value, OutOfMemoryError)


def test_a_split_without_pictures_is_named(digits, task_of):
    with pytest.raises(SplitError, match="no validation pictures: set validation_fraction"):
        task_of(*digits, train=10, validation=0)
    with pytest.raises(SplitError, match="no train pictures"):
        task_of(*digits, train=0, validation=10)


def test_one_picture_has_no_spread_to_normalise_by(training, small):
    with (
        pytest.raises(RecipeError, match="batch_size = 1 is too few pictures"),
        loop.batch_advice(training(batch_size=1), small),
    ):
        torch.nn.BatchNorm2d(4)(torch.zeros(1, 4, 1, 1))
