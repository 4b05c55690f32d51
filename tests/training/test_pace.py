"""The estimate before the first epoch."""

import pytest
import torch

from tellapart.runtime import tuned
from tellapart.training import fit, pace
from tellapart.training.devices import Devices
from tellapart.training.pace import in_words, measure_pace


def test_it_leaves_no_trace(small, make_net, training, weights_of, same_weights):
    net = make_net("compact", width=4, dropout=0.5)
    net.eval()
    before, world, threads = weights_of(net), torch.get_rng_state(), torch.get_num_threads()
    recipe = training(averaging=0.9, augment={"rotation": 5, "noise": 0.1})
    pace = measure_pace(net, small, recipe)
    assert pace.epoch > 0
    assert pace.look > 0
    assert same_weights(net.state_dict(), before)
    assert not net.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), world)
    assert torch.get_num_threads() == threads


def test_it_adds_up_what_steps_and_looks_take(digits, task_of, make_net, training, monkeypatch):
    """By a clock that moves half a second a step, the first excepted, and a hundredth a picture that is looked at."""
    task, recipe = task_of(*digits, train=1200, validation=300), training(batch_size=100)
    now, step, score = [0.0], pace.train_step, pace.score

    def stepped(*args, **options):
        now[0] += 0.5 if now[0] else 9.0
        return step(*args, **options)

    def scored(net, pictures, *args, **options):
        now[0] += 0.01 * len(pictures)
        return score(net, pictures, *args, **options)

    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(pace, "train_step", stepped)
    monkeypatch.setattr(pace, "score", scored)
    assert pace.measure_pace(make_net(), task, recipe).epoch == pytest.approx(12 * 0.5 + 300 * 0.01)
    now[0] = 0.0
    assert pace.measure_pace(make_net(), task, recipe, within=0.1).step == pytest.approx(9.0), "nothing more is timed"
    now[0] = 0.0
    assert pace.measure_pace(make_net(), task, recipe, within=2.0).step == pytest.approx(0.5), "but for what warms up"


def test_a_training_does_not_depend_on_it(small, make_net, make_run, training, same_weights):
    net = make_net("convnet64")
    measure_pace(net, small, training(epochs=1))
    first = fit(net, small, training(epochs=1), run=make_run("a"))
    second = fit(make_net("convnet64"), small, training(epochs=1), run=make_run("b"))
    assert same_weights(first.net.state_dict(), second.net.state_dict())


def test_a_process_with_one_picture_of_a_batch_is_timed_on_two(small, make_net, training):
    devices = Devices(torch.device("cpu"))
    devices.count = devices.here = 2
    recipe = training(batch_size=2)
    assert measure_pace(make_net("compact", size=(8, 8), width=4), small, recipe, devices=devices).epoch > 0


def test_fewer_pictures_than_a_batch(small, make_net, training):
    assert measure_pace(make_net(), small, training(batch_size=5000)).epoch > 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "under a second"), (0.99, "under a second"), (1, "1 s"), (89, "89 s"), (90, "1.5 min"), (600, "10 min"),
        (5399, "90 min"), (5400, "1.5 h"), (36_000, "10 h"), (98 * 3600, "98 h"), (100 * 3600, "4 days"),
        (86_400 * 365, "365 days"),
    ],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(("alone", "others", "seconds"), [(0.25, False, 1.0), (0.25, True, 0.25), (0.75, True, 1.0)])
def test_where_other_programs_take_processors_one_thread_says_how_long_it_takes(monkeypatch, alone, others, seconds):
    """Two threads that wait for each other take a second; one alone counts where it takes half of it or less."""
    now = {"wall": 0.0, "processors": 0.0}

    def step():
        took = 1.0 if torch.get_num_threads() == 2 else alone
        now["wall"] += took
        now["processors"] += took * (1.2 if others else 2.0)

    monkeypatch.setattr(pace.time, "perf_counter", lambda: now["wall"])
    monkeypatch.setattr(pace.time, "process_time", lambda: now["processors"])
    with tuned(2):
        assert pace._quickest(step, times=3, threads=2) == pytest.approx(seconds)
        assert torch.get_num_threads() == 2


def test_validation_is_shared_in_the_training_s_precision_and_a_look_is_one_s_in_float32(
    digits, task_of, make_net, training, monkeypatch
):
    task, now = task_of(*digits, train=200, validation=300), [0.0]

    def scored(net, pictures, *args, precision=None, **options):
        now[0] += (0.01 if precision == "bfloat16" else 0.03) * len(pictures)

    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(pace, "score", scored)
    devices = Devices(torch.device("cpu"))
    devices.count = devices.here = 2
    found = measure_pace(make_net(), task, training(precision="bfloat16", batch_size=100), devices=devices)
    assert found.validation == pytest.approx(0.01 * 300 / 2)
    assert found.look == pytest.approx(0.03)
