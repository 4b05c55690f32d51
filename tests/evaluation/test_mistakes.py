from __future__ import annotations

import csv

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.evaluation import (
    Predictions,
    confused_pairs,
    confusion_matrix,
    evaluate,
    find_mistakes,
    lowest_recall_classes,
    surest_by_cell,
    write_mistakes,
)
from tellapart.evaluation.mistakes import _most_confused


def test_each_wrong_picture_once_the_surest_first(predictions):
    found = find_mistakes(predictions, temperature=1.5)
    wrong = ~predictions.correct()
    assert {one.id for one in found} == set(predictions.ids[wrong].tolist())
    assert len(found) == wrong.sum()
    confidences = [one.confidence for one in found]
    assert confidences == sorted(confidences, reverse=True)
    where = {one: i for i, one in enumerate(predictions.ids.tolist())}
    probabilities = predictions.probabilities(1.5)
    for one in found[:20]:
        row = np.sort(probabilities[where[one.id]])[::-1]
        assert one.confidence == pytest.approx(row[0])
        assert one.margin == pytest.approx(row[0] - row[1])
        true = predictions.class_names.index(one.true)
        assert one.true_probability == pytest.approx(probabilities[where[one.id], true])
        assert predictions.labels[where[one.id]] == true
    assert find_mistakes(predictions, temperature=1.5, limit=3) == found[:3]


def test_the_surest_of_each_cell_are_those_of_all_mistakes(predictions):
    cells = {}
    for one in find_mistakes(predictions, temperature=1.5):
        key = predictions.class_names.index(one.true), predictions.class_names.index(one.predicted)
        cells.setdefault(key, []).append(one.id)
    assert max(map(len, cells.values())) > 2
    for each in (0, 1, 2, 1000):
        expected = {key: ids[:each] for key, ids in cells.items() if each}
        found = surest_by_cell(predictions, temperature=1.5, each=each)
        assert list(found.items()) == list(expected.items())


def test_the_order_of_the_pictures_does_not_matter(predictions):
    shuffled = predictions.select(np.random.default_rng(0).permutation(len(predictions)))
    assert find_mistakes(shuffled) == find_mistakes(predictions)


def test_no_mistakes_and_no_labels():
    assert find_mistakes(Predictions(["a", "b"], [[1, 0], [1, 0]], [0, -1], ("x", "y"))) == ()
    assert confused_pairs(Predictions(["a", "b"], [[1, 0], [1, 0]], [0, -1], ("x", "y"))) == ()


def test_the_table_is_safe_in_a_spreadsheet(tmp_path):
    said = Predictions(["=evil()", "猫.png"], [[2, 1], [1, 2]], [1, 0], ("+x", "犬"))
    path = tmp_path / "mistakes.csv"
    write_mistakes(find_mistakes(said), path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["'=evil()", "猫.png"]
    assert (rows[0]["true"], rows[0]["predicted"]) == ("犬", "'+x")
    assert float(rows[0]["confidence"]) == pytest.approx(0.731059, abs=1e-6)


def test_pairs_count_both_directions(predictions):
    matrix = confusion_matrix(predictions)
    pairs = confused_pairs(predictions, limit=100, examples=3)
    names = predictions.class_names
    assert sum(pair.count for pair in pairs) == matrix.sum() - matrix.trace()
    assert [pair.count for pair in pairs] == sorted([pair.count for pair in pairs], reverse=True)
    labels = dict(zip(predictions.ids.tolist(), predictions.labels.tolist(), strict=True))
    for pair in pairs:
        a, b = names.index(pair.first), names.index(pair.second)
        assert (pair.first_as_second, pair.second_as_first) == (matrix[a, b], matrix[b, a])
        assert pair.first_as_second >= pair.second_as_first
        assert (pair.first_count, pair.second_count) == (matrix[a].sum(), matrix[b].sum())
        assert all(labels[one] == a for one in pair.first_examples)
        assert len(pair.first_examples) == min(3, matrix[a, b])


def test_confused_pairs_are_those_of_the_whole_table(predictions):
    matrix = confusion_matrix(predictions)
    both = np.triu(matrix + matrix.T, k=1)
    rows, columns = np.nonzero(both)
    order = np.argsort(-both[rows, columns], kind="stable")
    expected = list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))
    assert len(expected) > 5
    assert _most_confused(matrix, limit=len(expected)) == expected
    assert _most_confused(matrix, limit=3) == expected[:3]
    assert _most_confused(np.diag([3, 4]), limit=3) == []


def test_least_legible_is_below_the_threshold():
    labels = [0] * 4 + [1] * 4 + [2] * 4
    logits = np.eye(4)[[0, 0, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2]]
    found = evaluate(Predictions(np.arange(12).astype(str), logits, labels, ("half", "quarter", "all", "none")))
    assert [one.name for one in lowest_recall_classes(found)] == ["quarter"]
    assert [one.name for one in lowest_recall_classes(found, below=0.6)] == ["quarter", "half"]
    with pytest.raises(DataError):
        lowest_recall_classes(found, below=50)
