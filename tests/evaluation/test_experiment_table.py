"""The experiment table as a value."""

import csv
import json

import pytest

from tellapart.errors import RunCorruptError
from tellapart.evaluation import ExperimentTable, Figure, TableRow, seconds_text


def row(name, value, *, external=None, **more):
    return TableRow(
        name=name, kind="classical", validation=Figure(value, value - 0.1, value + 0.1, 50, "macro F1", "%"),
        accuracy=Figure(value, count=50, name="accuracy", unit="%"),
        external=None if external is None else Figure(external, external - 0.1, external + 0.1, 70, "macro F1", "%"),
        gap=None if external is None else Figure(external - value, -0.5, 0.1, 70, "difference", "points"),
        train_seconds=1.5, predict_ms=0.25, size_bytes=2_000_000, **more,
    )  # fmt: skip


FAILED = TableRow(name="=evil()", kind="classical", failed="too small")
TABLE = ExperimentTable(
    "made", (row("a", 0.5), row("b", 0.7, variant="noise 0.1", notes=("one", "two")), FAILED), {"seed": "0"}, ("note",)
)


def test_json_gives_an_equal_table_back():
    assert ExperimentTable.from_dict(json.loads(json.dumps(TABLE.to_dict()))) == TABLE


@pytest.mark.parametrize("damage", [{"rows": [{}]}, {"rows": None}, {}, {"rows": [{"name": "a", "validation": 3}]}])
def test_what_is_no_table_is_said(damage):
    document = {} if not damage else {**TABLE.to_dict(), **damage}
    with pytest.raises(RunCorruptError, match="compare again"):
        ExperimentTable.from_dict(document)


def test_rows_are_ranked_by_what_they_reach_elsewhere_where_that_is_known():
    assert [one.name for one in TABLE.ranked()] == ["b", "a", "=evil()"]
    turned = ExperimentTable("x", (row("a", 0.9, external=0.2), row("b", 0.7, external=0.4), FAILED))
    assert [one.name for one in turned.ranked()] == ["b", "a", "=evil()"]
    assert turned.with_external
    assert not TABLE.with_external


def test_the_text_has_every_figure():
    text = str(ExperimentTable("x", (row("a", 0.9, external=0.2), FAILED)))
    for part in ("90.0%", "80.0 to 100.0", "20.0%", "−70.0 points", "1.5 s", "0.25 ms", "2.0 MB", "–"):
        assert part in text
    assert "external" not in str(TABLE)


def test_the_csv_has_every_figure_and_no_formula(tmp_path):
    ExperimentTable("x", (row("a", 0.9, external=0.2), FAILED)).write_csv(tmp_path / "t.csv")
    first, last = csv.DictReader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines())
    assert (first["row"], first["validation_macro_f1"], first["external_pictures"]) == ("a", "0.9", "70")
    assert (first["difference"], first["size_bytes"]) == ("-0.7", "2000000")
    assert last["row"] == "'=evil()"
    assert (last["failed"], last["validation_macro_f1"]) == ("too small", "")


def test_lengths_of_time():
    assert [seconds_text(s) for s in (0.98, 0.0123, 0.00012, 89, 91)] == [
        "980 ms",
        "12 ms",
        "0.12 ms",
        "89.0 s",
        "1.5 min",
    ]
