"""Neighbours of mistakes and labels that may be wrong, on the page."""

import dataclasses
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.evaluation import find_mistakes
from tellapart.evaluation.near_training import REASONS
from tellapart.report import wanted_pictures, write_report
from tellapart.report.contents import read_contents
from tellapart.report.evidence import CODES, LABELS_SHOWN, NEAR_SHOWN, labels_view, near_data, near_ids


def embedded(run) -> dict:
    page = (run.path / "report.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_has_the_neighbours_of_each_mistake(digits_run):
    contents = read_contents(digits_run)
    data = near_data(contents, "test")
    near, mistakes = contents.near["test"], find_mistakes(contents.predictions["test"])
    assert set(data["near"]) == {one.id for one in mistakes}
    names = contents.predictions["test"].class_names
    for one in mistakes:
        code, around = data["near"][one.id]
        assert CODES[code] == near.reason(one)
        assert [(data["near_ids"][at], names[label], distance / 1000) for at, label, distance in around] == [
            (other.id, other.label, pytest.approx(other.distance, abs=5e-4)) for other in near.of(one.id)[:NEAR_SHOWN]
        ]
    found = embedded(digits_run)
    assert found["reasons"] == list(REASONS.values())
    assert found["sets"][0]["near"] == data["near"]
    assert near_data(contents, "nowhere") == {}


def test_a_neighbour_of_a_class_that_the_set_lacks_has_its_name(digits_run):
    contents = read_contents(digits_run)
    near = contents.near["test"]
    strange = dataclasses.replace(near, near_labels=np.full_like(near.near_labels, "wolf"))
    others = SimpleNamespace(near={"test": strange}, predictions=contents.predictions, temperature=contents.temperature)
    data = near_data(others, "test")
    assert {label for _, around in data["near"].values() for _, label, _ in around} == {-1}
    assert data["near_names"] == ["wolf"]


def test_the_pictures_of_neighbours_and_of_doubtful_labels_are_wanted(digits_run):
    contents, wanted = read_contents(digits_run), set(wanted_pictures(digits_run))
    assert set(near_ids(contents, "test", limit=96)) <= wanted
    assert {one.id for one in labels_view(contents).shown} <= wanted


def test_labels_that_may_be_wrong_stand_with_their_evidence(digits_run):
    page = (digits_run.path / "report.html").read_text(encoding="utf-8")
    section = page.split('<section id="labels">')[1].split("</section>")[0]
    view = labels_view(read_contents(digits_run))
    assert section.count("<li>") == len(view.shown) > 10
    assert view.shown[0].id in section
    assert "--label-errors labels.csv" in section
    assert "as the network has learnt their labels" in section


def test_a_run_that_nobody_looked_at_says_how_to(digits_copy):
    (digits_copy.path / "label_errors.json").unlink()
    for file in digits_copy.path.glob("near/*.npz"):
        file.unlink()
    write_report(digits_copy)
    page = (digits_copy.path / "report.html").read_text(encoding="utf-8")
    assert "Nobody has looked for wrong labels" in page
    assert "near" not in embedded(digits_copy)["sets"][0]
    assert labels_view(read_contents(digits_copy)) is None


def test_what_is_no_share_is_refused_and_not_kept(digits_copy):
    with pytest.raises(DataError, match="classes_below must be a share of 0 to 1, got 60"):
        write_report(digits_copy, classes_below=60)
    assert not digits_copy.has("page.json")


def test_classes_below_a_threshold_are_marked_and_named(digits_copy):
    evaluation = read_contents(digits_copy).main_evaluation
    recalls = sorted(one.recall.value for one in evaluation.classes)
    below = (recalls[1] + recalls[2]) / 2
    write_report(digits_copy, classes_below=below)
    page = (digits_copy.path / "report.html").read_text(encoding="utf-8")
    assert page.count('<tr class="hard">') == 2
    assert page.count('<span class="sr">, marked</span>') == 2, "read aloud, too"
    assert "2 of 10 classes" in page
    assert f"Less than {100 * below:g}% of the pictures of" in page
    assert write_report(digits_copy).read_text(encoding="utf-8").count('<tr class="hard">') == 2, "the run keeps it"
    assert '<tr class="hard">' not in write_report(digits_copy, classes_below=0.5).read_text(encoding="utf-8")


def test_a_page_of_7677_pictures_and_55_classes_stays_below_12_megabytes(large_run):
    page = large_run.path / "report.html"
    assert page.stat().st_size < 12_000_000
    contents = read_contents(large_run)
    assert len(labels_view(contents).shown) == LABELS_SHOWN
    assert len(near_data(contents, "test")["near"]) > 300
    assert page.stat().st_size > 3_000_000  # pictures, and all that belongs to them, are in it
