"""``tellapart compare``: runs, or one set of pictures; and what is neither."""

import json
import shutil

import pytest

from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.workflow.table import ExternalSource, TablePlan


@pytest.fixture(scope="module")
def table(call, good, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "table"
    called = call("compare", good, "--row", "majority-class", "--row", "softmax", "--image-size", "8", "--epochs", 1,
                  "--threads", 1, "--seed", 3, "--out", folder, columns=40)  # fmt: skip
    assert called.status == 0, called.err
    return folder, called


def test_a_table_is_printed_whole_on_a_narrow_terminal(table):
    folder, called = table
    first, *lines = called.out.splitlines()
    assert first == "macro F1 with 95% intervals, validated on 5 pictures"
    assert lines[0].split() == ["row", "validation", "F1", "interval", "train", "predict", "size"]
    assert {line.split()[0] for line in lines[1:3]} == {"majority-class", "softmax"}
    assert lines[3:] == [f"{kind:<6}{folder / f'table.{kind}'}" for kind in ("html", "csv", "json")]


def test_a_table_has_what_was_asked_for(table):
    folder, called = table
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert (plan["rows"], plan["recipe"]["training"]["epochs"]) == (["majority-class", "softmax"], 1)
    recipe = json.loads((folder / "rows/softmax/recipe.json").read_text(encoding="utf-8"))
    assert (recipe["training"]["seed"], recipe["data"]["image_size"]) == (3, [8, 8])
    assert "softmax: F1" in called.err


def test_a_finished_table_is_shown_again(call, table):
    folder, called = table
    assert call("compare", "--resume", folder).out == called.out


def test_rows_are_runs_that_can_be_compared_and_used(call, table, good, trained):
    row = table[0] / "rows" / "softmax"
    assert call("predict", row, good / "a" / "0.png").status == 0
    both = call("compare", row, trained)
    assert both.status == 0, both.err
    assert "training.seed" in both.out


def test_a_table_without_a_row_that_could_be_made_is_no_success(call, good, tmp_path):
    folder = tmp_path / "table"
    called = call("compare", good, "--row", "hog:cell=500/svm-rbf", "--out", folder)  # its pictures have no such cells
    assert called.status == 1
    assert "hog:cell=500/svm-rbf is left out:" in called.out
    assert (folder / "table.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say what to compare"),
        (["RUN"], "is one run, and comparing needs two or more"),
        (["RUN", "PHOTOS"], "is no run, and 'RUN' is one: give run folders alone, or one set of pictures alone"),
        (["PHOTOS", "RUN"], "is no run, and 'RUN' is one"),
        (
            ["PHOTOS", "PHOTOS"],
            "a table is of one set of pictures: name one, with external pictures",
        ),
        (["TABLE"], "is a table: go on with it by --resume"),
        (["RUN", "TABLE"], "is a table"),
        (["RUN", "RUN", "--noise", "0.1", "--shuffled-pixels"], "--noise, --shuffled-pixels would be ignored"),
        (["PHOTOS", "--split", "test"], "--split would be ignored: it is for runs"),
        (["PHOTOS", "--row", "hog"], "a feature needs a classifier"),
        (["PHOTOS", "--row", "hog/svm-rbf", "--every"], "contradict each other"),
        (["PHOTOS", "--noise", "7"], "noise must be 0 to 1"),
        (["PHOTOS", "--changed-copies", "-1"], "changed copies must be 0 to"),
        (["PHOTOS", "--drop-leaks", "--allow-leaks"], "contradict each other"),
        (["PHOTOS", "--external", "nowhere"], "nowhere"),
        (["PHOTOS", "--external-group-by", "(x)"], "are of external pictures: give --external"),
        (["PHOTOS", "--external", "PHOTOS", "--external-option", "x"], "--external-option must be NAME=VALUE, got 'x'"),
        (["PHOTOS", "--external", "PHOTOS", "--external-option", "label_column=x"], "has no option 'label_column'"),
        (["PHOTOS", "--external", "PHOTOS", "--external-group-by", "x"], "part in parentheses"),
        (["nowhere"], "nowhere"),
        (["--resume", "RUN"], "there is no table at 'RUN'"),
        (["--resume", "TABLE", "--noise", "0.1"], "give no other choices beside it"),
        (["--resume", "TABLE", "PHOTOS"], "give no other choices beside it"),
    ],
)
def test_misuse_is_one_line_and_costs_nothing(arguments, words, call, good, trained, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {"RUN": str(trained), "PHOTOS": str(good), "TABLE": str(table[0])}
    called = call("compare", *(known.get(one, one) for one in arguments))
    assert (called.status, called.out, called.err.count("\n")) == (2, "", 1)
    for name, path in known.items():
        words = words.replace(f"'{name}'", f"'{path}'")
    assert words in called.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("columns", [40, 80])
def test_nothing_is_cut_off_on_a_narrow_terminal(call, trained, tmp_path, columns):
    other = shutil.copytree(trained, tmp_path / "a-run-with-a-name-that-is-longer-than-its-column-could-ever-be")
    run = Run.open(other)
    run.save_recipe(run.recipe.changed(data={"source": str(tmp_path / "pictures" / "of" / "animals" / "at" / "night")}))
    called = call("compare", trained, other, columns=columns)
    assert called.status == 0, called.err
    assert "…" not in called.out


def test_runs_that_cannot_be_compared_print_nothing_else(call, good, trained, tmp_path):
    other = tmp_path / "other"
    options = ("--net", "softmax", "--epochs", 1, "--image-size", 8, "--split-seed", 7, "--no-baselines")
    made = call("train", good, *options, "--out", other)
    assert made.status == 0
    called = call("compare", trained, other)
    assert (called.status, called.out) == (2, "")
    same = call("compare", trained, trained)
    assert "the recipes do not differ" in same.out


PLANS = {
    r"--every --group-by (\d+)\.png --source-option label-column=kind --drop-leaks --noise 0.1 "
    "--changed-copies 2": TablePlan(
        Recipe.make(
            data={
                "source": "photos", "group_by": r"(\d+)\.png", "source_options": {"label_column": "kind"},
                "leaks": "drop",
            }
        ),
        every=True, noise=0.1, copies=2,
    ),
    "--row hog/svm-rbf --row softmax --allow-leaks --shuffled-pixels --image-size 20x10 --epochs 3 --seed 4 --threads "
    "1 --external there --external-group-by (x) --external-option path-column=file": TablePlan(
        Recipe.make(
            data={"source": "photos", "leaks": "allow", "image_size": (20, 10)},
            training={"epochs": 3, "seed": 4, "threads": 1},
        ),
        ("hog/svm-rbf", "softmax"), shuffled_pixels=True,
        external=ExternalSource("there", "(x)", {"path_column": "file"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("options", PLANS)
def test_options_become_the_plan_of_the_table(call, tmp_path, monkeypatch, options):
    asked = []

    def take(plan, *, out, **_):
        asked.append((plan, out))
        raise KeyboardInterrupt

    monkeypatch.setattr("tellapart.workflow.table.make_table", take)
    called = call("compare", "photos", *options.split(), "--out", tmp_path / "table")
    assert asked == [(PLANS[options], tmp_path / "table")], called.err


def test_a_run_below_the_home_folder_is_found(call, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("one", "two"):
        shutil.copytree(trained, tmp_path / name)
    called = call("compare", "~/one", "~/two")
    assert called.status == 0, called.err
    assert "the recipes do not differ" in called.out
