"""What is typed beside a recipe file, and what it takes along."""

from pathlib import Path

import pytest

from tellapart.cli.options import recipe_of
from tellapart.cli.overrides import without_conflicts
from tellapart.recipe import Recipe
from tellapart.run import Run


@pytest.mark.parametrize(
    ("transfer", "patience", "stays"), [("finetune", 2, False), ("finetune", 5, True), ("none", 2, True)]
)
def test_a_longer_fine_tuning_has_the_usual_patience_again(transfer, patience, stays):
    """One in a given time is made to have as much patience as epochs, as the time ends it."""
    base = Recipe.make(training={"epochs": 2, "transfer": transfer, "early_stopping": {"patience": patience}})
    found, names = without_conflicts(base, {"training": {"epochs": 12}}, timed=False)
    assert (found.training.early_stopping is not None) == stays
    assert names == ([] if stays else ["training.early_stopping"])


def test_a_run_s_recipe_comes_with_the_labels_that_the_run_keeps(tmp_path, monkeypatch):
    grown = tmp_path / "grown.csv"
    grown.write_text("id,label\n", encoding="utf-8")
    run = Run.create(tmp_path / "run", Recipe.make(data={"labels": str(grown)})).path
    assert recipe_of(run / "recipe.json").data.labels == str(grown), "it keeps none"
    (run / "labels.csv").write_text("id,label\n", encoding="utf-8")
    assert recipe_of(run / "recipe.json").data.labels == str(run / "labels.csv")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert recipe_of(Path("~/run/recipe.json")).data.labels == str(run / "labels.csv")
