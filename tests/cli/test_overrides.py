"""What is typed beside a recipe file, and what it takes along."""

import pytest

from tellapart.cli.overrides import without_conflicts
from tellapart.recipe import Recipe


@pytest.mark.parametrize(("patience", "stays"), [(2, False), (5, True)])
def test_the_patience_of_a_time_does_not_stop_a_longer_training(patience, stays):
    """A training in a given time is made to have as much patience as epochs: the time ends it."""
    base = Recipe.make(training={"epochs": 2, "early_stopping": {"patience": patience}})
    found, names = without_conflicts(base, {"training": {"epochs": 12}}, timed=False)
    assert (found.training.early_stopping is not None) == stays
    assert names == ([] if stays else ["training.early_stopping"])
