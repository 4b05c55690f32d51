import subprocess
import sys

import numpy as np
import pytest
from benchmarks.harness.cells import Cells
from benchmarks.harness.question import ROOT
from benchmarks.harness.result import PeerError
from benchmarks.settings import __main__ as settings
from benchmarks.settings.peer import VERSIONS, arguments, command, extreme, moved, shifted
from benchmarks.settings.questions import LOOKS, QUESTIONS
from scipy.ndimage import grey_dilation, grey_erosion, shift

from tellapart.recipe import Recipe

FIGURES = {"accuracy": 0.9, "loss": 0.2, "train_s": 12.0, "learning_rate": 0.01}


@pytest.fixture
def folder(tmp_path, own_page):
    own_page(settings)
    return tmp_path


def test_each_row_has_its_trainings_and_none_is_made_twice(folder, monkeypatch, capsys):
    trained = []

    def train(one, source):
        trained.append((one.row, one.seed))
        return {**FIGURES, "accuracy": 0.9 + 0.01 * one.seed, **dict.fromkeys(LOOKS, 0.5)}

    monkeypatch.setattr(settings, "train", train)
    asked = ["--data", "hwdb55=there", "--question", "stroke-width", "--jobs", "1"]
    assert settings.main([*asked, "--seeds", "2"]) == 0
    rows = list(QUESTIONS["stroke-width"].rows)
    assert sorted(trained) == sorted((row, seed) for row in rows for seed in (0, 1))
    page = (folder / "README.md").read_text("utf-8")
    assert f"| {rows[0]} | 2 | 90.50 ± 0.71 | 0.2000 | 12 | 50.00 | 50.00 |" in page
    assert "strokes thicker" in page
    assert settings.main([*asked, "--seeds", "2"]) == 0
    assert len(trained) == 2 * len(rows)
    capsys.readouterr()


def test_one_that_fails_is_said_and_the_others_are_kept(folder, monkeypatch, capsys):
    def train(one, source):
        if one.row == "up to 0.2":
            raise PeerError("it broke")
        return {**FIGURES, **dict.fromkeys(LOOKS, 0.5)}

    monkeypatch.setattr(settings, "train", train)
    asked = ["--data", "hwdb55=there", "--question", "stroke-width", "--seeds", "1"]
    assert settings.main(asked) == 1
    assert "it broke" in capsys.readouterr().err
    kept = Cells(folder, table=settings.table)
    assert kept.has("stroke-width, without, seed 0")
    assert not kept.has("stroke-width, up to 0.2, seed 0")


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_row_is_a_command_that_train_takes(name, monkeypatch, tmp_path, call):
    question, seen = QUESTIONS[name], []
    monkeypatch.setattr("tellapart.cli.train._run", lambda recipe, sections, **_: seen.append(Recipe.make(**sections)))
    for told in question.rows.values():
        typed = command("photos", tmp_path, seed=3, plugin=None, more=[*question.told, *told])
        assert call(*typed[1:]).status == 0
    assert len(seen) == len(question.rows)
    assert len({one.model_dump_json() for one in seen}) == len(seen), "each row is another training"
    assert set(question.looks) <= set(VERSIONS) == set(LOOKS)


def test_what_stands_behind_two_dashes_is_for_the_training():
    options = arguments(["digits", "--seed", "3", "--look", "shifted", "--", "--epochs", "2"])
    assert (options.source, options.seed, options.look, options.more) == ("digits", 3, ["shifted"], ["--epochs", "2"])


def test_shifts_and_strokes_are_scipy_s():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 7, 6, 1), dtype=np.uint8)
    picture = pixels[0, :, :, 0]
    for y in (0, 1, 2):
        for x in (0, 1, 2):
            expected = shift(picture, (1 - y, 1 - x), mode="nearest", order=0)
            np.testing.assert_array_equal(moved(pixels, y=y, x=x)[0, :, :, 0], expected)
    assert len(list(shifted(pixels))) == 9
    most, least = (extreme(pixels, most=most)[0, :, :, 0] for most in (True, False))
    np.testing.assert_array_equal(most, grey_dilation(picture, size=(3, 3), mode="nearest"))
    np.testing.assert_array_equal(least, grey_erosion(picture, size=(3, 3), mode="nearest"))


NETS_DIFFER = """
import torch
from benchmarks.settings.nets import Kaiming, Plain, Whole
from tellapart.nets.compact import Compact

given = {"outputs": 3, "channels": 1, "image_size": (32, 32), "width": 8}
def made(kind):
    torch.manual_seed(0)
    return kind(**given)

usual, whole, kaiming, plain = map(made, (Compact, Whole, Kaiming, Plain))
norms = [name for name in usual.state_dict() if name.endswith("1.norm.weight")]
assert norms
for name, weights in whole.state_dict().items():
    assert torch.equal(weights, torch.ones_like(weights) if name in norms else usual.state_dict()[name]), name
conv = kaiming.get_parameter("stage3.0.conv.weight")
assert abs(conv.std().item() / (2 / (conv.shape[0] * 9)) ** 0.5 - 1) < 0.1
assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in plain.modules())
assert plain(torch.zeros(2, 1, 32, 32)).shape == (2, 3)
"""


def test_networks_of_the_plugin_differ_in_one_thing():
    subprocess.run([sys.executable, "-c", NETS_DIFFER], cwd=ROOT, check=True)


def test_data_is_a_known_name_and_a_source(capsys):
    with pytest.raises(SystemExit):
        settings.main(["--data", "cifar=there"])
    assert "NAME=SOURCE" in capsys.readouterr().err
