"""The figures that a run keeps, and a time that is refused before anything is read."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tellapart.errors import DivergedError, OutOfMemoryError, RecipeError
from tellapart.evaluation import Predictions, evaluate
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset, Splits
from tellapart.recipe import Recipe
from tellapart.workflow import main_job, train
from tellapart.workflow.learn import Learned
from tellapart.workflow.main_job import evaluate_all

from ..models import make

NAMES = ("ant", "bee", "cat")


def learned(temperature: float, *, seed: int) -> Learned:
    """Return what a network says of two splits in which the ants are the most."""
    rng, labels = np.random.default_rng(seed), np.array([0, 0, 0, 1, 2] * 8)
    said = {
        name: Predictions(np.arange(40).astype(str), rng.normal(size=(40, 3)), labels, NAMES)
        for name in ("validation", "test")
    }
    return Learned(make("softmax", names=NAMES, temperature=temperature), said)


def test_figures_are_of_each_network_s_own_temperature_and_of_the_class_that_most_training_pictures_have():
    images = ArrayImages(np.zeros((8, 2, 2), dtype=np.uint8))
    dataset = Dataset(np.arange(8).astype(str), images, [1, 1, 1, 0, 2, 0, 0, 0], class_names=NAMES)
    splits = Splits(train=range(5), validation=[5, 6], test=[7])
    prepared = SimpleNamespace(dataset=dataset, splits=splits, leaks={"found": 3})
    network, baseline = learned(2.5, seed=0), learned(0.4, seed=1)
    found = evaluate_all(prepared, network, {"softmax": baseline})
    for figures, one in ((found["splits"], network), (found["baselines"]["softmax"], baseline)):
        temperature = one.classifier.description.temperature
        assert figures == {
            name: evaluate(part, temperature=temperature, majority_class="bee").to_dict()
            for name, part in one.predictions.items()
        }
    assert (found["temperature"], found["leaks"]) == (2.5, {"found": 3})


@pytest.mark.parametrize(
    ("seconds", "epochs", "said"),
    [
        (60, 3, "epochs = 3 contradicts a time of 60 s"),
        (0, None, "above 0, got 0"),
        (-5.0, None, "above 0, got -5"),
        (math.inf, None, "a finite number of seconds above 0, got inf"),
        (math.nan, None, "a finite number of seconds above 0, got nan"),
    ],
)
def test_a_time_that_cannot_be_kept_is_refused_and_leaves_nothing(good, tmp_path, seconds, epochs, said):
    recipe = Recipe.make(net={"name": "softmax"}, training={"epochs": epochs}, baselines=())
    with pytest.raises(RecipeError, match=said):
        train(good, recipe, out=tmp_path / "run", seconds=seconds)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("error", "stays"), [(OutOfMemoryError, False), (DivergedError, True), (RecipeError, False)])
def test_what_fails_before_anything_is_trained_leaves_no_run(good, tmp_path, monkeypatch, error, stays):
    """So that the command can be given again with what the message advises, to the same place."""

    def fail(*what, **more):
        raise error("no")

    monkeypatch.setattr(main_job, "learn", fail)
    with pytest.raises(error):
        train(good, Recipe.make(net={"name": "softmax"}, baselines=()), out=tmp_path / "run")
    assert (tmp_path / "run").exists() == stays
