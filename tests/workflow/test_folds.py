"""Cross-validation beside a run."""

import json

import numpy as np
import pytest

from tellapart.classifier import Classifier
from tellapart.errors import RecipeError, SplitError
from tellapart.evaluation import Predictions
from tellapart.images.dataset import Splits
from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.workflow import evaluate_external, folds, resume, train
from tellapart.workflow.prepare import Prepared, prepare

BASE = {"net": {"name": "softmax"}, "training": {"epochs": 2, "threads": 1}, "baselines": (), "folds": 3}


def recipe(**more):
    return Recipe.make(**{**BASE, "data": {"image_size": (8, 8)}, **more})


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def validated(good, tmp_path_factory):
    return train(good, recipe(), out=tmp_path_factory.mktemp("validated") / "run")


def test_every_picture_that_is_not_in_the_test_set_is_held_out_once(validated):
    splits = validated.load("splits")
    said = Predictions.load(validated.path / "predictions" / "out-of-fold.npz")
    assert sorted(said.ids.tolist()) == sorted(splits["train"] + splits["validation"])
    document = validated.load("folds")
    assert (document["folds"], document["pictures"], len(document["each"])) == (3, len(said), 3)
    assert document["evaluation"]["figures"]["accuracy"]["value"] == pytest.approx(said.correct().mean())
    accuracy = document["figures"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(np.mean(accuracy["values"]))
    assert accuracy["low"] <= accuracy["mean"] <= accuracy["high"]


def test_what_is_held_out_trains_and_chooses_nothing(validated):
    for number in (1, 2, 3):
        held = Predictions.load(validated.path / f"folds/{number}/predictions/test.npz").ids.tolist()
        chose = Predictions.load(validated.path / f"folds/{number}/predictions/validation.npz").ids.tolist()
        assert held
        assert chose
        assert not set(held) & set(chose)
    each = validated.load("folds")["each"]
    assert all(
        one["train"] + one["validation"] + one["held_out"] == validated.load("folds")["pictures"] for one in each
    )


def test_the_report_shows_the_folds(validated):
    page = (validated.path / "report.html").read_text(encoding="utf-8")
    section = page.partition('<section id="folds">')[2].partition("</section>")[0]
    assert "24 pictures that are not in the test set, in 3 folds" in section
    assert section.count('<th scope="row">') == 3 + 2


def test_groups_stand_on_one_side_of_each_fold(pictures, tmp_path):
    source = pictures(tmp_path / "photos", count=18)
    by = {"image_size": (8, 8), "group_by": r"(\d)\.png", "test_fraction": 0.0}
    run = train(source, recipe(data=by), out=tmp_path / "run")
    digit = [
        {one[-5] for one in Predictions.load(run.path / f"folds/{n}/predictions/test.npz").ids.tolist()}
        for n in (1, 2, 3)
    ]
    assert set.union(*digit) == set("0123456789")
    assert sum(len(one) for one in digit) == 10


def test_a_stopped_cross_validation_goes_on_at_its_fold(validated, good, pictures, tmp_path, monkeypatch):
    whole, count = folds.learn, []

    def stops(run, *args, **options):
        if "folds" in run.path.parts:
            count.append(run.path.name)
            if len(count) == 2:
                raise KeyboardInterrupt
        return whole(run, *args, **options)

    monkeypatch.setattr(folds, "learn", stops)
    with pytest.raises(KeyboardInterrupt):
        train(good, recipe(), out=tmp_path / "run")
    monkeypatch.undo()
    assert "of 2 classes" in (tmp_path / "run/report.html").read_text(encoding="utf-8")  # what is known by then
    first = (tmp_path / "run/folds/1/model.safetensors").stat().st_mtime_ns
    assert not (tmp_path / "run/folds.json").exists()
    evaluate_external(tmp_path / "run", pictures(tmp_path / "scanner", count=3, seed=5))
    run = resume(tmp_path / "run")
    kept = run.load("evaluation")
    assert list(kept["external"]) == ["scanner"]  # the weights are the same
    assert kept["splits"]["scanner"]["count"] == 6
    assert (tmp_path / "run/folds/1/model.safetensors").stat().st_mtime_ns == first
    assert run.load("folds") == validated.load("folds")
    assert run.status["state"] == "done"


def test_a_fold_is_the_same_as_its_training_alone(validated, good, tmp_path):
    from tellapart.images import open_dataset
    from tellapart.workflow.learn import learn

    prepared = prepare(Run.open(validated.path), open_dataset(good))
    ids = prepared.dataset.ids.tolist()
    parts = [
        Predictions.load(validated.path / f"folds/2/predictions/{n}.npz").ids.tolist() for n in ("validation", "test")
    ]
    pool = [*validated.load("splits")["train"], *validated.load("splits")["validation"]]
    train_ids = [one for one in pool if one not in parts[0] + parts[1]]
    splits = Splits(*([ids.index(one) for one in names] for names in (train_ids, *parts)))
    alone = learn(Run.create(tmp_path / "alone", prepared.recipe), folds.fold_of(prepared, splits), novelty=False)
    kept = Predictions.load(validated.path / "folds/2/predictions/test.npz")
    assert (alone.predictions["test"].logits == kept.logits).all()


def test_what_is_held_out_is_calibrated_by_its_own_fold_s_temperature(validated):
    said = Predictions.load(validated.path / "predictions" / "out-of-fold.npz")
    logits = dict(zip(said.ids.tolist(), said.logits, strict=True))
    for number, one in enumerate(validated.load("folds")["each"], start=1):
        folder = validated.path / "folds" / str(number)
        temperature = Classifier.load(folder).description.temperature
        assert one["temperature"] == temperature != 1
        own = Predictions.load(folder / "predictions" / "test.npz")
        found = np.stack([logits[name] for name in own.ids.tolist()])
        np.testing.assert_allclose(found, own.logits / temperature, rtol=1e-5)


def test_a_fold_is_normalised_by_its_own_training_pictures_alone():
    pixels = np.repeat(np.array([10, 110, 210], dtype=np.uint8), 4 * 64).reshape(12, 8, 8, 1)
    data = {"image_size": (8, 8), "channels": 1, "resize": "stretch", "resample": "bilinear"}
    prepared = Prepared(
        None, None, None, pixels, Recipe.make(data=data, net={"name": "softmax"}), None, None, {}, None
    )  # fmt: skip
    splits = Splits(train=[0, 1, 4, 5], validation=[2, 6], test=range(8, 12))
    found = folds.fold_of(prepared, splits)
    assert found.splits is splits
    assert found.preprocessing.mean == pytest.approx([60 / 255], abs=1e-4)
    assert found.preprocessing.std == pytest.approx([50 / 255], abs=1e-4)


@pytest.mark.parametrize("wrong", [1, 0, 101])
def test_folds_out_of_range(wrong):
    with pytest.raises(RecipeError, match=f"folds must be 2 to 100, got {wrong}"):
        Recipe.make(folds=wrong)


def test_a_source_with_validation_pictures_of_its_own_is_refused(pictures, tmp_path):
    for part in ("train", "validation"):
        pictures(tmp_path / "photos" / part, count=8, seed=len(part))
    with pytest.raises(RecipeError, match=r"folds = 3 contradicts 'photos', which brings its own validation pictures"):
        train(tmp_path / "photos", recipe(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_folds_than_pictures_or_groups_are_refused(good, tmp_path):
    with pytest.raises(SplitError, match="use fewer"):
        train(good, recipe(folds=30), out=tmp_path / "run")
    by = {"image_size": (8, 8), "group_by": r"(\d)\.png", "test_fraction": 0.0}
    with pytest.raises(SplitError, match=r"need at least 12 groups, there are .* use fewer"):
        train(good, recipe(folds=12, data=by), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_class_with_fewer_pictures_than_folds_is_said(pictures, tmp_path):
    import shutil

    from tellapart.progress import Progress

    class Heard(Progress):
        said = []  # noqa: RUF012

        def warn(self, sentence):
            self.said.append(sentence)

    source = pictures(tmp_path / "photos", ("a", "b"), count=14)
    pictures(tmp_path / "few", ("c",), count=2, seed=5)
    shutil.copytree(tmp_path / "few" / "c", source / "c")
    train(source, recipe(data={"image_size": (8, 8), "test_fraction": 0.0}), out=tmp_path / "run", progress=Heard())
    assert any(s.startswith("cross-validation: “c” has no picture") for s in Heard.said)


def test_a_time_contradicts_folds(call, good, tmp_path):
    called = call("train", good, "--folds", 3, "--time", "1m", "--out", tmp_path / "run")
    assert (called.status, called.err.count("\n")) == (2, 1)
    assert "folds = 3 contradicts a time of 60 s" in called.err


def test_the_command_line_says_the_means_and_compares_out_of_fold(call, validated, good, tmp_path):
    called = call("train", good, "--net", "softmax", "--image-size", "8", "--epochs", 2, "--threads", 1, "--seed", 1,
                  "--no-baselines", "--folds", 3, "--out", tmp_path / "run")  # fmt: skip
    assert "cross-validation, 3 folds, 24 pictures held out once each" in called.out
    assert json.loads((tmp_path / "run/recipe.json").read_text())["folds"] == 3
    both = call("compare", validated.path, tmp_path / "run", "--split", "out-of-fold")
    assert both.status == 0, both.err
    assert "out-of-fold, 24 pictures" in both.out


def test_folds_share_the_learning_rate_that_was_found(good, tmp_path):
    made = recipe(training={**BASE["training"], "optimizer": {"find_learning_rate": True}})
    run = train(good, made, out=tmp_path / "run", explain=False)
    assert run.status["state"] == "done"
    assert run.recipe.training.optimizer.learning_rate == run.load("learning_rate")["found"]
    assert not (run.path / "folds/1/learning_rate.json").exists()
