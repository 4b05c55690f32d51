import json

import pytest
from benchmarks.harness import machine
from benchmarks.harness.question import Answer, Column, Row
from benchmarks.harness.statistics import spread
from benchmarks.harness.table import BEGIN, END, between_markers, cell, markdown, publish

SPEED = Column("speed", "images/s", digits=0, ratio=True)
ACCURACY = Column("accuracy", "test, %", digits=2, percent=True)


def answer(title="Net", speed=(100.0, 200.0, 300.0), **keys):
    rows = (
        Row("Keras", {"speed": [1000.0, 2000.0, 1500.0], "accuracy": [0.8, 0.82, 0.81]}, {"keras": "3.15"}, "on"),
        Row("ours", {"speed": list(speed)}, {}),
    )
    shape = {"machine": machine.describe(), "date": "2026-01-02", "rounds": 3, **keys}
    return Answer(title, "Keras", (SPEED, ACCURACY), rows, **shape)


def test_cells():
    assert cell(spread([1234.5]), SPEED) == "1,234"
    assert cell(spread([55.0, 55.0]), SPEED) == "55"
    assert cell(spread([1000.0, 3000.0, 2000.0]), SPEED) == "2,000 (1,000 to 3,000)"
    assert cell(spread([0.8333, 0.8111]), ACCURACY) == "82.22 (81.11 to 83.33)"


def test_a_table_has_medians_ranges_ratios_versions_and_machine():
    text = markdown(answer())
    assert "| Keras | 1,500 (1,000 to 2,000) | 81.00 (80.00 to 82.00) |" in text
    assert "| ours | 200 (100 to 300) | – |" in text
    assert "| ours | 0.10 (0.10 to 0.20) |" in text
    assert "- Keras: keras 3.15; on" in text
    assert "3 runs each, in turn" in text
    assert machine.sentence(machine.describe()) in text


def test_small_ratios_keep_their_digits():
    assert "| ours | 0.0100 (0.0050 to 0.0133) |" in markdown(answer(speed=(10.0, 10.0, 20.0)))


def test_what_stands_around_the_markers_stays():
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nEnd.\n"
    changed = between_markers(page, text="new")
    assert changed == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nEnd.\n"
    assert between_markers(changed, text="new") == changed


@pytest.mark.parametrize("page", ["", BEGIN, END + BEGIN, BEGIN + BEGIN + END, BEGIN + END + END])
def test_a_page_needs_both_markers_once(page):
    with pytest.raises(ValueError, match="once each"):
        between_markers(page, text="new")


def test_a_comparison_that_is_run_again_replaces_itself_alone(tmp_path):
    (tmp_path / "README.md").write_text(f"# Q\n{BEGIN}\n{END}\n")
    publish([answer("One"), answer("Two")], folder=tmp_path)
    publish([answer("Two", date="2026-03-04")], folder=tmp_path)
    kept = json.loads((tmp_path / "results.json").read_text())
    assert {title: one["date"] for title, one in kept.items()} == {"One": "2026-01-02", "Two": "2026-03-04"}
    assert kept["One"]["peers"]["Keras"]["figures"]["speed"] == {"median": 1500.0, "low": 1000.0, "high": 2000.0}
    page = (tmp_path / "README.md").read_text()
    assert page.index("### One") < page.index("### Two")
    assert page.count("### Two") == 1


def test_every_question_has_a_page_with_markers():
    from benchmarks.harness.environment import BENCHMARKS

    programs = {path: path.read_text(encoding="utf-8") for path in BENCHMARKS.glob("*/__main__.py")}
    # Those that neither compare peers nor keep cells print what a page of the documentation shows.
    questions = [path.parent for path, text in programs.items() if "answer(" in text or "Cells(" in text]
    assert {path.name for path in questions} >= {"hwdb55", "step", "decode", "start_up"}
    for folder in questions:
        between_markers((folder / "README.md").read_text(encoding="utf-8"), text="")
