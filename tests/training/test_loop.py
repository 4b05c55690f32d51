"""The loop: it learns, touches nothing of the world's, and gives the same weights again, killed or not."""

import copy

import numpy as np
import pytest
import torch

from tellapart.training import fit, loop
from tellapart.training.validation import Scores

AUGMENT = {"rotation": 10, "shift": 0.05, "noise": 0.02, "flip_horizontal": True, "elastic": 0.01, "erase": 0.3}


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def killed_after(monkeypatch):
    """Let a training die after so many epochs, before or after the checkpoint of the last one is written."""

    def arm(epochs: int, *, saved: bool = True) -> None:
        save = loop.save_checkpoint

        def save_and_die(run, state):
            if saved or state.epoch < epochs:
                save(run, state)
            if state.epoch == epochs:
                raise KilledError

        monkeypatch.setattr(loop, "save_checkpoint", save_and_die)

    yield arm
    monkeypatch.undo()


VARIANTS = {
    "adam": {"optimizer": {"name": "adam", "learning_rate": 1e-3}},
    "adamw": {"optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.05}},
    "sgd": {"optimizer": {"name": "sgd", "learning_rate": 0.02, "weight_decay": 5e-4}},
    "rmsprop": {"optimizer": {"name": "rmsprop", "learning_rate": 5e-4, "momentum": 0.5}},
    "muon": {"optimizer": {"name": "muon", "learning_rate": 0.02, "weight_decay": 0.01}},
    "averaging": {"averaging": 0.9},
    "augmented": {"augment": AUGMENT},
    "bfloat16": {"precision": "bfloat16"},
    "epochs of two steps": {"steps_per_epoch": 2},
    "epochs of their own": {"steps_per_epoch": [3, 2, 4]},
    "weighted": {"class_weights": "balanced", "label_smoothing": 0.1, "schedule": "cosine"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopped_and_resumed_gives_the_same_weights_bit_for_bit(
    small, make_net, make_run, training, killed_after, same_weights, monkeypatch, variant
):
    recipe = training(**VARIANTS[variant])
    whole = fit(make_net(), small, recipe, run=make_run("whole"))
    again = fit(make_net(), small, recipe, run=make_run("again"))
    assert same_weights(whole.net.state_dict(), again.net.state_dict())
    for epochs, saved in ((1, True), (2, False)):
        killed_after(epochs, saved=saved)
        with pytest.raises(KilledError):
            fit(make_net(), small, recipe, run=make_run("killed"))
        monkeypatch.undo()
    resumed = fit(make_net(seed=99), small, recipe, run=make_run("killed"))
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())
    assert (resumed.epochs, resumed.best_epoch, resumed.stopped) == (3, whole.best_epoch, "all epochs done")
    timing = {"seconds", "train_seconds", "train_pictures_per_second"}
    kept = [
        [{key: value for key, value in record.items() if key not in timing} for record in make_run(name).history]
        for name in ("whole", "killed")
    ]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("options", [{"name": "convnet64"}, {"name": "compact", "width": 4, "dropout": 0.3}])
def test_dropout_and_normalisation_are_repeated_too(
    small, make_net, make_run, training, killed_after, same_weights, monkeypatch, options
):
    recipe = training(epochs=2, averaging=0.5, batch_size=48)
    whole = fit(make_net(**options), small, recipe, run=make_run("whole"))
    killed_after(1)
    with pytest.raises(KilledError):
        fit(make_net(**options), small, recipe, run=make_run("killed"))
    monkeypatch.undo()
    resumed = fit(make_net(seed=99, **options), small, recipe, run=make_run("killed"))
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())


def test_epochs_of_one_step_are_an_epoch_of_three_in_parts(small, make_net, make_run, training):
    whole, parts = make_run("whole"), make_run("parts")
    fit(make_net(), small, training(epochs=1), run=whole)
    fit(make_net(), small, training(epochs=3, steps_per_epoch=1), run=parts)
    (one,), (*_, last) = whole.history, parts.history
    assert [record["epoch"] for record in parts.history] == [1, 2, 3]
    for figure in ("validation_loss", "validation_accuracy", "learning_rate"):
        assert last[figure] == one[figure]
    seen = [32, 32, 33]  # a last batch of one joins the one before it
    for figure in ("train_loss", "train_accuracy"):
        assert np.average([record[figure] for record in parts.history], weights=seen) == pytest.approx(one[figure])


def test_two_threads_repeat_themselves_too(small, make_net, make_run, training, same_weights):
    recipe = training(epochs=1, threads=2, batch_size=48)
    first, second = (fit(make_net(), small, recipe, run=make_run(name)).net for name in "ab")
    assert same_weights(first.state_dict(), second.state_dict())


def test_another_seed_gives_other_weights_from_the_same_start(small, make_net, make_run, training, same_weights):
    first, second = (
        fit(make_net(), small, training(seed=seed, epochs=1), run=make_run(str(seed))).net for seed in (0, 1)
    )
    assert not same_weights(first.state_dict(), second.state_dict())


def test_a_finished_training_that_is_taken_up_again_does_nothing_more(
    small, make_net, make_run, training, same_weights
):
    recipe = training()
    first = fit(make_net(), small, recipe, run=make_run())
    second = fit(make_net(seed=5), small, recipe, run=make_run())
    assert same_weights(first.net.state_dict(), second.net.state_dict())
    assert len(make_run().history) == 3
    assert {**first.to_dict(), "seconds": 0} == {**second.to_dict(), "seconds": 0}


def test_it_learns_digits(digits, task_of, make_net, make_run, training, heard):
    recipe = training(epochs=6, schedule="one-cycle", optimizer={"name": "adam", "learning_rate": 3e-3})
    done = fit(make_net(), task_of(*digits, train=900, validation=300), recipe, run=make_run(), progress=heard)
    history = make_run().history
    assert max(record["validation_accuracy"] for record in history) > 0.93
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 3
    assert done.findings == []
    assert heard.warned == []
    assert len(heard.notes) == 6
    assert all(record["validation_top5"] >= 0.9 for record in history[2:])


def test_validation_builds_no_graph_and_looks_at_many_at_once(small, make_net, make_run, training, monkeypatch):
    net, seen = make_net(), []
    embed = net.embed

    def watched(pictures):
        seen.append((net.training, torch.is_inference_mode_enabled(), len(pictures)))
        return embed(pictures)

    monkeypatch.setattr(net, "embed", watched)
    fit(net, small, training(epochs=1, batch_size=4), run=make_run())
    judged = [one for one in seen if not one[0]]
    assert judged == [(False, True, len(small.validation))]
    assert all(not inferring for training, inferring, _ in seen if training)


def test_nothing_of_the_world_is_changed(small, make_net, make_run, training):
    threads, torch_state = torch.get_num_threads(), torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    done = fit(make_net("convnet64"), small, training(epochs=1, augment=AUGMENT), run=make_run())
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    assert not done.net.training
    tiny = torch.full((8,), 1e-40)
    assert (tiny * 1.0 > 0).all(), "subnormal numbers are flushed still"


def test_what_was_drawn_before_does_not_matter(small, make_net, make_run, training, same_weights):
    net = make_net("convnet64")
    twin = copy.deepcopy(net)
    first = fit(net, small, training(epochs=1), run=make_run("a"))
    torch.rand(17)
    second = fit(twin, small, training(epochs=1), run=make_run("b"))
    assert same_weights(first.net.state_dict(), second.net.state_dict())


@pytest.mark.parametrize("told", [True, False])
def test_a_resumed_training_still_knows_the_weights_that_it_began_with_and_their_figures(
    small, make_net, make_run, training, killed_after, same_weights, weights_of, monkeypatch, told
):
    start = Scores(loss=0.0, accuracy=1.0, top5=1.0, still_units=0.0)  # no epoch is better
    killed_after(2)
    with pytest.raises(KilledError):
        fit(make_net("softmax"), small, training(), run=make_run(), start=start)
    monkeypatch.undo()
    resumed = fit(make_net("softmax", seed=99), small, training(), run=make_run(), start=start if told else None)
    assert (resumed.best_epoch, resumed.epochs) == (0, 3)
    assert same_weights(resumed.net.state_dict(), weights_of(make_net("softmax")))
