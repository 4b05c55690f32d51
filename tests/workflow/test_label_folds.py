"""The folds that judge the labels of a run's training pictures."""

import shutil

import numpy as np
import pytest

from tellapart.classifier import Classifier
from tellapart.evaluation import Predictions
from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.workflow import label_errors, mend_list
from tellapart.workflow.label_errors import out_of_fold
from tellapart.workflow.own_pictures import OwnPictures
from tellapart.workflow.prepare import open_source, prepare


@pytest.fixture(scope="module")
def judged(pictures, tmp_path_factory):
    """The training pictures, ten of which stood twice at first, what three folds say of them, and their folders."""
    folder = tmp_path_factory.mktemp("judged")
    photos = pictures(folder / "photos", count=20)
    for number in range(10):
        shutil.copy(photos / "a" / f"{number}.png", photos / "a" / f"copy{number}.png")
    recipe = Recipe.make(
        data={"source": str(photos), "image_size": (8, 8)}, net={"name": "softmax"}, baselines=(),
        training={"epochs": 2, "threads": 1},
    )  # fmt: skip
    run = Run.create(folder / "run", recipe)
    prepared = prepare(run, open_source(recipe.data))
    own = OwnPictures.of(prepared)
    said = out_of_fold(run, own, folds=3)
    folders = [run.path / "label-folds" / f"{number}-of-3" for number in (1, 2, 3)]
    return prepared.dataset.ids[prepared.splits.train].tolist(), said, folders


def test_copies_are_judged_by_a_network_that_has_seen_neither(judged):
    train, _, folders = judged
    held_out = [Predictions.load(folder / "predictions" / "test.npz").ids.tolist() for folder in folders]
    assert sorted(one for held in held_out for one in held) == sorted(train)
    assert sum(f"a/copy{number}.png" in train for number in range(10)) >= 3
    for held in held_out:
        assert all((f"a/{number}.png" in held) == (f"a/copy{number}.png" in held) for number in range(10))


def test_what_a_fold_says_is_calibrated_by_its_own_temperature(judged):
    train, said, folders = judged
    assert sorted(said.ids.tolist()) == sorted(train)
    logits = dict(zip(said.ids.tolist(), said.logits, strict=True))
    temperatures = [Classifier.load(folder).description.temperature for folder in folders]
    assert len({1.0, *temperatures}) > 2
    for folder, temperature in zip(folders, temperatures, strict=True):
        own = Predictions.load(folder / "predictions" / "test.npz")
        found = np.stack([logits[one] for one in own.ids.tolist()])
        np.testing.assert_allclose(found, own.logits / temperature, rtol=1e-5)


def test_a_list_to_mend_takes_as_many_folds_as_were_asked_for(trained, tmp_path, monkeypatch):
    asked = []

    def found(run, *, folds, **_):
        asked.append(folds)
        raise KeyboardInterrupt

    monkeypatch.setattr(label_errors, "_searched", found)
    run = shutil.copytree(trained, tmp_path / "run")
    for folds in (None, 3):
        with pytest.raises(KeyboardInterrupt):
            mend_list(run, tmp_path / "labels.csv", folds=folds)
    assert asked == [None, 3]


@pytest.mark.parametrize(("typed", "folds"), [([], None), (["--label-folds", "3"], 3)])
def test_the_command_line_says_how_many_folds(call, trained, tmp_path, monkeypatch, typed, folds):
    asked = []

    def take(run, path, *, folds, **_):
        asked.append((run.path, path, folds))
        raise KeyboardInterrupt

    monkeypatch.setattr("tellapart.workflow.mend_list", take)
    called = call("evaluate", trained, "--label-errors", tmp_path / "labels.csv", *typed)
    assert asked == [(trained, tmp_path / "labels.csv", folds)], called.err
