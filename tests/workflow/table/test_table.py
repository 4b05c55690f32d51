"""The table: its rows are the same as the same trainings alone, and a kill costs no finished row."""

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tellapart.errors import (
    ClassMismatchError,
    LeakError,
    RunCorruptError,
    RunNotFoundError,
    SourceNotFoundError,
    TargetExistsError,
)
from tellapart.evaluation import Predictions
from tellapart.features import build_pipeline, predict_log_probabilities
from tellapart.images import open_dataset
from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.workflow import train
from tellapart.workflow.table import ExternalSource, TablePlan, make_table, parse_method, resume_table
from tellapart.workflow.table import fill as filling
from tellapart.workflow.table.network import costs_of, network_recipe
from tellapart.workflow.table.setting import read_setting

HOG = "hog:orientations=6+pca/svm-linear"
ROWS = ("majority-class", "pixels/nearest-neighbours", HOG, "softmax")
BASE = {"net": {"name": "softmax"}, "training": {"epochs": 20, "threads": 1, "seed": 4}}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def recipe(source, **more):
    return Recipe.make(**{**BASE, "data": {"source": str(source), "image_size": (8, 8)}, **more})


@pytest.fixture(scope="module")
def external_photos(pictures, tmp_path_factory):
    """Darker pictures of the same classes, and one class that does not train."""
    return pictures(tmp_path_factory.mktemp("external") / "photos", ("a", "b", "c"), count=5, seed=9)


@pytest.fixture(scope="module")
def made(good, external_photos, tmp_path_factory):
    plan = TablePlan(
        recipe(good), ROWS, external=ExternalSource(str(external_photos)), noise=0.1, copies=30, shuffled_pixels=True
    )  # fmt: skip
    return make_table(plan, out=tmp_path_factory.mktemp("made") / "table")


def row_of(made, title):
    return next(row for row in made[0].rows if row.title == title)


def test_every_row_is_there_with_every_figure(made):
    table, folder = made
    titles = [row.title for row in table.rows]
    varied = [f"{name}, {what}" for what in ("noise 0.1", "30 copies", "shuffled pixels") for name in ROWS[1:]]
    assert sorted(titles) == sorted([*ROWS, *varied, "softmax, no random changes"])
    for row in table.rows:
        assert not row.failed
        assert (row.validation.count, row.external.count) == (5, 10)
        assert row.gap.value == pytest.approx(row.external.value - row.validation.value)
        assert row.kind == "majority class" or (row.train_seconds > 0 and row.predict_ms > 0 and row.size_bytes > 100)
    assert {path.name for path in folder.iterdir()} == {
        "plan.json", "pictures", "rows", "data", "table.json", "table.csv", "table.html"
    }  # fmt: skip
    assert len(list(csv.DictReader((folder / "table.csv").read_text().splitlines()))) == len(titles)
    assert len(json.loads((folder / "table.json").read_text())["rows"]) == len(titles)


def test_a_network_s_row_is_the_same_as_its_training_alone(made, good, tmp_path):
    row = Run.open(made[1] / "rows" / "softmax")
    alone = train(good, recipe(good, baselines=()).changed(training={"transfer": "none"}), out=tmp_path / "alone")
    assert (row.path / "model.safetensors").read_bytes() == (alone.path / "model.safetensors").read_bytes()
    mine, its = (Predictions.load(one.path / "predictions/validation.npz") for one in (row, alone))
    assert (mine.logits == its.logits).all()
    again = train(good, row.recipe, out=tmp_path / "again")
    assert (again.path / "model.safetensors").read_bytes() == (row.path / "model.safetensors").read_bytes()


def test_a_varied_network_s_row_can_be_trained_alone_from_what_lies_in_the_table(made, tmp_path):
    row = Run.open(made[1] / "rows" / "softmax--shuffled-pixels")
    assert row.recipe.data.source.startswith(str(made[1] / "data"))
    alone = train(row.recipe.data.source, row.recipe, out=tmp_path / "alone")
    assert (row.path / "model.safetensors").read_bytes() == (alone.path / "model.safetensors").read_bytes()


def test_changed_copies_belong_to_their_pictures(made):
    (file,) = (made[1] / "data").glob("30-copies-*.npz")
    data = open_dataset(file)
    groups = data.groups[data.given_split == "train"].tolist()
    assert "" not in groups
    assert set(groups[-30:]) == set(groups[:-30])


def test_a_classical_row_is_the_same_as_its_pipeline_alone(made, good):
    splits = Run.open(made[1] / "pictures").load("splits")
    dataset = open_dataset(good)
    ids = dataset.ids.tolist()
    spec = Run.open(made[1] / "rows" / "softmax")
    from tellapart.classifier import Classifier

    size = Classifier.load(spec.path).preprocessing
    train_at, validate_at = ([ids.index(one) for one in splits[part]] for part in ("train", "validation"))
    pixels = np.stack([size.resized(dataset.images.load(i).pixels) for i in range(len(ids))])
    pipeline = build_pipeline("hog+pca", "svm-linear", feature_options={"orientations": 6}, seed=4, jobs=1)
    pipeline.fit(pixels[train_at], dataset.labels[train_at])
    expected = predict_log_probabilities(pipeline, pixels[validate_at], classes=2)
    kept = Predictions.load(made[1] / "rows" / "hog-orientations=6+pca-svm-linear" / "predictions" / "validation.npz")
    assert kept.ids.tolist() == splits["validation"]
    assert (kept.logits == expected).all()


def test_pixels_without_a_place_lose_nothing_when_shuffled(made):
    whole, moved = (row_of(made, f"softmax, {what}") for what in ("no random changes", "shuffled pixels"))
    assert moved.validation.value == whole.validation.value  # softmax reads each pixel by itself


def test_classes_that_do_not_train_are_left_out_elsewhere(made):
    for name in ("softmax", "pixels-nearest-neighbours"):
        files = list((made[1] / "rows" / name / "predictions").glob("*.npz"))
        external = next(file for file in files if file.stem not in ("validation", "test"))
        assert set(Predictions.load(external).labels.tolist()) == {0, 1}


def test_the_test_pictures_are_in_no_row_s_figures(made):
    splits = Run.open(made[1] / "pictures").load("splits")
    assert splits["test"]
    counts = {row.validation.count for row in made[0].rows}
    assert counts == {len(splits["validation"])}
    assert len(splits["validation"]) != len(splits["test"])
    for file in (made[1] / "rows").glob("*/predictions/validation.npz"):
        assert not set(splits["test"]) & set(Predictions.load(file).ids.tolist())


def test_a_row_that_could_not_be_made_is_tried_again_by_resume(good, tmp_path, monkeypatch):
    from tellapart.errors import DataError
    from tellapart.workflow.table import rows

    def fails(*args, **options):
        raise DataError("not there yet")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "learn_classical", fails)
        table, folder = make_table(TablePlan(recipe(good, training={}), ROWS[1:2]), out=tmp_path / "table")
    assert [row.failed for row in table.rows] == ["not there yet"]
    assert [row.failed for row in resume_table(folder)[0].rows] == [""]


KILLED = """
import sys
from pathlib import Path
from tellapart.recipe import Recipe
from tellapart.workflow.table import TablePlan, fill, make_table
plan = TablePlan(Recipe.make(**eval(sys.argv[1])), tuple(sys.argv[3:]))
whole = fill.keep_row
def keep(folder, row):
    whole(folder, row)
    if row.name == "pixels/nearest-neighbours":
        print("now", flush=True)
        __import__("time").sleep(60)
fill.keep_row = keep
make_table(plan, out=sys.argv[2])
"""


def test_a_killed_table_goes_on_without_repeating_a_row(good, tmp_path, monkeypatch):
    folder, source = tmp_path / "table", {**BASE, "data": {"source": str(good), "image_size": (8, 8)}}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, repr(source), str(folder), *ROWS], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    finished = {path: path.read_bytes() for path in folder.glob("rows/*/row.json")}
    assert len(finished) == 2
    time.sleep(0.01)
    left = folder / "data" / ".unfinished-999999999-2-3-copies.npz"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    asked, whole = [], filling.make_row
    monkeypatch.setattr(filling, "make_row", lambda job, *a, **o: asked.append(job.title) or whole(job, *a, **o))
    table, _ = resume_table(folder)
    assert asked == [HOG, "softmax"]
    assert not left.exists()
    assert [row.name for row in table.rows] == list(ROWS)
    assert all(path.read_bytes() == before for path, before in finished.items())
    assert resume_table(folder)[0] == table
    assert len(asked) == 2


def test_a_row_that_cannot_be_made_is_said_and_the_others_are_made(good, tmp_path, monkeypatch):
    from tellapart.errors import DataError
    from tellapart.workflow.table import rows

    def fails(*args, **options):
        raise DataError("too small")

    monkeypatch.setattr(rows, "learn_classical", fails)
    table, folder = make_table(TablePlan(recipe(good), ROWS[1:]), out=tmp_path / "table")
    assert [row.failed for row in table.rows] == ["too small", "too small", ""]
    assert "left out: too small" in (folder / "table.html").read_text(encoding="utf-8")


def test_a_network_that_cannot_be_made_ends_neither_the_table_nor_its_own_variants(good, tmp_path):
    plan = TablePlan(recipe(good), ("convnet128", "pixels/nearest-neighbours"), noise=0.1)
    table, folder = make_table(plan, out=tmp_path / "table")
    failed = {row.title: row.failed for row in table.rows if row.failed}
    assert list(failed) == ["convnet128", "convnet128, noise 0.1"]
    assert "at least" in failed["convnet128"]
    assert failed["convnet128, noise 0.1"].startswith("the row on the pictures as they are could not be made: ")
    assert len(table.rows) == 4
    assert resume_table(folder)[0] == table


def test_two_classes_have_one_sigmoid_output_in_a_table_too(good, tmp_path):
    plan = TablePlan(recipe(good, net={"name": "softmax", "sigmoid": True}), ("softmax",))
    _, folder = make_table(plan, out=tmp_path / "table")
    assert Run.open(folder / "rows" / "softmax").recipe.net.sigmoid


def test_what_is_wrong_with_the_pictures_leaves_nothing_behind(good, pictures, tmp_path):
    leaky = tmp_path / "leaky"
    shutil.copytree(good, leaky / "train")
    for name in ("a", "b"):
        (leaky / "test" / name).mkdir(parents=True)
        shutil.copy(good / name / "0.png", leaky / "test" / name / "copy.png")
    with pytest.raises(LeakError):
        make_table(TablePlan(recipe(leaky), ROWS), out=tmp_path / "table")
    others = pictures(tmp_path / "others", ("x", "y"), count=3)
    with pytest.raises(ClassMismatchError, match="classes are matched by name"):
        make_table(TablePlan(recipe(good), ROWS, external=ExternalSource(str(others))), out=tmp_path / "table")
    assert not (tmp_path / "table").exists()


def test_a_resumed_table_is_not_finished_on_other_pictures_from_elsewhere(good, external_photos, tmp_path):
    there = shutil.copytree(external_photos, tmp_path / "there")
    _, folder = make_table(
        TablePlan(recipe(good, training={}), ROWS[:1], external=ExternalSource(str(there))), out=tmp_path / "table"
    )
    resume_table(folder)
    next(there.rglob("*.png")).unlink()
    with pytest.raises(RunCorruptError, match="have changed since the table began"):
        resume_table(folder)


def test_pictures_from_elsewhere_have_their_own_groups_and_options(good, external_photos, tmp_path):
    files = sorted(external_photos.glob("[ab]/*.png"))
    text = "".join(f"{file},{file.parent.name},{file.stem}\n" for file in files)
    (tmp_path / "phone.csv").write_text(f"image,kind,writer\n{text}", encoding="utf-8")
    options = {"label_column": "kind", "group_column": "writer"}
    asked = ExternalSource(str(tmp_path / "phone.csv"), source_options=options)
    plan = TablePlan(recipe(good), ("pixels/nearest-neighbours", "softmax"), external=asked, shuffled_pixels=True)
    table, folder = make_table(plan, out=tmp_path / "table")
    assert TablePlan.load(folder).external == asked
    said = {row.title: tuple((folder / row.folder).rglob("predictions/*.npz")) for row in table.rows}
    for title in ("pixels/nearest-neighbours", "softmax", "softmax, shuffled pixels"):
        external = next(file for file in said[title] if file.stem not in ("validation", "test"))
        assert Predictions.load(external).groups.tolist() == [file.stem for file in files], title
    resume_table(folder)

    ruled = dataclasses.replace(
        asked, group_by=r"(\d+)\.png", source_options={"label_column": "kind", "group_column": ""}
    )
    _, folder = make_table(TablePlan(recipe(good, training={}), ROWS[:1], external=ruled), out=tmp_path / "ruled")
    found = Predictions.load(folder / "rows" / ROWS[0] / "predictions" / "external.npz")
    assert found.groups.tolist() == [file.stem for file in files]


def test_a_transfer_s_time_has_the_features_of_its_training_pictures_alone(good, tmp_path):
    plan = TablePlan(recipe(good, training={"threads": 1}), ("efficientnet_lite0:features",))
    table, folder = make_table(plan, out=tmp_path / "table")
    (row,) = table.rows
    run = Run.open(folder / row.folder)
    training, splits = run.load("training"), run.load("splits")
    counts = [len(splits[name]) for name in ("train", "validation", "test")]
    assert 0 < training["features_seconds"] < training["seconds"]
    made_now = training["seconds"] - (1 - counts[0] / sum(counts)) * training["features_seconds"]
    made_before = row.predict_ms / 1000 * training["features_there"] * counts[0]
    assert row.train_seconds == pytest.approx(made_now + made_before)

    again, _ = make_table(plan, out=tmp_path / "again")
    (row,) = again.rows
    assert row.notes[0].startswith("100% of its features were there before")


def test_the_default_network_s_row_takes_the_options_that_were_given():
    asked = Recipe.make(net={"options": {"width": 8}})
    assert network_recipe(parse_method("compact"), asked).net.options == {"width": 8}
    assert network_recipe(parse_method("convnet16"), asked).net.options == {}


def test_a_row_has_no_learning_rate_of_another_network_or_way_of_transfer():
    settings = {"transfer": "none", "optimizer": {"name": "adamw", "learning_rate": 0.01}}
    of_a_run = Recipe.make(net={"name": "compact"}, training=settings, data={"resample": "box"})

    def rate(row, recipe=of_a_run):
        return network_recipe(parse_method(row), recipe).training.optimizer.learning_rate

    assert rate("compact") == 0.01
    assert rate("resnet18") is rate("efficientnet_lite0:finetune") is None
    assert network_recipe(parse_method("efficientnet_lite0:finetune"), of_a_run).data.resample is None
    asked = Recipe.make(training={"optimizer": {"learning_rate": 0.01}})
    assert rate("resnet18", asked) == 0.01, "asked for, for all rows"


def test_no_table_takes_another_s_place(made, good):
    with pytest.raises(TargetExistsError, match=r"a table stands at .* continue it with --resume"):
        make_table(TablePlan(recipe(good)), out=made[1])


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}', '{"format": 1, "recipe": {}, "odd": 1}'])
def test_a_damaged_plan_is_said(text, tmp_path):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(RunCorruptError, match="compare again"):
        resume_table(tmp_path)


def test_a_table_whose_pictures_are_out_of_reach_keeps_its_plan(good, tmp_path):
    source = shutil.copytree(good, tmp_path / "photos")
    _, folder = make_table(TablePlan(recipe(source, training={}), ROWS[:1]), out=tmp_path / "table")
    shutil.rmtree(folder / "pictures")  # as if it had been killed before
    source.rename(tmp_path / "away")
    with pytest.raises(SourceNotFoundError):
        resume_table(folder)
    (tmp_path / "away").rename(source)
    assert len(resume_table(folder)[0].rows) == 1


def test_control_c_in_a_row_s_last_epoch_stops_the_table(good, tmp_path, monkeypatch):
    append = Run.append_history

    def interrupt(run, record):
        append(run, record)
        signal.raise_signal(signal.SIGINT)

    plan = TablePlan(recipe(good, training={"epochs": 1, "threads": 1}), ("softmax", "pixels/nearest-neighbours"))
    with monkeypatch.context() as patch:
        patch.setattr(Run, "append_history", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_table(plan, out=tmp_path / "table")
    assert not (tmp_path / "table" / "rows" / "pixels-nearest-neighbours").exists()
    kept = (tmp_path / "table" / "rows" / "softmax" / "model.safetensors").read_bytes()
    table, _ = resume_table(tmp_path / "table")
    assert {row.title for row in table.rows if not row.failed} == set(plan.rows)
    assert (tmp_path / "table" / "rows" / "softmax" / "model.safetensors").read_bytes() == kept


def test_features_count_for_as_many_pictures_as_a_row_trains_on(made):
    """The row with copies has its own pictures: all of its training pictures, and its validation, but no test."""
    folder = made[1]
    setting = read_setting(TablePlan.load(folder), folder)
    run = Run.open(folder / "rows" / "softmax--30-copies")
    training = run.load("training")
    run.save("training", {**training, "features_seconds": 1000.0})
    try:
        spent = costs_of(run, setting.prepared)["train_seconds"]
    finally:
        run.save("training", training)
    own = {name: len(ids) for name, ids in run.load("splits").items() if name != "notes"}
    share = own["train"] / (own["train"] + own["validation"])
    assert own["train"] == len(setting.prepared.splits.train) + 30
    # A thousand seconds for all of them; this run of epochs counts none in "seconds".
    assert spent == pytest.approx(training["seconds"] - 1000 * (1 - share), abs=0.01)


def test_a_table_is_no_run_and_says_where_its_runs_are(made):
    with pytest.raises(RunNotFoundError, match=r"runs below it: .*rows/softmax") as raised:
        Run.open(made[1])
    assert "pictures" not in str(raised.value)


def test_a_bundled_name_is_no_folder_of_that_name_in_any_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = TablePlan(
        Recipe.make(data={"source": "digits"}, net={"name": "softmax"}, training={"epochs": 1, "threads": 1}),
        ("softmax", "majority-class"),
        external=ExternalSource("digits"),
    )
    table, folder = make_table(plan, out="digits")
    assert [row.failed for row in table.rows] == ["", ""]
    assert [row.external.count for row in table.rows] == [1797, 1797]
    assert [row.failed for row in resume_table(folder)[0].rows] == ["", ""]
