import pytest
from benchmarks.cats_vs_dogs import __main__ as question
from benchmarks.cats_vs_dogs.rungs import RUNGS, parameters, read_run, recipe_of, table
from benchmarks.harness.result import PeerError

from tellapart.recipe import Recipe, differences
from tellapart.run import Run

FIGURES = {
    "validation_accuracy": 0.75, "validation_pictures": 1000.0, "epochs": 15.0, "last_validation_accuracy": 0.74,
    "last_train_accuracy": 0.99, "best_epoch": 9.0, "parameters": 10.0, "trained": 5.0, "wall_s": 100.0,
    "others_share": 0.0,
}  # fmt: skip


@pytest.fixture
def data(own_page):
    return own_page(question)


def test_rungs_are_climbed_seed_by_seed_and_none_twice(data, tmp_path, monkeypatch, capsys):
    trained = []

    def train(path, *, rung, seed):
        trained.append((rung, seed))
        return {**FIGURES, "validation_accuracy": 0.75 + 0.02 * seed}

    monkeypatch.setattr(question, "train", train)
    assert question.main(["--data", data, "--only", "features", "scratch", "--seeds", "0", "1"]) == 0
    assert trained == [("scratch", 0), ("features", 0), ("scratch", 1), ("features", 1)]
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "| [from scratch](scratch.toml) | `convnet128` | 10 | 5 | 2 | 15 | 76.0 (75.0 to 77.0) |" in page
    assert question.main(["--data", data, "--only", "scratch", "--seeds", "1", "2"]) == 0
    assert trained[4:] == [("scratch", 2)]
    assert question.main(["--data", data, "--only", "scratch", "--seeds", "2", "--again"]) == 0
    assert trained[5:] == [("scratch", 2)]
    capsys.readouterr()


def test_a_training_that_fails_ends_it_and_what_was_measured_stays(data, tmp_path, monkeypatch, capsys):
    def train(path, *, rung, seed):
        if rung == "augmented":
            raise PeerError("it broke")
        return FIGURES

    monkeypatch.setattr(question, "train", train)
    assert question.main(["--data", data]) == 1
    assert "augmented, seed 0: it broke" in capsys.readouterr().err
    assert "from scratch" in (tmp_path / "README.md").read_text("utf-8")


def test_pictures_must_be_there(capsys):
    with pytest.raises(SystemExit):
        question.main(["--data", "nowhere.zip"])
    assert "nowhere.zip" in capsys.readouterr().err


def test_the_command_is_what_a_person_types(tmp_path):
    typed = question.command(tmp_path / "cats.zip", rung="frozen", seed=2, run=tmp_path / "run")
    recipe = str(recipe_of("frozen"))
    assert typed[1:] == [
        "train", str(tmp_path / "cats.zip"), "--recipe", recipe, "--seed", "2", "--out", str(tmp_path / "run"),
    ]  # fmt: skip


def test_each_rung_changes_what_it_says():
    recipes = {name: Recipe.load(recipe_of(name)) for name in RUNGS}
    assert all(recipe.data.image_size == (150, 150) and recipe.data.test_fraction == 0 for recipe in recipes.values())
    changed = set(differences(recipes["scratch"], recipes["augmented"]))
    assert {name for name in changed if not name.startswith(("net.options", "training.augment."))} == {
        "training.epochs"
    }
    assert recipes["frozen"].training.augment == recipes["augmented"].training.augment
    assert recipes["finetuned"].training.augment == recipes["augmented"].training.augment


def test_parameters_are_the_course_s_and_only_those_that_move_are_trained():
    assert parameters("scratch") == {"parameters": 3_453_121, "trained": 3_453_121}
    head = 1280 * 2 + 2
    assert parameters("features")["trained"] == parameters("frozen")["trained"] == head
    assert head < parameters("finetuned")["trained"] < parameters("finetuned")["parameters"]


def test_a_run_folder_is_read(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make())
    accuracy = {"value": 0.973, "low": 0.961, "high": 0.981, "count": 1000}
    run.save("evaluation", {"splits": {"validation": {"figures": {"accuracy": accuracy}}}})
    run.save("training", {"best_epoch": 0})
    assert read_run(run.path) == {"validation_accuracy": 0.973, "validation_pictures": 1000, "epochs": 0}
    run.append_history({"epoch": 1, "train_accuracy": 0.6, "validation_accuracy": 0.973})
    run.append_history({"epoch": 2, "train_accuracy": 0.9, "validation_accuracy": 0.95})
    run.save("training", {"best_epoch": 1})
    read = read_run(run.path)
    assert (read["epochs"], read["best_epoch"]) == (2, 1)
    assert (read["last_train_accuracy"], read["last_validation_accuracy"]) == (0.9, 0.95)


def test_the_table_leaves_out_what_a_rung_has_not():
    few = {**{key: FIGURES[key] for key in FIGURES if not key.startswith("last")}, "epochs": 0.0}
    cell = {"rung": "features", "net": "efficientnet_lite0", "figures": {**few, "validation_accuracy": 0.5}}
    row = table([cell]).splitlines()[-1]
    assert row.startswith("| [features](features.toml) | `efficientnet_lite0` | 10 | 5 | 1 | – | 50.0 | 46.9 to 53.1 |")
    assert "| – | – | 90 | 100 | 0 |" in row
