"""What a resumed run takes up, and what stops a run before it trains."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tellapart.classifier import Classifier
from tellapart.errors import ClassMismatchError, LeakError, RecipeError, RunCorruptError, SourceError
from tellapart.evaluation import Predictions
from tellapart.images import open_dataset, reading
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset, Splits
from tellapart.progress import Progress
from tellapart.recipe import DataRecipe, Recipe
from tellapart.run import Run
from tellapart.workflow import resume, train
from tellapart.workflow.prepare import (
    check_all_train,
    load_or_make_splits,
    open_run_source,
    open_source,
    sample_facts,
)

QUICK = {"net": {"name": "softmax"}, "training": {"epochs": 1}, "baselines": ()}


class Heard(Progress):
    def __init__(self):
        self.sentences = []

    def say(self, sentence):
        self.sentences.append(sentence)

    warn = say


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))


def test_a_recipe_without_pictures():
    with pytest.raises(RecipeError, match="names no pictures"):
        open_source(DataRecipe())


def test_a_class_that_no_picture_trains():
    images = ArrayImages(np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4))
    dataset = Dataset(list("uvwxyz"), images, [0, 0, 1, 1, 2, 2], class_names=("a", "b", "c"))
    whole = Splits(train=np.array([0, 2, 4]), validation=np.array([1, 3]), test=np.array([5]))
    check_all_train(dataset, whole)
    lacking = Splits(train=np.array([0, 2]), validation=np.array([1, 3]), test=np.array([4, 5]))
    with pytest.raises(ClassMismatchError, match=r"test pictures have classes .* 'c'"):
        check_all_train(dataset, lacking)
    twins = dataclasses.replace(dataset, class_names=("cat", "dog", "Cat "))
    with pytest.raises(ClassMismatchError, match=r"named right: 'Cat ' \(train has 'cat'\): add training pictures"):
        check_all_train(twins, lacking)


@pytest.fixture
def sizes(tmp_path):
    """Return a function that gives how many of 200 pictures each split has, by the source and the recipe."""
    images = ArrayImages(np.zeros((200, 2, 2), dtype=np.uint8))
    plain = Dataset(np.arange(200).astype(str), images, [0, 1] * 100, class_names=("a", "b"), name="photos")

    def split(given=None, **data):
        everything, dataset = np.arange(200), dataclasses.replace(plain, given_split=given)
        run, recipe = Run(tmp_path), DataRecipe(**data)
        splits = load_or_make_splits(run, dataset, recipe, readable=everything, together=everything)
        return tuple(map(len, splits.values()))

    return split


def test_the_shares_of_the_splits_are_the_recipe_s_or_the_usual_ones(sizes):
    assert sizes() == (136, 34, 30), "15% test, and 20% of the others validate"
    assert sizes(validation_fraction=0.5, test_fraction=0.3) == (70, 70, 60)
    assert sizes(test_fraction=0.0) == (160, 40, 0)


@pytest.mark.parametrize(("brought", "made"), [("validation", "test"), ("test", "validation")])
def test_a_share_of_what_the_source_brings_is_an_error_and_one_of_what_it_does_not_bring_is_taken(sizes, brought, made):
    given = ["train"] * 160 + [brought] * 40
    assert sorted(sizes(given, **{f"{made}_fraction": 0.5})) == [40, 80, 80]
    with pytest.raises(RecipeError, match=f"{brought}_fraction = 0.5 would be ignored: 'photos' brings its own"):
        sizes(given, **{f"{brought}_fraction": 0.5})


def test_a_seed_of_splits_that_the_source_brings_is_an_error(sizes):
    given = ["train"] * 100 + ["validation"] * 50 + ["test"] * 50
    assert sizes(given) == (100, 50, 50)
    with pytest.raises(RecipeError, match=r"split_seed = 3 would be ignored: 'photos' brings its validation and test"):
        sizes(given, split_seed=3)


def test_dropped_leaks_are_remembered_by_a_resumed_run(pictures, tmp_path):
    source = tmp_path / "leaky"
    pictures(source / "train", count=10)
    pictures(source / "test", count=6, seed=1)
    shutil.copy(source / "train" / "a" / "0.png", source / "test" / "a" / "copy.png")
    heard = Heard()
    run = train(source, Recipe.make(data={"leaks": "drop"}, **QUICK), out=tmp_path / "run", progress=heard)
    assert any("taken out of train" in sentence for sentence in heard.sentences)
    before = {name: run.read_text(name) for name in ("evaluation.json", "audit.json", "splits.json", "leaks.json")}
    leaks = {"found": 1, "between": {"train-test": 1}, "answer": "drop", "dropped": 1}
    assert run.load("evaluation")["leaks"] == leaks
    run.mark("running")
    (run.path / "evaluation.json").unlink()
    resume(run.path)
    assert {name: run.read_text(name) for name in before} == before


def test_a_resumed_run_stops_where_labels_have_changed(pictures, tmp_path):
    photos = pictures(tmp_path / "photos")
    table = tmp_path / "table.csv"
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in sorted(photos.rglob("*.png"))]
    table.write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    run = train(table, Recipe.make(**QUICK), out=tmp_path / "run")
    run.mark("running")
    table.write_text(table.read_text(encoding="utf-8").replace("a/0.png,a", "a/0.png,b"), encoding="utf-8")
    with pytest.raises(RunCorruptError, match="or their labels, have changed"):
        resume(run.path)


def test_a_table_that_is_a_link_names_pictures_beside_the_link(pictures, tmp_path):
    photos = pictures(tmp_path / "photos")
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in sorted(photos.rglob("*.png"))]
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "4f2a").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    (tmp_path / "table.csv").symlink_to(tmp_path / "store" / "4f2a")
    run = train(tmp_path / "table.csv", Recipe.make(**QUICK), out=tmp_path / "run")
    assert run.recipe.data.source == str(tmp_path / "table.csv")


def test_a_run_goes_on_with_pictures_that_were_moved_and_not_with_others(pictures, tmp_path):
    photos = pictures(tmp_path / "photos")
    run = train(photos, Recipe.make(**QUICK), out=tmp_path / "run")
    before = run.read_text("evaluation.json")
    run.mark("running")
    (run.path / "evaluation.json").unlink()
    for path in sorted(photos.rglob("*.png")):  # a copy has other times
        copied = tmp_path / "external" / path.relative_to(photos)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(path.read_bytes())
    shutil.rmtree(photos)
    run.save_recipe(run.recipe.changed(data={"source": str(tmp_path / "external")}))
    resume(run.path)
    assert run.read_text("evaluation.json") == before
    first, second = sorted((tmp_path / "external").rglob("*.png"))[:2]
    first.write_bytes(second.read_bytes())
    run.mark("running")
    with pytest.raises(RunCorruptError, match="or their labels, have changed"):
        resume(run.path)


def test_what_the_audit_warns_of_is_said(pictures, tmp_path):
    source = pictures(tmp_path / "photos")
    (source / "a" / "broken.png").write_bytes(b"no picture")
    (source / "a" / "notes.txt").write_text("dear diary", encoding="utf-8")
    heard = Heard()
    train(source, Recipe.make(**QUICK), out=tmp_path / "run", progress=heard)
    assert any("cannot be read, such as 'a/broken.png'" in sentence for sentence in heard.sentences)
    assert any("1 .txt" in sentence for sentence in heard.sentences)


def test_a_failure_keeps_a_resumed_run(pictures, tmp_path, monkeypatch):
    source = pictures(tmp_path / "photos")
    run = train(source, Recipe.make(**QUICK), out=tmp_path / "run")
    run.mark("running")
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "file").touch()
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ValueError, match="cannot be written"):
        resume(run.path)
    assert Run.open(run.path).status["state"] == "failed"
    assert (run.path / "model.safetensors").exists()


def test_copies_stand_on_one_side_of_made_splits_and_of_folds(pictures, tmp_path):
    photos = pictures(tmp_path / "photos", count=20)
    for number in range(10):
        shutil.copy(photos / "a" / f"{number}.png", photos / "a" / f"copy{number}.png")
    run = train(photos, Recipe.make(**QUICK, folds=3), out=tmp_path / "run")
    sides = [set(run.load("splits")[name]) for name in ("train", "validation", "test")]
    sides += [
        set(Predictions.load(run.path / f"folds/{n}/predictions/{name}.npz").ids.tolist())
        for n in (1, 2, 3)
        for name in ("validation", "test")
    ]
    for side in sides:
        assert all((f"a/{number}.png" in side) == (f"a/copy{number}.png" in side) for number in range(10))


def test_the_normalisation_is_that_of_the_training_pictures(tmp_path):
    rng = np.random.default_rng(0)
    shape = (60, 8, 8)
    parts = {"train": (0, 120), "validation": (100, 160), "test": (200, 240)}  # each split of other tones
    arrays = {f"x_{name}": rng.integers(*tones, shape, dtype=np.uint8) for name, tones in parts.items()}
    labels = {f"y_{name}": np.arange(60) % 2 for name in parts}
    np.savez(tmp_path / "tones.npz", **arrays, **labels)
    run = train(tmp_path / "tones.npz", Recipe.make(**QUICK), out=tmp_path / "run", explain=False)
    found = Classifier.load(run.path).preprocessing
    pixels = arrays["x_train"] / 255
    assert (found.mean[0], found.std[0]) == pytest.approx((pixels.mean(), pixels.std()), rel=1e-3)


def test_leaks_that_would_leave_nothing_to_validate_on_are_said(pictures, tmp_path):
    source = tmp_path / "leaky"
    pictures(source / "train", count=10)
    pictures(source / "test", count=6, seed=1)
    shutil.copytree(source / "test", source / "validation")
    recipe = Recipe.make(data={"leaks": "drop"}, **QUICK)
    with pytest.raises(LeakError, match=r"would leave no validation pictures: .* a part of the training p"):
        train(source, recipe, out=tmp_path / "run")
    shutil.rmtree(source / "validation")
    assert len(train(source, recipe, out=tmp_path / "run").load("splits")["validation"])


def test_a_bundled_name_is_no_folder_of_that_name_where_a_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = Recipe.make(net={"name": "softmax"}, training={"epochs": 1}, baselines=[])
    run = train("digits", recipe, out="digits")  # the run itself is a folder of that name
    run.mark("running")
    assert resume("digits").status["state"] == "done"
    assert len(open_run_source(run)) == 1797
    with pytest.raises(SourceError):  # what a person types may be a path
        train("digits", recipe, out="second")
    again = train(None, run.recipe, out="third")  # what a recipe names is what it named
    assert again.load("data")["pictures"] == 1797


def test_a_run_that_began_without_a_picture_goes_on_without_it(pictures, tmp_path, monkeypatch):
    photos = pictures(tmp_path / "photos")
    opened, failing = os.open, str(photos / "a" / "3.png")

    def gone(path, *more, **options):
        if path == failing:
            raise OSError(5, "Input/output error")
        return opened(path, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", gone)
        run = train(photos, Recipe.make(**QUICK), out=tmp_path / "run")
    before = run.read_text("splits.json")
    assert '"a/3.png"' not in before
    run.mark("running")
    assert resume(run.path).status["state"] == "done"
    assert run.read_text("splits.json") == before
    fresh = train(photos, Recipe.make(**QUICK), out=tmp_path / "fresh")
    assert '"a/3.png"' in fresh.read_text("splits.json")


def test_the_background_lies_under_every_picture_that_is_looked_at(tmp_path):
    for name in "ab":
        (tmp_path / "logos" / name).mkdir(parents=True)
        Image.new("LA", (20, 20), (255, 0)).save(tmp_path / "logos" / name / "0.png")
    for background in (255, 0):
        dataset = open_source(DataRecipe(source=str(tmp_path / "logos"), background=background))
        assert dataset.images.load(0).pixels.max() == background
        assert sample_facts(dataset)["brightness"].max() == pytest.approx(background)


def test_large_pictures_are_looked_at_by_several_processes_with_the_same_result(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(9):
            shape = (30 + number, 20 + number)
            Image.fromarray(np.full(shape, 10 * number, np.uint8)).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "a" / "3.png").write_bytes(b"none")
    dataset = open_dataset(tmp_path / "photos")
    alone = sample_facts(dataset)
    monkeypatch.setattr(reading, "LARGE", 1)
    monkeypatch.setattr(reading, "usable_processors", lambda: 3)
    together = sample_facts(dataset)
    assert len(alone) == 17
    assert (alone == together).all()


def test_a_background_that_an_array_s_transparency_would_ignore_is_refused(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 4), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", X=pixels, y=np.arange(20) % 2)
    data = Recipe.make(data={"source": str(tmp_path / "a.npz"), "background": 0}).data
    with pytest.raises(RecipeError, match="background = 0 would be ignored: transparency in an array is laid over w"):
        open_source(data)
