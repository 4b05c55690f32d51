"""The page of the experiment table."""

import re

import pytest

from tellapart.evaluation import ExperimentTable, Figure, TableRow
from tellapart.report.table_page import headline, render_table, sentences


def share(value, name="macro F1", unit="%"):
    return Figure(value, value - 0.05, value + 0.05, 80, name, unit)


def row(name, value, *, external=None, versus=-0.2, **more):
    return TableRow(
        name=name, kind=more.pop("kind", "classical"), validation=share(value), accuracy=share(value, "accuracy"),
        external=None if external is None else share(external),
        gap=None if external is None else share(external - value, "difference", "points"),
        versus_best=None if versus is None else share(versus, "difference", "points"),
        train_seconds=2.0, predict_ms=0.5, size_bytes=5000, **more,
    )  # fmt: skip


NET = row("compact", 0.93, external=0.40, versus=None, kind="from scratch", folder="rows/compact")
TABLE = ExperimentTable(
    "<gear>",
    (
        row("majority-class", 0.10, external=0.12, kind="majority class"),
        row("hog/svm-rbf", 0.90, external=0.50, versus=-0.03),
        NET,
        row("hog/svm-rbf", 0.55, variant="shuffled pixels", external=0.2),
        row("compact", 0.93, variant="no random changes", external=0.4),
        row("compact", 0.43, variant="shuffled pixels", external=0.2),
        TableRow(name="gabor/<b>", kind="classical", failed="<i>too small</i>"),
    ),
    {"pictures": "a & b"},
    ("one <note>",),
)


def words(markup):
    return re.sub(r"<[^>]+>", "", str(markup))


def test_the_headline_is_the_external_f1():
    assert words(headline(TABLE)) == (
        "hog/svm-rbf has the highest F1 on the external pictures, 50.0%, where validation said 90.0%"
    )
    alone = row("compact", 0.9, versus=None)
    assert words(headline(ExperimentTable("x", (alone,)))) == "compact reaches an F1 of 90.0% on validation"
    assert words(headline(ExperimentTable("x", TABLE.rows[-1:]))) == "No row could be made"


def test_the_sentences_say_what_the_table_shows():
    said = [words(one) for one in sentences(TABLE)]
    assert said[0] == "On validation alone hog/svm-rbf cannot be told apart from compact, the most accurate there."
    assert said[1] == "Naming every picture after the largest class gives an F1 of 10.0%."
    assert said[2].startswith("Validation flatters compact most: its F1 changes by −53.0 points")
    assert said[3] == (
        "Validation would have chosen compact, not hog/svm-rbf, which has the higher F1 on the external pictures; "
        "whether by more than chance is not tested."
    )
    assert "With shuffled pixels compact changes by −50.0 points of F1, hog/svm-rbf by −35.0" in said[4]


def test_the_page_is_one_file_and_escapes_what_comes_from_outside():
    page = render_table(TABLE)
    assert "gabor/&lt;b&gt;" in page
    assert "&lt;i&gt;too small&lt;/i&gt;" in page
    assert "&lt;gear&gt;" in page
    assert "one &lt;note&gt;" in page
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert page.count("<tr class=") == len(TABLE.rows)


def test_without_external_pictures_there_are_no_columns_for_them():
    page = render_table(ExperimentTable("x", (row("hog/svm-rbf", 0.9),)))
    assert "external F1" not in page
    assert "difference</button>" not in page


@pytest.mark.browser
def test_the_table_sorts_by_keyboard_and_fits_a_phone(browser, tmp_path):
    (tmp_path / "table.html").write_text(render_table(TABLE), encoding="utf-8")
    page = browser.new_page(viewport={"width": 360, "height": 740})
    problems = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((tmp_path / "table.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="validation F1").focus()
    page.keyboard.press("Enter")
    first = page.locator("tbody tr").first.locator("th bdi")
    assert first.inner_text() == "compact"
    page.keyboard.press("Enter")
    assert first.inner_text() == "majority-class"
    assert page.locator("tbody tr").last.locator("th bdi").inner_text() == "gabor/<b>"
    page.close()
    assert problems == []


def test_more_rows_than_are_named_are_counted():
    rows = tuple(row(f"net{number}", 0.9, versus=-0.01) for number in range(9))
    said = [words(one) for one in sentences(ExperimentTable("gear", (row("top", 0.95, versus=None), *rows)))]
    assert said[0].endswith("net4, net5 and 3 more cannot be told apart from top, the most accurate there.")


def test_a_difference_that_may_be_chance_flatters_nobody():
    rows = (row("compact", 0.93, external=0.91, versus=None, kind="from scratch"),)
    assert not [one for one in sentences(ExperimentTable("gear", rows)) if "flatters" in one]
