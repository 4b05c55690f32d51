import json
import re

import pytest
from benchmarks.harness import machine
from benchmarks.harness.cells import Cells, mean_and_deviation


def table(cells):
    return " ".join(str(cell["figure"]) for cell in cells)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "README.md").write_text("# q\n<!-- measured: begin -->\nformer\n<!-- measured: end -->\nafter\n")
    return tmp_path


def test_what_is_kept_is_there_for_the_next_call(folder):
    assert Cells(folder, table=table).markdown() == "Nothing is measured yet."
    Cells(folder, table=table).keep("b", {"figure": 2, "where": "there"})
    cells = Cells(folder, table=table)
    cells.keep("a", {"figure": 1, "where": "here"})
    cells.keep("b", {"figure": 3, "where": "there"})
    assert cells.has("a")
    assert not cells.has("c")
    assert cells.markdown() == "1 3\n\n- here\n- there"
    page = (folder / "README.md").read_text("utf-8")
    assert page == f"# q\n<!-- measured: begin -->\n\n{cells.markdown()}\n\n<!-- measured: end -->\nafter\n"
    assert list(json.loads((folder / "results.json").read_text("utf-8"))) == ["a", "b"]


def test_a_cell_says_when_and_where_it_was_measured(folder):
    cells = Cells(folder, table=table)
    cells.keep("a", {"figure": 1})
    assert cells.markdown() == f"1\n\n- {machine.when_and_where()}"
    assert re.match(r"\d{4}-\d\d-\d\d, .*cores", machine.when_and_where())


def test_mean_and_deviation_of_the_sample():
    assert mean_and_deviation([1.0, 3.0], digits=2) == "2.00 ± 1.41"
    assert mean_and_deviation([2.0, 2.0], digits=0) == mean_and_deviation([2.0], digits=0) == "2"
