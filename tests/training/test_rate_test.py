"""The range test: a curve with a known bottom, the same again by seed, no trace, and what nothing is learnt from."""

import math

import numpy as np
import pytest
import torch

from tellapart.errors import TrainingError
from tellapart.training import fit
from tellapart.training.rate_test import BELOW, GIVEN_WAY, STEPS, _unlearns, find_rate, propose, propose_learnt, smooth


def test_smoothing_is_a_centred_mean_that_narrows_at_the_ends():
    losses = np.random.default_rng(0).random(30).tolist()
    smoothed = smooth(losses)
    assert smoothed[15] == pytest.approx(np.mean(losses[10:21]))
    assert smoothed[2] == pytest.approx(np.mean(losses[:5]))
    assert (smoothed[0], smoothed[-1]) == (losses[0], losses[-1])


def test_the_proposal_lies_below_the_bottom_of_the_curve():
    rates = np.geomspace(1e-5, 1, STEPS)
    bottom = 1e-2
    losses = [1 + (math.log10(rate) - math.log10(bottom)) ** 2 for rate in rates]
    assert propose(rates, losses) == pytest.approx(bottom / BELOW, rel=0.15)


@pytest.mark.parametrize("losses", [[2.0] * 50, np.linspace(1, 3, 50).tolist(), []])
def test_a_loss_that_never_falls_gives_no_rate(losses):
    with pytest.raises(TrainingError, match="no learning rate at which the loss falls"):
        propose(np.geomspace(1e-5, 1, 50)[: len(losses)], losses)


def test_a_network_that_was_right_has_unlearnt_when_several_batches_say_so():
    right = [0.02, 0.01, 0.1, 0.0, 0.02, 0.05, 0.15, 0.01]  # two classes, a wrong picture now and then
    assert not any(_unlearns(right[:steps], classes=2) for steps in range(1, 9))
    assert not _unlearns([*right, 0.2], classes=2)
    assert _unlearns([*right, 0.2, 0.2], classes=2)
    hardly = [2.2, 2.3, 2.25, 2.2, 2.3] * 3  # ten classes: all but nothing to unlearn
    assert not _unlearns(hardly, classes=10)
    assert _unlearns([*hardly, 5.0, 9.0], classes=10)


def test_a_network_that_unlearns_at_once_has_no_rate():
    assert propose_learnt(np.geomspace(1e-5, 1, STEPS), [0.1] * STEPS) == pytest.approx(0.79 / BELOW, rel=0.05)
    for losses in ([], [0.1], [0.1] * 5):
        with pytest.raises(TrainingError, match="no learning rate"):
            propose_learnt(np.geomspace(1e-5, 1, STEPS)[: len(losses)], losses)


def test_a_pretrained_network_that_is_right_is_tested_to_where_it_gives_way(digits, task_of, make_net, training):
    task, net = task_of(*digits, train=400, validation=50), make_net("compact", width=4)
    fit(net, task, training(epochs=3), run=None)  # it is right on nearly all by now
    recipe = training(transfer="finetune", unfreeze="all", class_weights="balanced")
    seen = find_rate(net, task, recipe)
    assert len(seen.rates) > 30, "a single batch ended the test"
    assert 1e-4 < seen.found < 0.2


def test_the_same_seed_finds_the_same_and_leaves_no_trace(
    digits, task_of, make_net, training, weights_of, same_weights
):
    task, recipe = task_of(*digits, train=200, validation=50), training(augment={"rotation": 5})
    net = make_net("compact", width=2)
    before, state = weights_of(net), torch.get_rng_state()
    first, second = find_rate(net, task, recipe), find_rate(net, task, recipe)
    assert (first.rates, first.losses, first.found) == (second.rates, second.losses, second.found)
    assert same_weights(before, net.state_dict())
    assert torch.equal(state, torch.get_rng_state())
    other = find_rate(net, task, training(seed=1, augment={"rotation": 5}))
    assert other.losses != first.losses
    assert 1e-3 < first.found < 0.2, "far from what suits Adam and batch normalisation"
    assert set(first.to_dict()) == {"rates", "losses", "smoothed", "found", "seconds"}


def test_a_loss_that_explodes_ends_the_test(digits, task_of, make_net, training):
    seen = find_rate(make_net("convnet16"), task_of(*digits, train=400, validation=50), training())
    assert len(seen.rates) == len(seen.losses) < STEPS
    assert all(loss <= GIVEN_WAY * seen.losses[0] for loss in seen.losses)
