"""evaluate: what it prints commands no terminal, and what it writes replaces nothing else."""

import csv
import json
import shutil

import numpy as np
from sklearn.metrics import confusion_matrix

from tellapart.evaluation import Predictions, read_predictions


def test_a_table_of_mistakes_replaces_no_other_file(call, trained, tmp_path):
    target = tmp_path / "labels.csv"
    target.write_text("path,label\na/0.png,a\n", encoding="utf-8")
    called = call("evaluate", trained, "--mistakes", target)
    assert (called.status, called.out) == (2, "")
    assert "is no table that this command has written, which would begin with 'id,true,predicted," in called.err
    assert target.read_text(encoding="utf-8") == "path,label\na/0.png,a\n"
    target.write_bytes(b"")
    for _ in range(2):  # over an empty file, and over its own
        assert call("evaluate", trained, "--mistakes", target).status == 0
        assert target.read_bytes().startswith(b"id,true,predicted,")


def test_a_class_s_name_commands_no_terminal(call, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    document = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    document["splits"]["test"]["notes"].append("never predicted: “\x1b[2J”")
    (run / "evaluation.json").write_text(json.dumps(document), encoding="utf-8")
    called = call("evaluate", run)
    assert "\x1b" not in called.out
    assert "never predicted: “\\x1b[2J”\n" in called.out
    assert len(called.out.splitlines()) > 5


def test_all_answers_and_the_confusion_matrix_are_tables(call, trained, tmp_path):
    predictions, confusion = tmp_path / "predictions.csv", tmp_path / "confusion.csv"
    for _ in range(2):  # a second time over its own
        called = call("evaluate", trained, "--predictions", predictions, "--confusion", confusion, "--json")
        assert called.status == 0, called.err
    said = Predictions.load(trained / "predictions" / "test.npz")
    found = json.loads(called.out)
    again = read_predictions(predictions, class_names=said.class_names)
    assert again.ids.tolist() == said.ids.tolist()
    assert again.labels.tolist() == said.labels.tolist()
    np.testing.assert_allclose(again.probabilities(), said.probabilities(found["temperature"]), atol=1e-5)
    head, *rows = list(csv.reader(confusion.read_text("utf-8-sig").splitlines()))
    assert head[1:] == [row[0] for row in rows] == list(said.class_names)
    counts = np.array([row[1:] for row in rows], dtype=int)
    np.testing.assert_array_equal(counts, confusion_matrix(said.labels, said.predicted()))


def test_those_tables_replace_no_other_file(call, trained, tmp_path):
    target = tmp_path / "mine.csv"
    target.write_text("path,label\n", encoding="utf-8")
    for option in ("--predictions", "--confusion"):
        called = call("evaluate", trained, option, target)
        assert (called.status, called.out) == (2, "")
        assert "is no table that this command has written" in called.err
    assert target.read_text(encoding="utf-8") == "path,label\n"
    twice = call("evaluate", trained, "--predictions", tmp_path / "a.csv", "--confusion", tmp_path / "a.csv")
    assert twice.status == 2
    assert "name another file for one of them" in twice.err


def test_a_class_that_is_called_as_a_column_is_said_before_the_work(call, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    text = (run / "evaluation.json").read_text(encoding="utf-8")
    name = json.loads(text)["splits"]["test"]["classes"][0]["name"]
    (run / "evaluation.json").write_text(text.replace(f'"name": "{name}"', '"name": "label"'), encoding="utf-8")
    called = call("evaluate", run, "--predictions", tmp_path / "said.csv", "--mistakes", tmp_path / "wrong.csv")
    assert (called.status, called.out) == (2, "")
    assert "a class is called 'label', as is a column of the table" in called.err
    assert not (tmp_path / "wrong.csv").exists()
