"""What is typed beside a recipe file, and what it takes along."""

import pytest

from tellapart.cli.overrides import without_conflicts
from tellapart.recipe import Recipe


@pytest.mark.parametrize(
    ("transfer", "patience", "stays"), [("finetune", 2, False), ("finetune", 5, True), ("none", 2, True)]
)
def test_a_longer_fine_tuning_has_the_usual_patience_again(transfer, patience, stays):
    """One in a given time is made to have as much patience as epochs, as the time ends it."""
    base = Recipe.make(training={"epochs": 2, "transfer": transfer, "early_stopping": {"patience": patience}})
    found, names = without_conflicts(base, {"training": {"epochs": 12}}, timed=False)
    assert (found.training.early_stopping is not None) == stays
    assert names == ([] if stays else ["training.early_stopping"])
