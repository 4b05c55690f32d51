import argparse
import re

import numpy as np
import pytest
from benchmarks.writer_validation import __main__ as question
from benchmarks.writer_validation.training import arguments, command, read_run, writers

from tellapart.evaluation import Predictions
from tellapart.recipe import Recipe
from tellapart.run import Run


def test_both_sides_differ_in_the_validation_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(question, "unpacked", lambda data, name: tmp_path)
    found = question.comparisons(argparse.Namespace(data=tmp_path, seed=[3]))
    assert [one.title for one in found] == list(question.TRAININGS)
    for comparison, more in zip(found, question.TRAININGS.values(), strict=True):
        random, grouped = (list(peer.arguments) for peer in comparison.peers)
        assert [a for a, b in zip(random, grouped, strict=True) if a != b] == ["random"]
        assert tuple(arguments(random[2:]).more) == more
    plain = command(tmp_path, run=tmp_path / "run", validation="random", seed=3, more=[])
    by_writer = command(tmp_path, run=tmp_path / "run", validation="writers", seed=3, more=[])
    assert by_writer == [*plain, "--group-by", question.WRITER]


def test_a_writer_is_a_file_s_number():
    assert writers(["Train/木/12.png", "Train/未/12.png", "Train/未/7.png"]).tolist() == [12, 12, 7]
    assert re.search(question.WRITER, "12.png.txt") is None


def test_a_run_folder_is_read(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make())
    run.append_history({"epoch": 1})
    run.save("evaluation", {"temperature": 2.0})
    for name, right in (("validation", 9), ("test", 6)):
        logits = np.tile([2.0, 0.0], (10, 1))
        ids = [f"{name}/{number}.png" for number in range(10)]
        said = Predictions(ids, logits, [0] * right + [1] * (10 - right), class_names=("a", "b"))
        said.save(run.path / "predictions" / f"{name}.npz")
    figures = read_run(run.path)
    assert figures["gap"] == pytest.approx(0.3)
    assert figures["test_calibration"] == pytest.approx(abs(1 / (1 + np.exp(-1.0)) - 0.6))
    assert figures["test_unscaled"] == pytest.approx(abs(1 / (1 + np.exp(-2.0)) - 0.6))
    assert {column.key for column in question.COLUMNS} - {"wall_s", "others_share"} <= set(figures)
