from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.evaluation import spreadsheet_plain, spreadsheet_safe, write_csv
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
