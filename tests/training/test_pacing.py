"""Epochs that are made shorter or longer so that a training ends in time, by a clock that the test moves."""

import pytest
import torch

from tellapart.recipe import Recipe
from tellapart.training import loop
from tellapart.training.loop import fit
from tellapart.training.pacing import MARGIN, Pacer


class Clock:
    """Tells the seconds that the test has let go by."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def run_through(pacer, clock, *, steps, pace, beside=0.0):
    """Go through a training whose step takes `pace(epoch)` seconds; return the steps that each epoch had."""
    plan = pacer.started(tuple(steps))
    for epoch in range(1, len(plan) + 1):
        if not plan[epoch - 1]:
            continue  # left out
        step = pace(epoch)
        clock.now += plan[epoch - 1] * step + beside
        plan = pacer.replanned(plan, epoch=epoch, training=plan[epoch - 1] * step)
    return plan


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1, 2.0, 5.0])
@pytest.mark.parametrize("beside", [0.0, 0.5])
def test_a_machine_that_is_faster_or_slower_than_it_seemed_still_ends_in_time(clock, factor, beside):
    pacer = Pacer(end=61.0, most_steps=10**6, step=0.1, beside=0.0, clock=clock)
    plan = run_through(pacer, clock, steps=(100,) * 6, pace=lambda epoch: 0.1 * factor, beside=beside)
    assert len(plan) == 6
    last = plan[-1] * 0.1 * factor + beside
    assert clock.now <= 61.0
    assert clock.now >= 0.93 * 61.0 - MARGIN * last, "no time is left over"
    assert min(steps for steps in plan if steps) >= (25 if factor < 5 else 1), "no epoch has too few steps"


def test_a_machine_that_is_busy_for_a_while_makes_up_for_it(clock):
    pacer = Pacer(end=61.0, most_steps=10**6, step=0.1, beside=0.0, clock=clock)
    plan = run_through(pacer, clock, steps=(100,) * 6, pace=lambda epoch: 0.3 if epoch == 2 else 0.1)
    assert plan[:2] == (100, 100)
    assert plan[2] < 100 < plan[-1], "shorter while it seems slow, longer when it is not"
    assert clock.now <= 61.0


def test_a_plan_that_holds_is_left_as_it_is_but_for_the_last_epoch_which_takes_what_is_left(clock):
    pacer = Pacer(end=61.2, most_steps=10**6, step=0.1, beside=0.0, clock=clock)
    assert run_through(pacer, clock, steps=(100,) * 6, pace=lambda epoch: 0.1) == (*(100,) * 5, 108)


def test_a_lone_epoch_is_fitted_before_it_begins(clock):
    pacer = Pacer(end=31.0, most_steps=10**6, step=0.1, beside=2.0, clock=clock)
    clock.now = 11.0  # what came before took longer than was planned for
    assert pacer.started((150,)) == (150,), "20 s, of which validation takes 2"
    assert pacer.started((300,)) == (180,)
    assert pacer.started((300, 300)) == (300, 300), "the second can make up for it"
    clock.now = 40.0
    assert pacer.started((300,)) == (75,), "a network that has seen a little, late"


def test_where_epochs_are_as_long_as_the_ones_before_less_is_kept_back(clock):
    plan = run_through(Pacer(61.0, 10**6, 0.1, 0.0, clock), clock, steps=(100,) * 6, pace=lambda epoch: 0.1)
    assert plan[-1] > 100
    assert 61.0 - clock.now == pytest.approx(0.03 * 10, abs=0.2)
    clock.now = 0.0
    uneven = Pacer(61.0, 10**6, 0.1, 0.0, clock)
    run_through(uneven, clock, steps=(100,) * 6, pace=lambda epoch: 0.1 if epoch % 2 else 0.11)
    assert 0.0 <= 61.0 - clock.now < 0.2, "the last was a tenth slower than the one before, as others had been"


def test_more_steps_than_are_of_use_are_not_made(clock):
    pacer = Pacer(end=1000.0, most_steps=330, step=0.1, beside=0.0, clock=clock)
    assert run_through(pacer, clock, steps=(100,) * 3, pace=lambda epoch: 0.1) == (100, 115, 115)


def test_where_the_time_is_over_no_epoch_follows(clock):
    pacer = Pacer(end=5.0, most_steps=10**6, step=0.1, beside=0.0, clock=clock)
    assert run_through(pacer, clock, steps=(100,) * 3, pace=lambda epoch: 0.1, beside=2.0) == (100, 0, 0)


def test_epochs_that_would_be_too_short_are_left_out_and_the_last_ones_stay(clock):
    pacer = Pacer(end=30.0, most_steps=10**6, step=0.1, beside=0.0, clock=clock)  # 12 s an epoch: 18 s are left
    plan = run_through(pacer, clock, steps=(100,) * 6, pace=lambda epoch: 0.1, beside=2.0)
    assert plan[:4] == (100, 0, 0, 38), "three epochs of at least 25 steps and 2 s, 4.5 s, and a tenth, but not four"
    assert 28.0 <= clock.now <= 30.0


@pytest.mark.parametrize("seconds", [20.0, 40.0])
def test_epochs_of_one_step_are_left_out_where_validation_takes_the_time(clock, seconds):
    pacer = Pacer(end=seconds, most_steps=10**6, step=0.1, beside=0.0, clock=clock)
    plan = run_through(pacer, clock, steps=(1,) * 30, pace=lambda epoch: 0.5, beside=1.5)
    assert 0.8 * seconds <= clock.now <= seconds
    assert plan[-1] >= 1, "the learning rate comes to its end"


def test_a_paced_training_is_repeated_by_the_recipe_that_its_run_keeps(
    small, make_net, make_run, training, same_weights, weights_of, monkeypatch
):
    class Steps(Pacer):
        def replanned(self, steps, *, epoch, training):
            assert training > 0
            return (steps[0], 0, 2, 1)

    recipe = training(epochs=4, augment={"rotation": 10.0})
    run = make_run()
    run.save_recipe(Recipe(training=recipe))
    paced = fit(make_net(), small, recipe, run=run, pacer=Steps(0.0, 0, step=0.1, beside=0.0))
    assert run.recipe.training.steps_per_epoch == (3, 0, 2, 1)
    again = fit(make_net(), small, run.recipe.training, run=make_run("again"))
    assert same_weights(weights_of(paced.net), weights_of(again.net))
    assert [record["epoch"] for record in run.history] == [1, 3, 4]
    assert (paced.epochs, again.epochs) == (3, 3), "what was left out was not done"


@pytest.mark.parametrize(("after", "left"), [(0, [3, 2, 1]), (1, [2, 1]), (2, [2, 1]), (3, [1]), (4, [])])
def test_what_is_left_of_a_training_leaves_out_what_was_left_out(small, training, after, left):
    assert small.steps_left(training(epochs=4, steps_per_epoch=[3, 0, 2, 1]), after=after) == left


def test_the_learning_rate_comes_to_its_end_in_shortened_epochs(small, make_net, make_run, training):
    recipe = training(epochs=2, steps_per_epoch=[3, 1], schedule="cosine")
    run = make_run()
    fit(make_net(), small, recipe, run=run)
    rates = [record["learning_rate"] for record in run.history]
    assert rates == pytest.approx(
        [1e-3 * (1 + torch.cos(torch.tensor(torch.pi * at)).item()) / 2 for at in (5 / 12, 3 / 4)]
    )


def test_epochs_that_are_left_out_use_up_no_patience(small, make_net, make_run, training):
    still = {"optimizer": {"name": "adam", "learning_rate": 1e-12}, "schedule": "constant"}  # no epoch is a new best
    run = make_run()
    recipe = training(epochs=7, steps_per_epoch=[2, 0, 0, 0, 2, 2, 2], early_stopping={"patience": 2}, **still)
    done = fit(make_net(), small, recipe, run=run)
    assert (done.stopped, [record["epoch"] for record in run.history][:2]) == ("early stopping", [1, 5])


def test_a_last_epoch_of_a_step_is_made_where_the_time_is_there(clock):
    """Nothing can be kept back of a single step: an epoch of 15 s and 1 s fits into the 17.2 s that are left."""
    pacer = Pacer(end=33.7, most_steps=10**6, step=15.0, beside=1.0, clock=clock)
    assert run_through(pacer, clock, steps=(1, 1), pace=lambda epoch: 15.45, beside=1.03) == (1, 1)
    assert clock.now <= 33.7


def test_a_lone_epoch_is_shortened_before_it_begins(small, make_net, make_run, training):
    run, recipe = make_run(), training(epochs=1)
    run.save_recipe(Recipe(training=recipe))
    fit(make_net(), small, recipe, run=run, pacer=Pacer(2.0, 99, step=1.0, beside=0.0, clock=lambda: 0.0))
    assert run.recipe.training.steps_per_epoch == (2,)


def test_steps_twice_as_slow_as_planned_still_end_in_time(small, make_net, make_run, training, monkeypatch, clock):
    step = loop.train_step

    def slow(*what, **more):
        clock.now += 2.0
        return step(*what, **more)

    monkeypatch.setattr(loop, "train_step", slow)
    monkeypatch.setattr(loop.time, "perf_counter", clock)
    run, recipe = make_run(), training(epochs=6)
    run.save_recipe(Recipe(training=recipe))
    fit(make_net(), small, recipe, run=run, pacer=Pacer(20.0, 99, step=1.0, beside=0.0, clock=clock))
    assert clock.now <= 20.0
    assert run.history[-1]["epoch"] == 6, "the learning rate comes to its end"
