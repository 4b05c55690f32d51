from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.errors import TargetExistsError
from tellapart.evaluation import Predictions, spreadsheet_plain, spreadsheet_safe, write_csv, write_predictions
from tellapart.evaluation.spreadsheet import check_replaceable
from tellapart.wording import text_table


@settings(deadline=None)
@given(st.text())
def test_what_is_made_safe_can_be_had_back(text):
    safe = spreadsheet_safe(text)
    assert spreadsheet_plain(safe) == text
    assert safe[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "'=1"])
def test_formulas_are_quoted(text):
    assert spreadsheet_safe(text) == "'" + text


def test_csv_keeps_numbers_and_scripts(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, ["id", "x"], rows=[("=1+1", -0.5), ('猫,"a"', 3)])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel would take 猫 for signs of its own code page"
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [["id", "x"], ["'=1+1", "-0.5"], ['猫,"a"', "3"]]
    write_csv(path, ["id"], rows=[("cat",)])
    assert path.read_bytes() == b"id\r\ncat\r\n"


def test_columns_align_with_wide_and_combining_signs():
    lines = text_table(["a", "b"], [["漢字", "1"], ["e\u0301", "10"]]).split("\n")
    assert lines == ["a      b", "漢字   1", "e\u0301     10"]


@pytest.mark.parametrize("first", ["+", "Boat, small", '"', "="])
def test_a_table_of_predictions_knows_its_own_whatever_a_class_is_called(tmp_path, first):
    said = Predictions(["a"], [[0.0, 1.0]], [0], class_names=(first, "z"))
    path = tmp_path / "said.csv"
    write_predictions(said, path)
    check_replaceable(path, ["id", "label", ["another", first]])
    with pytest.raises(TargetExistsError, match="would begin with 'id,label,another'"):
        check_replaceable(path, ["id", "label", ["another"]])
    path.write_bytes(b"a\rb\x00\r")
    with pytest.raises(TargetExistsError):
        check_replaceable(path, ["id"])


def test_signs_that_take_no_column_take_none_in_a_table():
    lines = text_table(["class", "n"], [["กิน", "1"], ["abc", "2"]]).splitlines()  # a vowel stands above the first sign
    assert lines[1].index("1") == lines[2].index("2") + 1
