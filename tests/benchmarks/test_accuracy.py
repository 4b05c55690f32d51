import json

import numpy as np
import pytest
from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy.cells import SETTINGS, Training, table
from benchmarks.accuracy.tellapart_peer import arguments, command, parameters, read_run
from benchmarks.harness.cells import Cells
from benchmarks.harness.result import PeerError

from tellapart.nets import build_net
from tellapart.recipe import Recipe

FIGURES = {
    "parameters": 88_375.0, "epochs": 4.0, "validation_accuracy": 0.9, "test_accuracy": 0.8,
    "calibration_error": 0.01, "wall_s": 12.0, "others_share": 0.0,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, own_page):
    own_page(accuracy)
    return tmp_path


def test_cells_are_filled_one_by_one_and_not_twice(folder, monkeypatch, capsys):
    trained = []

    def train(one, source):
        trained.append(str(one))
        return {**FIGURES, "test_accuracy": 0.8 + 0.1 * one.seed}

    monkeypatch.setattr(accuracy, "train", train)
    asked = ["--data", "fashion-mnist=fashion-mnist", "--setting", "1m"]
    assert accuracy.main([*asked, "--seeds", "1"]) == 0
    assert "| fashion-mnist | --time 1m | 1 |" in (folder / "README.md").read_text("utf-8")
    assert accuracy.main([*asked, "--seeds", "2"]) == 0
    assert trained == ["fashion-mnist, 1m, seed 0", "fashion-mnist, 1m, seed 1"]
    page = (folder / "README.md").read_text("utf-8")
    assert "85.00 ± 7.07" in page
    assert "former" not in page
    assert accuracy.main([*asked, "--seeds", "1", "--again"]) == 0
    assert len(trained) == 3
    capsys.readouterr()


def test_a_training_that_fails_ends_it_and_what_was_measured_stays(folder, monkeypatch, capsys):
    def train(one, source):
        if one.seed:
            raise PeerError("it broke")
        return FIGURES

    monkeypatch.setattr(accuracy, "train", train)
    assert accuracy.main(["--data", "mnist=mnist", "--setting", "default", "--seeds", "2"]) == 1
    assert "it broke" in capsys.readouterr().err
    assert Cells(folder, table=table).has(str(Training("mnist", "default", 0)))


@pytest.mark.parametrize("text", ["mnist", "cifar=there"])
def test_data_is_a_known_name_and_a_source(text, capsys):
    with pytest.raises(SystemExit):
        accuracy.main(["--data", text])
    assert "NAME=SOURCE" in capsys.readouterr().err


def test_the_command_is_what_a_person_types(tmp_path):
    more = list(SETTINGS["5m"])
    typed = command("mnist", tmp_path, seed=3, more=more)
    assert typed[1:] == ["train", "mnist", "--out", str(tmp_path), "--seed", "3", "--drop-leaks", "--time", "5m"]


@pytest.mark.parametrize("more", [[], ["--time", "1m"], ["--recipe", "small.toml", "--epochs", "2"]])
def test_what_stands_behind_two_dashes_is_for_the_training(more):
    options = arguments(["digits", "--seed", "3", "--", *more])
    assert (options.source, options.seed, options.more) == ("digits", 3, more)


def test_the_small_network_has_fewer_than_100_000_parameters():
    recipe = Recipe.load(SETTINGS["small"][1])
    net = build_net(recipe.net.name, outputs=10, channels=1, image_size=(28, 28), options=recipe.net.options)
    assert sum(parameter.numel() for parameter in net.parameters()) < 100_000


def test_a_run_folder_is_read_and_its_parameters_counted(tmp_path):
    from safetensors.numpy import save_file

    tensors = {"head.weight": np.zeros((3, 4), np.float32), "norm.running_mean": np.zeros(7, np.float32)}
    tensors["novelty.embeddings"] = np.zeros((5, 9), np.float32)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"tellapart": "{}"})
    assert parameters(tmp_path / "model.safetensors") == 12
    line = {"epoch": 1, "seconds": 2.0, "train_pictures_per_second": 10.0}
    (tmp_path / "history.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "training.json").write_text('{"best_epoch": 1}')
    figures = {"figures": {"accuracy": {"value": 0.9}, "calibration_error": {"value": 0.02}}}
    (tmp_path / "evaluation.json").write_text(json.dumps({"splits": {"validation": figures, "test": figures}}))
    read = read_run(tmp_path)
    assert (read["test_accuracy"], read["calibration_error"], read["parameters"], read["best_epoch"]) == (
        0.9, 0.02, 12.0, 1.0,
    )  # fmt: skip


def test_settings_that_are_for_some_sets_are_not_trained_on_others(folder, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(accuracy, "train", lambda one, source: trained.append(str(one)) or FIGURES)
    sets = ["--data", "hwdb55=a", "--data", "mnist=b", "--data", "fashion-mnist=c"]
    assert accuracy.main([*sets, "--seeds", "1"]) == 0
    assert [one for one in trained if "16m" in one or "small" in one] == [
        "hwdb55, 16m, seed 0", "fashion-mnist, small, seed 0",
    ]  # fmt: skip
    trained.clear()
    assert accuracy.main(["--data", "mnist=b", "--setting", "16m", "--seeds", "1"]) == 0
    assert trained == ["mnist, 16m, seed 0"]
    capsys.readouterr()


def test_trainings_of_two_processors_are_two_rows_and_one_of_all():
    cells = [
        {"name": "mnist", "setting": "1m", "seed": seed, "where": f"2026-01-0{seed + 1}, {chip}, 2 cores",
         "figures": {**FIGURES, "test_accuracy": 0.9 + seed / 100}}
        for seed, chip in enumerate(["slow", "fast", "slow"])
    ]  # fmt: skip
    rows = table(cells).splitlines()[2:]
    assert [row.split(" | ")[2] for row in rows] == ["1", "2", "3"]
    assert "91.00" in rows[0]
    assert "91.00 ± 1.41" in rows[1]
    assert rows[1].endswith("| 2026-01-01, slow; 2026-01-03, slow |")
    assert "91.00 ± 1.00" in rows[2]
    assert rows[2].endswith("| all of the 2 rows above |")


def test_two_processors_of_one_name_that_compute_differently_are_two_rows():
    cells = [
        {"name": "mnist", "setting": "1m", "seed": seed, "where": f"2026-01-01, chip, 2 cores, {can}; Linux",
         "figures": FIGURES}
        for seed, can in enumerate(["23.5 GiB, avx2", "23.5 GiB, avx2, avx512f", "23.4 GiB, avx2"])
    ]  # fmt: skip
    assert sorted(row.split(" | ")[2] for row in table(cells).splitlines()[2:]) == ["1", "2", "3"]
