"""Neighbours of mistakes: hand-placed points, one for each thing that neighbours can suggest."""

import csv

import numpy as np
import pytest

from tellapart.errors import DataError, RunCorruptError
from tellapart.evaluation import Mistake, NearTraining, find_near_training, write_mistakes
from tellapart.evaluation.near_training import REASONS


def on_the_circle(degrees) -> np.ndarray:
    angle = np.deg2rad(np.asarray(degrees, dtype=float))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def mistake(id: str, true: str, predicted: str) -> Mistake:
    return Mistake(id, true, predicted, 0.9, 0.8, 0.1)


@pytest.fixture(scope="module")
def found() -> NearTraining:
    # Cats at 0 to 8 degrees, dogs at 40 to 48, both among each other at 80 to 88.
    degrees = [*range(0, 10, 2), *range(40, 50, 2), 80, 82, 84, 86, 88]
    labels = ["cat"] * 5 + ["dog"] * 5 + ["cat", "dog", "cow", "dog", "cow"]
    queries = {"copy": 42.0, "in cats": 5.0, "in dogs": 45.0, "mixed": 83.0, "far": 200.0}
    return find_near_training(
        on_the_circle(degrees) * 3.0,
        on_the_circle(list(queries.values())),
        ids=list(queries),
        train_ids=[f"{label} {at}" for label, at in zip(labels, degrees, strict=True)],
        train_labels=labels,
        usual=np.full(100, 0.02),
    )


@pytest.mark.parametrize(
    ("id", "true", "predicted", "code"),
    [
        ("copy", "dog", "cat", "copy-same"),
        ("copy", "cat", "dog", "copy-other"),
        ("in cats", "dog", "cat", "label"),
        ("in dogs", "dog", "cat", "border"),
        ("mixed", "cat", "dog", "between"),
        ("far", "cat", "dog", "far"),
    ],
)
def test_what_neighbours_suggest(found, id, true, predicted, code):
    assert found.reason(mistake(id, true, predicted)) == code
    assert code in REASONS


def test_a_copy_with_another_label_counts_before_one_with_the_same():
    near = find_near_training(
        on_the_circle([0, 0, 40, 50, 60]),
        on_the_circle([0]),
        ids=["asked"],
        train_ids=["1", "2", "3", "4", "5"],
        train_labels=["cat", "dog", "cow", "cow", "cow"],
        usual=np.full(10, 0.02),
    )
    assert near.reason(mistake("asked", "cat", "cow")) == "copy-other"


def test_distances_are_chords_of_the_unit_circle(found):
    near = found.of("in cats")
    assert [one.id for one in near][:2] == ["cat 4", "cat 6"]
    assert near[0].distance == pytest.approx(2 * np.sin(np.deg2rad(1) / 2), rel=1e-4)
    assert found.of("copy")[0].distance == pytest.approx(0.0, abs=1e-6)
    assert found.of("unknown") == ()
    assert found.reason(mistake("unknown", "a", "b")) == ""


def test_a_file_gives_the_same_back_and_a_damaged_one_is_said(found, tmp_path):
    found.save(tmp_path / "near.npz")
    again = NearTraining.load(tmp_path / "near.npz")
    assert again.of("mixed") == found.of("mixed")
    assert (again.usual, again.far) == (found.usual, found.far)
    (tmp_path / "near.npz").write_bytes((tmp_path / "near.npz").read_bytes()[:200])
    with pytest.raises(RunCorruptError, match="evaluate the run again"):
        NearTraining.load(tmp_path / "near.npz")


def test_no_mistakes_are_an_empty_table(tmp_path):
    table = on_the_circle([0, 10])
    none = find_near_training(
        table, table[:0], ids=[], train_ids=["a", "b"], train_labels=["x", "y"], usual=np.array([0.1])
    )
    none.save(tmp_path / "none.npz")
    assert len(NearTraining.load(tmp_path / "none.npz")) == 0
    with pytest.raises(DataError, match="usual"):
        find_near_training(
            table, table, ids=["q", "r"], train_ids=["a", "b"], train_labels=["x", "y"], usual=np.array([])
        )


def test_the_table_of_mistakes_has_the_neighbours(found, tmp_path):
    write_mistakes([mistake("in cats", "dog", "cat"), mistake("else", "dog", "cat")], tmp_path / "m.csv", near=found)
    with (tmp_path / "m.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["nearest_1"], first["nearest_1_label"]) == ("cat 4", "cat")
    assert float(first["nearest_1_distance"]) == pytest.approx(0.017453, abs=1e-5)
    assert first["suggests"] == REASONS["label"]
    assert second["suggests"] == second["nearest_5_distance"] == ""


def test_what_is_usual_is_the_median_and_what_is_far_the_99th_hundredth():
    near = find_near_training(
        on_the_circle([0, 40]), on_the_circle([5]), ids=["asked"], train_ids=["1", "2"], train_labels=["cat", "dog"],
        usual=np.arange(1, 101) / 100,
    )  # fmt: skip
    assert (near.usual, near.far) == (pytest.approx(0.505), pytest.approx(0.9901))
