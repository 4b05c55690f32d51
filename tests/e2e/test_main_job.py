"""The main job: from a folder of pictures to a classifier with everything that is known about it."""

import json
import shutil

import numpy as np
import pytest

from tellapart.classifier import Classifier
from tellapart.evaluation import Predictions
from tellapart.run import Run

NAMES = ("猫", "chien méchant", "🐈 & <b>", "CON")

FILES = {
    "audit.json", "choices.json", "data.json", "environment.json", "evaluation.json", "history.jsonl", "leaks.json",
    "model.safetensors", "predictions/test.npz", "predictions/validation.npz", "recipe.json", "report.html",
    "splits.json", "statistics.npz", "status.json", "thumbnails.npz", "training.json", "label_errors.json",
    "near/test.npz", "near/validation.npz",
    "baselines/softmax/history.jsonl", "baselines/softmax/model.safetensors", "baselines/softmax/predictions/test.npz",
    "baselines/softmax/predictions/validation.npz", "baselines/softmax/recipe.json",
    "baselines/softmax/training.json",
}  # fmt: skip

OPTIONS = ("--net", "compact", "--net-option", "width=4", "--epochs", "3", "--patience", "3")


@pytest.fixture(scope="module")
def photos(pictures, tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("main") / "my photos", classes=NAMES, count=20)


@pytest.fixture(scope="module")
def first(call, photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    called = call("train", photos, *OPTIONS, "--out", out)
    assert called.status == 0, called.err
    return out, called


@pytest.fixture
def run(first, tmp_path):
    shutil.copytree(first[0], tmp_path / "run")
    return tmp_path / "run"


def test_the_run_folder_is_complete(first):
    found = {str(path.relative_to(first[0])) for path in first[0].rglob("*") if path.is_file()}
    assert found == FILES
    assert Run(first[0]).status["state"] == "done"
    page = (first[0] / "report.html").read_text(encoding="utf-8")
    assert f'<time datetime="{Run(first[0]).status["when"]}">' in page, "when it was finished, not when it began"


def test_what_is_printed(first):
    out, called = first
    assert called.err.count("validation") == 3  # one line an epoch, none for the baseline's
    assert "estimated time: " in called.err
    assert "net.options" not in called.err
    for word in ("accuracy", "compact", "softmax", "majority class", "25.0%", str(out / "report.html")):
        assert word in called.out


def test_nothing_in_the_recipe_is_left_open(first):
    recipe = Run(first[0]).recipe
    open_ = {name for name, value in recipe.training if value is None}
    assert open_ <= {"early_stopping", "unfreeze", "steps_per_epoch"}  # None is an answer there
    assert None not in (recipe.data.image_size, recipe.data.channels, recipe.data.resize, recipe.data.resample)
    assert recipe.net.name == "compact"


def test_the_splits_share_nothing_and_miss_nothing(first, photos):
    splits = Run(first[0]).load("splits")
    ids = [name for split in ("train", "validation", "test") for name in splits[split]]
    assert len(ids) == len(set(ids)) == len(NAMES) * 20


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_figures_are_those_of_the_predictions(first, split):
    figures = Run(first[0]).load("evaluation")["splits"][split]["figures"]
    predictions = Predictions.load(first[0] / "predictions" / f"{split}.npz")
    right = (predictions.logits.argmax(axis=1) == predictions.labels).mean()
    accuracy = figures["accuracy"]
    assert accuracy["value"] == pytest.approx(right)
    assert accuracy["low"] <= right <= accuracy["high"]


def test_the_model_gives_what_the_predictions_say(first, photos):
    classifier = Classifier.load(first[0])
    assert classifier.class_names == tuple(sorted(NAMES))
    predictions = Predictions.load(first[0] / "predictions" / "test.npz")
    answers = classifier.classify_all([photos / name for name in predictions.ids.tolist()])
    expected = [predictions.class_names[k] for k in predictions.logits.argmax(axis=1)]
    assert [answer.name for answer in answers] == expected


def test_the_report_holds_the_names_and_needs_no_network(first):
    page = (first[0] / "report.html").read_text(encoding="utf-8")
    assert "猫" in page
    assert "<b>CON" not in page
    assert "<link " not in page
    assert 'src="http' not in page


def test_a_second_training_uses_the_cache_and_gives_the_same_weights(call, first, photos, tmp_path):
    called = call("train", photos, *OPTIONS, "--out", tmp_path / "second")
    assert called.status == 0
    assert "reading pictures" not in called.err
    for file in ("model.safetensors", "splits.json", "evaluation.json", "choices.json"):
        assert (tmp_path / "second" / file).read_bytes() == (first[0] / file).read_bytes()


def test_a_recipe_of_a_run_gives_the_run_again(call, first, tmp_path):
    called = call("train", "--recipe", first[0] / "recipe.json", "--out", tmp_path / "again")
    assert called.status == 0, called.err
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (first[0] / "model.safetensors").read_bytes()


def test_resuming_a_run_that_is_done_changes_nothing(call, first):
    before = {path: path.stat().st_mtime_ns for path in first[0].rglob("*")}
    assert call("train", "--resume", first[0]).status == 0
    assert {path: path.stat().st_mtime_ns for path in first[0].rglob("*")} == before


@pytest.mark.parametrize("missing", [["report.html"], ["evaluation.json", "report.html", "thumbnails.npz"]])
def test_what_a_kill_left_out_is_made(missing, call, first, run):
    for name in missing:
        (run / name).unlink()
    Run(run).mark("running")
    assert call("train", "--resume", run).status == 0
    for name in ("evaluation.json", "model.safetensors", "audit.json"):
        assert (run / name).read_bytes() == (first[0] / name).read_bytes()
    assert (run / "report.html").exists()


def test_what_a_kill_at_the_very_end_left_of_the_lock_goes(call, run):
    (run / ".lock").touch()
    assert call("train", "--resume", run).status == 0
    assert not (run / ".lock").exists()


def test_pictures_from_elsewhere_join_the_run_and_its_report(call, run, pictures, tmp_path):
    other = pictures(tmp_path / "elsewhere set", classes=(*NAMES[:3], "unknown"), count=6, seed=9)
    called = call("evaluate", run, other)
    assert called.status == 0, called.err
    assert "6 pictures of 'unknown', which the model does not know, are left out" in called.out
    assert "no pictures here of" in called.out
    assert "'CON'" in called.out
    assert "18 pictures" in called.out
    assert set(Run(run).load("evaluation")["splits"]) == {"validation", "test", "elsewhere-set"}
    assert len(Predictions.load(run / "predictions" / "elsewhere-set.npz").labels) == 18
    assert call("evaluate", run, pictures(tmp_path / "others", classes=("x", "y"))).status == 2


def test_predict_and_report(call, run, photos):
    called = call("predict", run, photos / "猫" / "0.png", photos / "CON", "--json")
    records = [json.loads(line) for line in called.out.splitlines()]
    assert len(records) == 21
    assert {record["name"] for record in records} <= set(NAMES)
    (run / "report.html").unlink()
    assert call("report", run).status == 0
    assert (run / "report.html").exists()


def test_a_run_name_is_made_from_the_source(call, quick, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("my-photos", "my-photos-2"):
        assert call("train", photos, *quick).status == 0
        assert (tmp_path / "runs" / name / "report.html").exists()


def test_the_same_from_python(photos, call, first, tmp_path, monkeypatch):
    import tellapart

    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    found = tellapart.train(photos, Run(first[0]).recipe, out=tmp_path / "run")
    ours, theirs = found.path / "model.safetensors", first[0] / "model.safetensors"
    assert ours.read_bytes() == theirs.read_bytes()
    assert np.isfinite(found.history[-1]["train_loss"])
