"""Which epoch's weights are kept."""

import pytest
import torch
from torch import nn

from tellapart.recipe import Recipe
from tellapart.training.best_epoch import keep_best, keep_start, standard_error
from tellapart.training.checkpoint import State
from tellapart.training.validation import Scores


@pytest.fixture
def kept():
    """Play a training's validation figures; return the epoch that is kept, whose number is the net's weight."""

    def play(accuracies, *, losses=None, pictures=100, start=None, **training):
        recipe, net = Recipe.make(training=training).training, nn.Linear(1, 1, bias=False)
        state = State(net, None, torch.optim.SGD(net.parameters()))
        if start is not None:
            nn.init.constant_(net.weight, 0)
            keep_start(state, Scores(loss=1.0, accuracy=start, top5=1.0, still_units=0.0), recipe)
        for epoch, accuracy in enumerate(accuracies, start=1):
            state.epoch = epoch
            nn.init.constant_(net.weight, epoch)
            loss = losses[epoch - 1] if losses else 1.0
            keep_best(state, {"validation_accuracy": accuracy, "validation_loss": loss}, recipe, pictures=pictures)
        assert float(state.best_weights["weight"]) == state.best_epoch
        return state.best_epoch

    return play


# Two standard errors of 0.9 of 100 pictures are 2 √(91/102 · 11/102 / 100) = 0.0620; of 0.9 of 10,000, 0.0060; of 1 of
# 100, which is drawn away from 1, 2 √(101/102 · 1/102 / 100) = 0.0197.
@pytest.mark.parametrize(
    ("accuracies", "pictures", "epoch"),
    [
        ([0.5, 0.9, 0.84], 100, 3),
        ([0.5, 0.9, 0.83], 100, 2),
        ([0.5, 0.9, 0.83, 0.84, 0.82], 100, 4),
        ([0.5, 0.9, 0.893], 10_000, 2),
        ([0.5, 0.9, 0.895], 10_000, 3),
        ([0.90, 0.86, 0.82, 0.78], 100, 2),  # always within two errors of the one before, but not of the highest
        ([1.0, 0.99, 0.98], 100, 2),
    ],
)
def test_the_latest_epoch_that_is_as_good_as_the_highest_is_kept(kept, accuracies, pictures, epoch):
    assert kept(accuracies, pictures=pictures) == epoch
    assert kept(accuracies, pictures=pictures, schedule="cosine") == epoch


def test_at_a_constant_rate_or_with_early_stopping_the_best_figure_counts(kept):
    assert kept([0.5, 0.9, 0.89], schedule="constant") == 2
    assert kept([0.5, 0.9, 0.89], early_stopping={"patience": 9}) == 2
    assert kept([0.5, 0.9, 0.89], losses=[1.0, 0.4, 0.3], early_stopping={"monitor": "loss"}) == 3


def test_a_patience_that_never_ends_a_training_is_none(kept):
    """As where the epochs are fitted to a time, and the learning rate comes to its low end."""
    assert kept([0.5, 0.9, 0.89], epochs=3, early_stopping={"patience": 3}) == 3
    assert kept([0.5, 0.9, 0.89], epochs=4, early_stopping={"patience": 3}) == 2
    loss = {"monitor": "loss", "patience": 3}
    assert kept([0.5, 0.9, 0.89], losses=[1.0, 0.3, 0.4], epochs=3, early_stopping=loss) == 2


def test_what_a_training_begins_with_may_be_the_best(kept):
    stopping = {"patience": 9}
    assert kept([0.80, 0.89], start=0.9, early_stopping=stopping) == 0
    assert kept([0.80, 0.91], start=0.9, early_stopping=stopping) == 2
    assert kept([0.80, 0.90], start=0.9, losses=[1.1, 0.9], early_stopping=stopping) == 2
    assert kept([0.80, 0.90], start=0.9, losses=[1.1, 1.1], early_stopping=stopping) == 0
    assert kept([0.5, 0.4], start=0.3, losses=[1.1, 1.1], early_stopping={"monitor": "loss"}) == 0
    assert kept([0.80, 0.89], start=0.9) == 0, "below the start, be it by chance"
    assert kept([0.80, 0.91, 0.9, 0.89], start=0.9, losses=[1.0, 1.0, 0.9, 1.0]) == 3, "as good as the highest"


@pytest.mark.parametrize("pictures", [1, 2, 60, 10_000])
def test_the_standard_error_is_that_of_the_binomial_distribution(pictures):
    drawn = torch.distributions.Binomial(pictures, torch.tensor(0.5)).variance.sqrt() / pictures
    assert standard_error(0.5, of=pictures) == pytest.approx(float(drawn))
    assert standard_error(0.0, of=pictures) == pytest.approx(standard_error(1.0, of=pictures))
    assert 0 < standard_error(1.0, of=pictures) < 0.5
