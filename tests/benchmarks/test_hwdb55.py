import argparse
import json

import pytest
from benchmarks.hwdb55 import __main__ as hwdb55
from benchmarks.hwdb55.tellapart_peer import command, read_run

from tellapart.recipe import Recipe


@pytest.mark.parametrize(("net", "peers"), [("softmax", 2), ("convnet16", 3)])
def test_both_sides_get_the_same_pictures(monkeypatch, tmp_path, net, peers):
    monkeypatch.setattr(hwdb55, "unpacked", lambda data, name: tmp_path)
    (comparison,) = hwdb55.comparisons(argparse.Namespace(data=tmp_path, net=[net], epochs=2))
    assert len(comparison.peers) == peers
    assert all(str(tmp_path) in peer.arguments for peer in comparison.peers)
    assert comparison.peers[0].variables["TF_ENABLE_ONEDNN_OPTS"] == "1"


@pytest.mark.parametrize("net", ["softmax", "convnet16"])
def test_the_recipe_files_are_the_course_s(net):
    recipe = Recipe.load(hwdb55.FOLDER / f"course-{net}.toml")
    assert recipe.net.name == net
    assert (recipe.data.image_size, recipe.data.resample, recipe.data.channels) == ((80, 60), "lanczos", 1)
    training = recipe.training
    assert (training.optimizer.name, training.optimizer.learning_rate, training.batch_size) == ("adam", 0.001, 128)
    assert (training.schedule, training.epochs, training.early_stopping.patience) == ("constant", 100, 15)
    assert training.augment.parts() == {}
    assert (training.precision, training.label_smoothing, training.averaging) == ("float32", 0, 0)
    assert training.early_stopping.monitor == "accuracy"
    assert (recipe.data.validation_fraction, recipe.data.split_seed) == (0.2, 123)


def test_our_default_is_told_nothing(tmp_path):
    typed = command(tmp_path, "default", tmp_path / "run", epochs=3, seed=1)
    assert typed[2:] == [str(tmp_path), "--out", str(tmp_path / "run"), "--seed", "1"]
    assert command(tmp_path, "course-softmax", tmp_path / "run", epochs=3, seed=0)[-2:] == ["--epochs", "3"]


def test_a_run_folder_is_read(tmp_path):
    speeds = [10.0, 100.0, 120.0, 110.0]
    lines = [
        json.dumps({"epoch": i + 1, "seconds": 2.5, "train_pictures_per_second": speed})
        for i, speed in enumerate(speeds)
    ]
    (tmp_path / "history.jsonl").write_text("\n".join(lines) + "\n")
    figures = {"figures": {"accuracy": {"value": 0.9}, "top_5": {"value": 0.99}}}
    (tmp_path / "evaluation.json").write_text(json.dumps({"splits": {"validation": figures, "test": figures}}))
    assert read_run(tmp_path) == {
        "epochs": 4.0,
        "train_s": 10.0,
        "images_per_s": 110.0,
        "validation_accuracy": 0.9,
        "validation_top5": 0.99,
        "test_accuracy": 0.9,
        "test_top5": 0.99,
    }
