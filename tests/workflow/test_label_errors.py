"""Neighbours of mistakes, labels that are likely wrong, and the list that a training takes back."""

import csv
import dataclasses
import shutil

import numpy as np
import pytest
import torch

from tellapart.classifier import Classifier
from tellapart.errors import (
    ClassMismatchError,
    DataError,
    OutOfMemoryError,
    RecipeError,
    RunCorruptError,
    UnwritableError,
)
from tellapart.evaluation import LabelErrors, Mended, NearTraining, Predictions, find_mistakes, read_label_list
from tellapart.features import extract
from tellapart.images import Dataset
from tellapart.images.arrays import ArrayImages
from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.workflow import label_errors, mend_list, own_pictures, resume, train
from tellapart.workflow.label_errors import (
    filled_in,
    find_run_label_errors,
    half_as_long,
    has_memory_to_search,
    looks_for_labels,
    on_other_device,
    search_bytes,
)
from tellapart.workflow.learn import is_trained
from tellapart.workflow.near_training import surest_mistakes
from tellapart.workflow.own_pictures import OwnPictures, train_embeddings

TINY = {"image_size": (8, 8), "test_fraction": 0.3}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on noisy digits of which two training labels are wrong on purpose, and the folder of its source."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("made")
    digits = load_digits()
    keep = np.flatnonzero(digits.target < 3)[:240]
    pixels, labels = (digits.images[keep] * 255 / 16).astype(np.uint8), digits.target[keep].copy()
    labels[[7, 11]] = (labels[[7, 11]] + 1) % 3
    np.savez(folder / "digits.npz", x=pixels, y=labels)
    recipe = Recipe.make(data=TINY, net={"name": "softmax"}, training={"epochs": 2, "threads": 1}, baselines=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(folder / "cache"))
        run = train(folder / "digits.npz", recipe, out=folder / "run")
        yield run, folder / "digits.npz"


def test_a_training_keeps_the_neighbours_of_its_mistakes(made):
    run, _ = made
    test = Predictions.load(run.path / "predictions" / "test.npz")
    near = NearTraining.load(run.path / "near" / "test.npz")
    mistakes = find_mistakes(test)
    assert len(near) == len(mistakes) > 0
    trained = set(run.load("splits")["train"])
    for one in mistakes:
        assert {neighbour.id for neighbour in near.of(one.id)} <= trained
    # softmax sees the pixels themselves: the neighbour is the picture with the smallest angle to them.
    classifier = Classifier.load(run.path)
    own = OwnPictures.reopened(run, classifier)
    flat = classifier.embeddings(own.pixels).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    position = {id: i for i, id in enumerate(own.dataset.ids.tolist())}
    asked = flat[position[mistakes[0].id]]
    want = own.dataset.ids[own.splits.train[np.argmax(flat[own.splits.train] @ asked)]]
    assert near.of(mistakes[0].id)[0].id == want


def test_embeddings_are_computed_once(made, monkeypatch):
    run, _ = made
    classifier = Classifier.load(run.path)
    own = OwnPictures.reopened(run, classifier)
    first = train_embeddings(own, classifier)
    assert first.positions.tolist() == list(range(len(own.splits.train)))
    monkeypatch.setattr(own_pictures, "_embed_into", lambda *_, **__: pytest.fail("computed again"))
    again = train_embeddings(own, classifier)
    np.testing.assert_array_equal(again.table, first.table)
    assert isinstance(again.table, np.memmap)


def test_embeddings_of_many_networks_do_not_fill_the_disk(made, monkeypatch):
    run, _ = made
    classifier = Classifier.load(run.path)
    own = OwnPictures.reopened(run, classifier)
    for seed in range(own_pictures.KEPT_EMBEDDINGS + 2):
        monkeypatch.setattr(own_pictures, "weights_digest", lambda net, spec, seed=seed: f"weights {seed}")
        table = train_embeddings(own, classifier).table
    assert len(list(own.folder.glob("embeddings-*.npy"))) == own_pictures.KEPT_EMBEDDINGS
    assert np.isfinite(table).all()


def test_what_the_memory_does_not_hold_is_not_looked_for(made, monkeypatch):
    run, _ = made
    own = OwnPictures.reopened(run, Classifier.load(run.path))
    needed = search_bytes(own)
    columns = extract(own.pixels[:1], "hog").shape[1]
    assert needed == 48 * 240 * 3 + 16 * 240 * columns + 24 * min(240, columns) ** 2
    large = dataclasses.replace(own, pixels=np.zeros((1, 512, 512, 1), dtype=np.uint8))
    assert search_bytes(large) > 16 * 240 * 34_000
    assert looks_for_labels(own)
    monkeypatch.setattr(label_errors, "available_memory", lambda: 2 * needed)
    assert has_memory_to_search(own)
    monkeypatch.setattr(label_errors, "available_memory", lambda: needed - 1)
    assert not has_memory_to_search(own)
    with pytest.raises(OutOfMemoryError, match="the search for wrong labels needs about"):
        find_run_label_errors(run, own=own)


def test_a_run_of_another_machine_is_judged_on_the_device_that_is_here():
    made = Recipe.make(training={"device": "cuda", "precision": "float16"}).training
    here = on_other_device(Recipe(training=made), torch.device("cpu")).training
    assert (here.device, here.precision) == ("cpu", "float32")


def test_wrong_labels_are_found_among_all_pictures(made):
    run, _ = made
    kept = run.load("label_errors")
    found = [one["id"] for one in kept["candidates"]]
    assert {"7", "11"} <= set(found[:6])
    splits = {name: set(run.load("splits")[name]) for name in ("train", "validation", "test")}
    assert all(one["id"] in splits[one["split"]] for one in kept["candidates"])
    assert kept["count"] == 240
    assert kept["folds"] is None


def test_folds_judge_each_training_picture_by_a_network_that_has_not_seen_it(made, tmp_path):
    run, _ = made
    shutil.copytree(run.path, tmp_path / "copy")
    copy = Run.open(tmp_path / "copy")
    found = find_run_label_errors(copy, folds=2)
    assert {"7", "11"} <= {one.id for one in found.candidates[:8]}
    assert copy.load("label_errors")["folds"] == 2
    assert not (copy.path / "label-folds").exists()
    for file in ("model.safetensors", "recipe.json", "splits.json", "evaluation.json"):
        assert (copy.path / file).read_bytes() == (run.path / file).read_bytes()
    with pytest.raises(RecipeError, match="at least 2"):
        find_run_label_errors(copy, folds=1)


def mended(run: Run, path, labels: dict[str, str]):
    """Write the run's list with some labels filled in."""
    from tellapart.evaluation import LabelErrors

    LabelErrors.from_dict({key: value for key, value in run.load("label_errors").items() if key != "folds"}).write(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = labels.get(row["id"], "")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_training_takes_the_mended_list_and_resumes_with_it(made, tmp_path):
    run, source = made
    names = Classifier.load(run.path).class_names
    right = {one["id"]: one["suggested"] for one in run.load("label_errors")["candidates"]}
    path = mended(run, tmp_path / "labels.csv", {"7": right["7"], "11": "(remove)"})
    recipe = run.recipe.changed(data={"labels": str(path)})
    again = train(source, recipe, out=tmp_path / "again")
    assert again.recipe.data.labels == str(path)
    assert again.load("data")["pictures"] == 239
    assert again.load("data")["fingerprint"] != run.load("data")["fingerprint"]
    ids = {id for name in ("train", "validation", "test") for id in again.load("splits")[name]}
    assert "11" not in ids
    for file in tmp_path.glob("again/predictions/*.npz"):
        said = Predictions.load(file)
        if "7" in said.ids.tolist():
            assert names[said.labels[said.ids.tolist().index("7")]] == right["7"]
    path.unlink()  # the run keeps the list
    again.mark("interrupted")
    assert resume(again.path).status["state"] == "done"
    (again.path / "labels.csv").write_text("id,label\n", encoding="utf-8")
    again.mark("interrupted")
    with pytest.raises(RunCorruptError, match="labels, have changed"):
        resume(again.path)


def test_a_list_that_does_not_fit_stops_before_anything_is_written(made, tmp_path):
    _, source = made
    (tmp_path / "labels.csv").write_text("id,label\n3,seven\n", encoding="utf-8")
    with pytest.raises(ClassMismatchError, match="'seven'"):
        train(source, Recipe.make(data={"labels": str(tmp_path / "labels.csv")}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_of_too_many_mistakes_the_surest_are_looked_at():
    logits = np.array([[3, 0], [1, 0], [5, 0], [0, 2], [4, 0]], dtype=np.float32)
    said = Predictions(list("abcde"), logits, [1, 1, 1, 1, -1], class_names=("x", "y"))
    assert surest_mistakes(said, most=5).tolist() == [0, 1, 2]
    assert surest_mistakes(said, most=2).tolist() == [0, 2]


def test_half_as_long_a_training_that_was_fitted_to_a_time_has_the_mean_of_its_steps():
    training = {"transfer": "none", "epochs": 5, "steps_per_epoch": (90, 0, 92, 88, 90)}
    half = half_as_long(Recipe.make(training=training)).training
    assert (half.epochs, half.steps_per_epoch) == (2, 72)


def test_a_list_that_could_not_be_written_is_said_before_the_search(made, tmp_path, monkeypatch):
    monkeypatch.setattr(label_errors, "_searched", lambda *_, **__: pytest.fail("it was searched"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnwritableError, match="it is a folder: give the name of a file"):
        mend_list(made[0].path, tmp_path / "folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_what_was_filled_in_in_a_list_is_kept_when_it_is_written_again(made, tmp_path):
    shutil.copytree(made[0].path, tmp_path / "copy")
    copy, path = Run.open(tmp_path / "copy"), tmp_path / "labels.csv"
    right = {one["id"]: one["suggested"] for one in copy.load("label_errors")["candidates"]}
    mended(copy, path, {"7": right["7"], "11": "(remove)"})
    mend_list(copy, path)
    filled = read_label_list(path)
    assert {one: what.label for one, what in filled.items()} == {"7": right["7"], "11": None}
    assert len(path.read_text(encoding="utf-8-sig").splitlines()) == len(right) + 1
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    noted = "\n".join([f"{head},comment", *(f"{row},look again" for row in rows)])
    (tmp_path / "noted.csv").write_text(noted, encoding="utf-8")
    with pytest.raises(DataError, match="has a column 'comment', which no list of labels has; it would be replaced"):
        mend_list(copy, tmp_path / "noted.csv")
    assert (tmp_path / "noted.csv").read_text(encoding="utf-8") == noted
    path.write_text("a list of other things\n", encoding="utf-8")
    with pytest.raises(DataError, match="must have the columns 'id' and 'label'"):
        mend_list(copy, path)
    assert path.read_text(encoding="utf-8") == "a list of other things\n"


def test_a_list_of_other_pictures_is_refused_before_anything_is_looked_for(made, tmp_path, monkeypatch):
    monkeypatch.setattr(label_errors, "_searched", lambda *_, **__: pytest.fail("it was searched"))
    path = tmp_path / "labels.csv"
    for text, match in (
        ("id,label\ncat/1.png,cat\n", "is a list of other pictures, such as 'cat/1.png'.*: choose another file"),
        ("id,label\n7,0\n7,1\n", "says two things of '7'.*choose another file"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=match):
            mend_list(made[0].path, path)
        assert path.read_text(encoding="utf-8") == text


def test_what_was_filled_in_for_another_label_is_left_out(tmp_path):
    pixels = ArrayImages(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    data = Dataset(list("abc"), pixels, [0, 1, 1], class_names=("ant", "bee"))
    path = tmp_path / "labels.csv"
    assert filled_in(path, data, mended={}) == {}
    path.write_text("", encoding="utf-8")
    assert filled_in(path, data, mended={}) == {}
    path.write_text("id,given,label\na,ant,bee\nb,ant,(remove)\nc,,ant\nd,bee,ant\n", encoding="utf-8")
    kept = filled_in(path, data, mended={"d": Mended(None, "bee")})  # removed, so that it is not among the pictures
    assert kept == {"a": Mended("bee", "ant"), "c": Mended("ant", "bee"), "d": Mended("ant", "bee")}


def test_folds_of_a_run_in_float16_train_on_the_device_that_is_here(made, tmp_path):
    shutil.copytree(made[0].path, tmp_path / "copy")
    copy = Run.open(tmp_path / "copy")
    copy.save_recipe(copy.recipe.changed(training={"precision": "float16"}))
    before = copy.read_text("recipe.json")
    assert find_run_label_errors(copy, folds=2).count == 240
    assert copy.read_text("recipe.json") == before


def test_a_list_below_one_s_home_keeps_what_is_filled_in(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    shutil.copytree(made[0].path, tmp_path / "copy")
    mend_list(tmp_path / "copy", "~/labels.csv")
    one = next(iter(csv.DictReader((tmp_path / "labels.csv").read_text(encoding="utf-8-sig").splitlines())))
    (tmp_path / "labels.csv").write_text(f"id,given,label\n{one['id']},{one['given']},(remove)\n", encoding="utf-8")
    mend_list(tmp_path / "copy", "~/labels.csv")
    assert read_label_list("~/labels.csv")[one["id"]].label is None
    assert ",(remove)," in (tmp_path / "labels.csv").read_text(encoding="utf-8-sig")


def test_folds_stay_until_what_they_say_is_kept(made, tmp_path, monkeypatch):
    shutil.copytree(made[0].path, tmp_path / "copy")
    copy = Run.open(tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr(label_errors, "search_labels", lambda *_, **__: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            find_run_label_errors(copy, folds=2)
    assert (copy.path / "label-folds" / "2-of-2" / "model.safetensors").exists()
    trained = label_errors.learn
    monkeypatch.setattr(label_errors, "learn", lambda run, *a, **k: trained(run, *a, **k) if is_trained(run) else None)
    path = tmp_path / "labels.csv"
    with monkeypatch.context() as patch:  # as where a spreadsheet holds the list
        patch.setattr(LabelErrors, "write", lambda *_, **__: pytest.fail("not written"))
        with pytest.raises(pytest.fail.Exception):
            mend_list(copy, path, folds=2)
    assert (copy.path / "label-folds").exists()
    assert mend_list(copy, path, folds=2).count == 240
    assert not (copy.path / "label-folds").exists()


def test_a_part_of_a_run_is_no_run_to_search(made, tmp_path):
    shutil.copytree(made[0].path, tmp_path / "run")
    shutil.copytree(made[0].path, tmp_path / "run" / "baselines" / "softmax")
    (tmp_path / "run" / "baselines" / "softmax" / "evaluation.json").unlink()
    with pytest.raises(RunCorruptError, match="is a part of the run"):
        mend_list(tmp_path / "run" / "baselines" / "softmax", tmp_path / "labels.csv")
