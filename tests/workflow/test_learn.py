"""One network, from its recipe to a model file."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tellapart.classifier import Classifier
from tellapart.errors import ModelFileError, OutOfMemoryError, RecipeError
from tellapart.evaluation import Predictions, evaluate, fit_temperature
from tellapart.images import open_dataset
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset, Splits
from tellapart.images.decode import as_pixels
from tellapart.images.preprocessing import Preprocessing
from tellapart.nets import build_net
from tellapart.nets.weights import find_weights, load_weights
from tellapart.progress import Mute, Progress
from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.training import memory
from tellapart.training.last_layer import fit_head
from tellapart.workflow import learn, train
from tellapart.workflow.held_out import predict_held_out
from tellapart.workflow.main_job import check_nets
from tellapart.workflow.novelty import looked_at
from tellapart.workflow.prepare import Prepared, prepare

MIB = 2**20


def test_too_little_memory_gives_a_batch_size_that_fits(good, tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(memory, "available_memory", lambda: 24 * MIB)
    recipe = Recipe.make(
        data={"image_size": (128, 128)}, net={"name": "convnet16"}, baselines=(),
        training={"batch_size": 100_000, "epochs": 1, "precision": "float32"},
    )  # fmt: skip
    with pytest.raises(OutOfMemoryError, match=r"one step of 19 pictures needs .* are free") as raised:
        train(good, recipe, out=tmp_path / "run")
    advised = int(re.search(r"--batch-size (\d+)", str(raised.value))[1])
    assert 1 <= advised < 19


def test_a_baseline_of_large_pictures_says_of_a_file_what_was_measured(pictures, tmp_path):
    photos = pictures(tmp_path / "photos", ("a", "b"), count=10, size=(150, 131))
    recipe = Recipe.make(
        data={"image_size": (110, 100)}, net={"name": "softmax"}, training={"epochs": 1, "threads": 1},
        baselines=("softmax",),
    )  # fmt: skip
    run = train(photos, recipe, out=tmp_path / "run", explain=False).sub("baselines/softmax")
    baseline = Classifier.load(run.path)
    assert baseline.preprocessing.averaged_from == (110, 100)
    assert baseline.preprocessing.image_size == (55, 50)
    measured = Predictions.load(run.path / "predictions" / "validation.npz")
    dataset = open_dataset(photos)
    at = [dataset.ids.tolist().index(one) for one in measured.ids]
    pixels = np.stack([baseline.preprocessing.resized(dataset.images.load(row).pixels) for row in at])
    np.testing.assert_allclose(baseline.logits(pixels), measured.logits, rtol=1e-4, atol=1e-5)


def test_strips_of_few_rows_have_a_baseline(good, tmp_path):
    recipe = Recipe.make(
        data={"image_size": (6, 4000)}, net={"name": "softmax"}, training={"epochs": 1, "threads": 1},
        baselines=("softmax",),
    )  # fmt: skip
    run = train(good, recipe, out=tmp_path / "run", explain=False)
    assert Classifier.load(run.sub("baselines/softmax").path).preprocessing.image_size == (6, 4000)


def test_the_averaged_weights_that_were_judged_are_the_models(good, tmp_path):
    recipe = Recipe.make(
        data={"image_size": (8, 8)}, net={"name": "softmax"}, baselines=(),
        training={"epochs": 3, "threads": 1, "schedule": "constant", "averaging": 0.9, "transfer": "none"},
    )  # fmt: skip
    run = train(good, recipe, out=tmp_path / "run", explain=False)
    best = next(one for one in run.history if one["epoch"] == run.load("training")["best_epoch"])
    found = evaluate(Predictions.load(run.path / "predictions" / "validation.npz"))
    assert found["loss"].value == pytest.approx(best["validation_loss"], rel=1e-4)


def test_a_baseline_that_the_pictures_are_too_small_for_is_left_out(good, tmp_path):
    recipe = Recipe.make(
        data={"image_size": (12, 12)}, net={"name": "softmax"}, training={"epochs": 1, "threads": 1},
        baselines=("lenet5",),
    )  # fmt: skip
    heard = []
    progress = type("Heard", (Progress,), {"warn": lambda _, sentence: heard.append(sentence)})()
    run = train(good, recipe, out=tmp_path / "run", explain=False, progress=progress)
    assert run.status["state"] == "done"
    assert [one for one in heard if one.startswith("the baseline lenet5 is left out: image_size must be at least")]


def test_a_file_of_weights_is_found_from_any_folder(good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(find_weights("efficientnet_lite0", offline=True), "own.pth")
    recipe = Recipe.make(
        net={"name": "efficientnet_lite0", "weights": "own.pth"}, training={"transfer": "features"}, baselines=()
    )
    run = train(good, recipe, out=tmp_path / "run", explain=False)
    assert run.recipe.net.weights == str(tmp_path / "own.pth")


def test_weights_that_are_not_there_are_said_before_any_picture_is_read():
    with pytest.raises(ModelFileError, match="there are no weights at 'nowhere"):
        check_nets(Recipe.make(net={"weights": "nowhere.pth"}))


@pytest.mark.parametrize(
    ("sections", "classes", "reason"),
    [
        ({"net": {"options": {"widht": 8}}}, None, "did you mean 'width'"),
        ({"net": {"sigmoid": True}}, 3, "net.sigmoid is for two classes, and there are 3"),
        ({"training": {"early_stopping": {"monitor": "top5"}}}, 5, "'top5' is always 1 with 5 classes"),
        ({"training": {"precision": "float16", "device": "cpu"}}, None, "precision = 'float16' is for cuda"),
    ],
)
def test_what_cannot_be_is_said_before_any_picture_is_read(sections, classes, reason):
    with pytest.raises(RecipeError, match=reason):
        check_nets(Recipe.make(**sections), classes=classes)


def test_options_of_either_network_that_may_be_chosen_are_taken():
    check_nets(Recipe.make(net={"options": {"width": 8}}))
    check_nets(Recipe.make(net={"options": {"dropout": 0.3}}))


def test_weights_of_another_network_are_said_before_any_picture_is_read(tmp_path):
    torch.save(build_net("compact", outputs=3, image_size=(28, 28)).state_dict(), tmp_path / "own.pth")
    with pytest.raises(ModelFileError, match="are of another network than 'efficientnet_lite0'"):
        check_nets(Recipe.make(net={"weights": str(tmp_path / "own.pth")}))


def test_a_baseline_computes_where_the_network_does(pictures, tmp_path):
    photos = pictures(tmp_path / "photos", ("a", "b"), count=10)
    recipe = Recipe.make(
        net={"name": "softmax"}, training={"epochs": 1, "threads": 1, "device": "cpu"}, baselines=("softmax",)
    )
    run = train(photos, recipe, out=tmp_path / "run", explain=False)
    assert run.sub("baselines/softmax").recipe.training.device == "cpu"


@pytest.mark.parametrize(
    ("transfer", "moved"), [("frozen", {"head"}), ("finetune", {"block7", "neck", "head"}), ("features", {"head"})]
)
def test_each_way_of_transfer_moves_its_own_stages_and_knows_the_pictures(
    pictures, tmp_path, monkeypatch, transfer, moved
):
    monkeypatch.setattr(learn, "_scores", lambda net, features, task: None)  # however good the learnt last layer is
    photos = pictures(tmp_path / "photos", ("a", "b"), count=20, size=(64, 64))
    epochs = {} if transfer == "features" else {"epochs": 1}
    recipe = Recipe.make(
        data={"image_size": (64, 64)}, net={"name": "efficientnet_lite0"}, baselines=(),
        training={"transfer": transfer, "threads": 1, **epochs},
    )  # fmt: skip
    run = train(photos, recipe, out=tmp_path / transfer, explain=False)
    net = Classifier.load(run.path).net
    published = build_net("efficientnet_lite0", outputs=2, image_size=(64, 64))
    load_weights(published, "efficientnet_lite0", offline=True)
    changed = {
        name
        for (name, stage), (_, before) in zip(net.stages().items(), published.stages().items(), strict=True)
        if any(not torch.equal(one, other) for one, other in zip(stage.parameters(), before.parameters(), strict=True))
    }
    assert changed == moved
    kept = dict(net.named_buffers())  # of batch normalisation: a million pictures' statistics
    assert all(torch.equal(kept[name], value) for name, value in published.named_buffers())
    assert run.load("evaluation")["splits"]["validation"]["figures"]["accuracy"]["value"] == 1.0
    assert len(run.history) == len(epochs)


@pytest.fixture
def unlike(pictures, tmp_path):
    """Return photographs of two classes that a pretrained network's features tell apart, and a short recipe."""
    photos = pictures(tmp_path / "photos", ("a", "b"), count=20, size=(64, 64))
    recipe = Recipe.make(
        data={"image_size": (64, 64)}, net={"name": "efficientnet_lite0"}, baselines=(),
        training={"transfer": "features", "threads": 1},
    )  # fmt: skip
    return photos, recipe


def test_a_fine_tuning_that_makes_nothing_better_keeps_the_learnt_last_layer(unlike, tmp_path):
    photos, recipe = unlike
    features = train(photos, recipe, out=tmp_path / "features", explain=False)
    worse = recipe.changed(training={"transfer": "finetune", "epochs": 1, "optimizer": {"learning_rate": 10.0}})
    run = train(photos, worse, out=tmp_path / "worse", explain=False)
    assert run.load("training")["best_epoch"] == 0
    assert len(run.history) == 1
    assert run.history[0]["validation_loss"] > 1
    said, before = (Predictions.load(one.path / "predictions" / "test.npz") for one in (run, features))
    np.testing.assert_allclose(said.logits, before.logits, atol=1e-3)
    assert "the weights of the beginning, with the last layer learnt alone, are kept" in (
        (run.path / "report.html").read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("novelty", [True, False])
def test_what_is_said_after_a_fine_tuning_is_what_the_classifier_says(unlike, tmp_path, novelty):
    photos, recipe = unlike
    recipe = recipe.changed(training={"transfer": "finetune", "epochs": 1}, data={"source": str(photos)})
    prepared = prepare(Run.create(tmp_path / "run", recipe), open_dataset(photos))
    net = learn.start_net(prepared.recipe, learn.task_of(prepared)).eval()
    classifier = Classifier(net, learn.describe(prepared))
    said, embedded = predict_held_out(classifier, prepared, ("test", "validation"), novelty=novelty)
    for name, predictions in said.items():
        at = prepared.splits[name]
        assert predictions.ids.tolist() == prepared.dataset.ids[at].tolist()
        np.testing.assert_allclose(predictions.logits, classifier.logits(prepared.pixels[at]), atol=2e-3)
    if novelty:
        at = np.concatenate(looked_at(prepared))[::-1]
        np.testing.assert_allclose(embedded(at), classifier.embeddings(prepared.pixels[at]), atol=2e-3)


def test_validation_alone_sets_the_temperature_and_the_limit_of_novelty(trained, good):
    classifier = Classifier.load(trained)
    said = Predictions.load(trained / "predictions" / "validation.npz")
    assert classifier.description.temperature == pytest.approx(fit_temperature(said).temperature)
    pixels = np.stack([classifier.preprocessing.resized(as_pixels(good / name)) for name in said.ids.tolist()])
    expected = np.sort(classifier.novelty.scores(classifier.embeddings(pixels)))
    assert classifier.novelty.count == len(said)
    np.testing.assert_allclose(classifier.novelty.held_out, expected, atol=1e-4)


def test_the_penalty_is_chosen_with_copies_on_one_side(unlike, tmp_path, monkeypatch):
    photos, recipe = unlike
    for number in range(6):
        shutil.copy(photos / "a" / f"{number}.png", photos / "a" / f"copy{number}.png")
    asked, made = [], learn.fit_head
    monkeypatch.setattr(learn, "fit_head", lambda *a, **k: asked.append(k["groups"]) or made(*a, **k))
    train(photos, recipe, out=tmp_path / "run", explain=False)
    assert len(np.unique(asked[0])) < len(asked[0])


@pytest.mark.parametrize("transfer", ["features", "frozen"])
def test_rare_classes_weigh_more_in_a_learnt_last_layer_too(transfer, tmp_path):
    labels = np.array([0, 0, 0, 1] * 12)
    pixels = np.random.default_rng(0).integers(0, 200, (48, 4, 4, 1), dtype=np.uint8)
    pixels += (30 * labels).astype(np.uint8)[:, None, None, None]
    dataset = Dataset(np.arange(48).astype(str), ArrayImages(pixels), labels, class_names=("often", "rare"))
    splits = Splits(train=range(36), validation=range(36, 42), test=range(42, 48))
    recipe = Recipe.make(
        data={"image_size": (4, 4), "channels": 1}, net={"name": "softmax"},
        training={"transfer": transfer, "class_weights": "balanced", "threads": 1},
    )  # fmt: skip
    spec = Preprocessing(image_size=(4, 4), channels=1, mean=(0.5,), std=(0.3,))
    audit = SimpleNamespace(repeats=SimpleNamespace(family=np.arange(48)))
    prepared = Prepared(dataset, splits, audit, pixels, recipe, spec, tmp_path / "pixels.npy", {}, None)
    net = learn.start_net(recipe, learn.task_of(prepared))
    features, _ = learn._set_learnt_head(net, prepared, progress=Mute())
    weighted, plain = (
        fit_head(features[:36], labels[:36], classes=2, class_weights=weights, threads=1)
        for weights in (torch.tensor([2 / 3, 2.0]), None)
    )
    assert torch.allclose(net.head.bias, weighted.bias, atol=1e-4)
    assert not torch.allclose(net.head.bias, plain.bias, atol=0.1)
