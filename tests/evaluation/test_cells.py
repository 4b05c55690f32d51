"""Tables of counts: the cells that are not empty alone are written, and what is damaged is said."""

import json

import numpy as np
import pytest

from tellapart.errors import RunCorruptError
from tellapart.evaluation import Evaluation, LabelErrors, Predictions, evaluate, find_label_errors
from tellapart.evaluation.cells import cells_of, table_of


def test_a_table_is_had_back():
    table = np.random.default_rng(0).integers(0, 3, (7, 7))
    assert (table_of(json.loads(json.dumps(cells_of(table))), size=7) == table).all()
    assert table_of(cells_of(np.zeros((0, 0), dtype=np.int64)), size=0).shape == (0, 0)


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ({"rows": [2], "columns": [0], "counts": [1]}, ValueError),
        ({"rows": [0], "columns": [-1], "counts": [1]}, ValueError),
        ({"rows": [0, 1], "columns": [0], "counts": [1]}, ValueError),
        ({"rows": [0], "columns": [0]}, KeyError),
        ([[1, 0], [0, 1]], TypeError),
    ],
)
def test_what_is_no_table_is_refused(cells, error):
    with pytest.raises(error):
        table_of(cells, size=2)


def test_many_classes_take_little_room():
    names = tuple(f"class {number}" for number in range(500))
    labels = np.arange(500)
    said = Predictions([str(i) for i in labels], np.eye(500), labels, names)
    document = evaluate(said).to_dict()
    assert len(json.dumps(document["confusion"])) < 10_000
    assert (Evaluation.from_dict(document).confusion == np.eye(500)).all()
    errors = find_label_errors(said).to_dict()
    assert (LabelErrors.from_dict(errors).joint == np.eye(500)).all()
    document["confusion"]["rows"][0] = 500
    with pytest.raises(RunCorruptError, match="train again"):
        Evaluation.from_dict(document)
