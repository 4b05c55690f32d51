"""Sets from elsewhere in the report, on the run's page and on one of their own; confidence on every set."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tellapart.errors import DataError, RunCorruptError
from tellapart.evaluation import Evaluation, Predictions, evaluate, explain, find_label_errors
from tellapart.report import page_data, save_thumbnails, wanted_pictures, write_report, write_reports
from tellapart.report.contents import read_contents
from tellapart.report.plain import passages
from tellapart.report.tables import standings
from tellapart.report.thumbnails import load_thumbnails
from tellapart.workflow.abstention import find_threshold, keep_threshold


@pytest.fixture
def measured(digits_copy):
    """The digits' run with its test pictures again, half of the ones taken for sevens, as an external set."""
    run = digits_copy
    said = Predictions.load(run.path / "predictions" / "test.npz")
    logits = said.logits.copy()
    ones = np.flatnonzero(said.labels == 1)[::2]
    logits[ones, 7] = logits.max() + 5
    said = Predictions([f"x/{one}" for one in said.ids.tolist()], logits, said.labels, said.class_names)
    said.save(run.path / "predictions" / "scan <b>.npz")
    document = run.load("evaluation")
    found, own = evaluate(said), Evaluation.from_dict(document["splits"]["test"])
    dark = np.where(said.labels == 1, 90.0, 200.0) + np.arange(len(said)) / len(said)
    explained = explain(
        own, found, said, own_statistics={"brightness": np.linspace(195, 205, 300)}, statistics={"brightness": dark}
    )
    document["splits"]["scan <b>"] = found.to_dict()
    document["external"] = {
        "scan <b>": {
            "source": "scans", "own_name": "test", "own": own.to_dict()["figures"], "explained": explained.to_dict()
        }
    }  # fmt: skip
    run.save("evaluation", document)
    return run


def test_the_run_s_page_explains_it(measured):
    page = write_report(measured).read_text(encoding="utf-8")
    assert 'href="#external"' in page
    assert 'aria-label="Accuracy on the test pictures, with 95% intervals"' in page
    section = page[page.index('<section id="external">') :]
    section = section[: section.index("</section>")]
    assert "<b>" not in section
    assert "scan &lt;b&gt;" in section
    assert "Accuracy falls" in section
    assert "darker" in section.lower()
    assert section.count("<td>yes</td>") == 2  # one class and one statistic


def test_as_good_elsewhere_is_neither_more_nor_fewer(measured):
    document = measured.load("evaluation")
    document["splits"]["scan <b>"] = document["splits"]["test"]
    measured.save("evaluation", document)
    page = write_report(measured).read_text(encoding="utf-8")
    assert ": as on its own." in page
    assert "than on its own" not in page


def test_a_page_of_its_own_is_about_it(measured):
    path = write_report(measured, about="scan <b>")
    assert path.name == "report-scan <b>.html"
    page = path.read_text(encoding="utf-8")
    assert "from elsewhere." in page
    assert "its own test" in page
    assert 'id="curves"' not in page
    assert 'id="audit"' not in page
    assert "fewer than on its own" not in page
    with pytest.raises(DataError, match="about must be one of the external sets"):
        write_report(measured, about="test")


def test_confidence_is_shown_on_every_set(measured):
    page = write_report(measured).read_text(encoding="utf-8")
    section = page[page.index('<section id="confidence">') :]
    section = section[: section.index("</section>")]
    assert section.count("<svg") == 9  # three charts of test, validation and the external set
    for name in ("test", "validation", "scan &lt;b&gt;"):
        assert f"<bdi>{name}</bdi> pictures" in section
    for figure in ("calibration error by chance", "Brier score", "negative log-likelihood"):
        assert section.count(figure) == 3


def test_both_sides_of_a_comparison_are_scored_alike_on_every_page(measured):
    document = measured.load("evaluation")
    alike = document["external"]["scan <b>"]["own"]["accuracy"]
    alike["value"] = 0.25  # its own test among the classes that are present elsewhere, as with --only-present
    measured.save("evaluation", document)
    contents = read_contents(measured)
    accuracy = contents.evaluations["scan <b>"]["accuracy"].value
    said = " ".join(sentence for passage in passages(contents) for sentence in passage.sentences)
    assert f"{100 * (accuracy - 0.25):.1f} points more than on its own" in said
    (beside,) = (one for one in standings(contents.about("scan <b>")) if one.name == "its own test")
    assert beside.value == 0.25


def test_what_is_kept_for_all_pages_is_on_all_of_them(measured):
    write_report(measured, about="scan <b>")
    threshold = find_threshold(measured.path, max_error=0.02, temperature=1.0)
    keep_threshold(measured, threshold)
    write_reports(measured, classes_below=0.97)
    for file in ("report.html", "report-scan <b>.html"):
        page = (measured.path / file).read_text(encoding="utf-8")
        assert "<code>--abstain-at 2%</code>" in page, file
        assert "97%" in page, file


def test_a_page_about_other_pictures_does_not_speak_of_leaks_of_its_own(measured):
    document = measured.load("evaluation")
    document["leaks"] = {"found": 3, "between": {"train-test": 3}, "answer": "allow", "dropped": 0}
    measured.save("evaluation", document)
    pages = [write_report(measured, about=about).read_text(encoding="utf-8") for about in (None, "scan <b>")]
    assert ["some of which it was trained on" in page for page in pages] == [True, False]
    assert ["--allow-leaks" in page for page in pages] == [True, False]
    for answer, found in (("drop", 3), ("stop", 0)):
        document["leaks"] |= {"found": found, "answer": answer}
        measured.save("evaluation", document)
        pages = [write_report(measured, about=about).read_text(encoding="utf-8") for about in (None, "scan <b>")]
        assert ["in more than one split" in page for page in pages] == [True, False], answer


def test_a_damaged_record_is_said(measured):
    document = measured.load("evaluation")
    record = document["external"]["scan <b>"]
    for part, name in (("explained", "worse"), ("own", "accuracy")):
        kept = record[part].pop(name)
        measured.save("evaluation", document)
        with pytest.raises(RunCorruptError, match="evaluate again"):
            write_report(measured)
        record[part][name] = kept


def test_its_page_has_its_own_typical_pictures_before_all_others(measured, monkeypatch):
    wanted = wanted_pictures(measured, external="scan <b>")
    said = Predictions.load(measured.path / "predictions" / "scan <b>.npz")
    right = set(said.ids[said.correct()].tolist())
    assert len(right & set(wanted)) >= len(said.class_names), "right ones of each class, not mistakes alone"
    picture = np.zeros((8, 8), np.uint8)
    save_thumbnails(measured, [(one, picture) for one in wanted_pictures(measured)])
    save_thumbnails(measured, [(one, picture) for one in wanted], external="scan <b>")
    each = len(next(iter(load_thumbnails(measured).values()))) + len('{"x/0000.png":""}')
    monkeypatch.setattr(page_data, "PICTURE_CHARACTERS", 50 * each)
    contents = read_contents(measured)
    assert [len(one) for one in page_data.embedded_pictures(contents).values()] == [50, 0]
    about = page_data.embedded_pictures(contents.about("scan <b>"))
    assert {name: len(one) for name, one in about.items()} == {"scan <b>": 50, "own": 0}
    monkeypatch.setattr(page_data, "PICTURE_CHARACTERS", 1_000_000 * each)
    own = page_data.embedded_pictures(contents.about("scan <b>"))["own"]
    assert set(own) == set(wanted_pictures(measured)), "its own pictures are all that were kept of them"


def test_its_page_does_not_send_to_a_part_that_it_lacks(measured):
    said = Predictions.load(measured.path / "predictions" / "test.npz")
    found = dataclasses.replace(find_label_errors(said, limit=3), clear=3)
    measured.save("label_errors", found.to_dict())
    pages = [write_report(measured, about=about).read_text(encoding="utf-8") for about in (None, "scan <b>")]
    assert ['href="#labels"' in page for page in pages] == [True, False]
    said = ["have hardly any support among the pictures most like them" in page for page in pages]
    assert said == [True, False], "they are labels of the run's own pictures"
    assert "tellapart report" in pages[1]
    assert "--about &#39;scan &lt;b&gt;&#39; --open" in pages[1]
