"""Thumbnails, the choice of pictures, words, ticks, fonts and Matplotlib figures."""

from __future__ import annotations

import dataclasses
import io
import logging
import re
import weakref

import numpy as np
import pytest
from PIL import Image

from tellapart.errors import DataError, RunCorruptError
from tellapart.evaluation import Predictions, evaluate, find_mistakes
from tellapart.machine import usable_processors
from tellapart.recipe import Recipe
from tellapart.report import (
    choose_fonts,
    confusion_figure,
    curves_figure,
    reliability_figure,
    save_thumbnails,
    wanted_pictures,
    write_report,
)
from tellapart.report.charts import TOP, Line, line_chart, nice_ticks, whole_ticks
from tellapart.report.contents import read_contents
from tellapart.report.page import _rate_chart
from tellapart.report.plain import _not_sure, _sure
from tellapart.report.selection import MOST
from tellapart.report.thumbnails import encode_thumbnail, load_thumbnails
from tellapart.report.warnings import warnings_of
from tellapart.run import Run
from tellapart.wording import percent


def decoded(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)))


def test_small_pictures_keep_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (28, 20, 3), dtype=np.uint8)
    assert (decoded(encode_thumbnail(pixels)) == pixels).all()


@pytest.mark.parametrize("shape", [(300, 200, 3), (80, 60, 1), (97, 5), (1, 4000, 3)])
def test_thumbnails_are_at_most_96_pixels_and_look_alike(shape):
    height, width = shape[:2]
    ramp = np.linspace(0, 255, height)[:, None] * np.ones((1, width))
    pixels = (ramp if len(shape) == 2 else np.repeat(ramp[..., None], shape[2], axis=2)).astype(np.uint8)
    encoded = encode_thumbnail(pixels)
    small = decoded(encoded)
    assert max(small.shape[:2]) == min(96, max(shape[:2]))
    assert abs(float(small.mean()) - float(pixels.mean())) < 6
    assert len(encoded) < 4000


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_what_is_no_picture_is_refused(pixels):
    with pytest.raises(DataError, match="a picture must be uint8"):
        encode_thumbnail(pixels)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (
            {"confidence": 0.0, "max_error": 0.05},
            "With <code>--abstain-at 5%</code> it is never “not sure”",
        ),
        (
            {"confidence": 0.9996, "max_error": 0.01},
            "With <code>--abstain-at 1%</code> it says “not sure” below a confidence of 99.96%",
        ),
        ({"confidence": None, "max_error": 0.01, "note": "too few"}, "No threshold keeps the share of wrong answers"),
    ],
)
def test_the_page_says_when_it_is_not_sure(digits_run, threshold, expected):
    contents = dataclasses.replace(read_contents(digits_run), abstain=threshold)
    assert any(expected in sentence for sentence in _not_sure(contents))


def test_what_is_more_than_chance_is_more_in_print(digits_run):
    contents = read_contents(digits_run)
    evaluation = contents.evaluations[contents.main]
    figures = {
        **evaluation.figures,
        "calibration_error": dataclasses.replace(evaluation["calibration_error"], value=0.0234),
        "calibration_error_by_chance": dataclasses.replace(evaluation["calibration_error_by_chance"], high=0.0231),
    }
    changed = {contents.main: dataclasses.replace(evaluation, figures=figures)}
    said = " ".join(_sure(dataclasses.replace(contents, evaluations=changed)))
    assert "more (2.34%) than chance alone would show, which is at most 2.31%" in said


def test_thumbnails_come_back_by_id(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make())
    ids = ["猫/ä.png", "</script>", "a\x00", "\udcff.png", ""]
    save_thumbnails(run, {id: np.full((4, 4), i, np.uint8) for i, id in enumerate(ids)}.items())
    kept = load_thumbnails(run)
    assert list(kept) == ids
    assert all(address.startswith("data:image/png;base64,") for address in kept.values())
    save_thumbnails(run, {}.items())
    assert load_thumbnails(run) == {}
    assert load_thumbnails(run, external="external") == {}


def test_the_worst_mistakes_and_every_class_are_wanted(digits_run):
    wanted = wanted_pictures(digits_run)
    assert len(wanted) == len(set(wanted)) <= MOST
    document = digits_run.load("evaluation")
    said = Predictions.load(digits_run.path / "predictions" / "test.npz")
    assert {m.id for m in find_mistakes(said, temperature=document["temperature"])} <= set(wanted)
    labels = dict(zip(said.ids.tolist(), said.labels.tolist(), strict=True))
    assert {labels[id] for id in wanted if id in labels} == set(range(10))
    audit = digits_run.load("audit")
    assert {id for finding in audit["findings"] for group in finding["ids"] for id in group} <= set(wanted)


def test_the_pictures_of_a_large_run_are_capped(large_run):
    assert 600 < len(wanted_pictures(large_run)) <= MOST


def test_external_sets_have_their_own_pictures(digits_copy):
    run = digits_copy
    said = Predictions.load(run.path / "predictions" / "test.npz")
    said.save(run.path / "predictions" / "external.npz")
    document = run.load("evaluation")
    document["splits"]["external"] = evaluate(said).to_dict()
    run.save("evaluation", document)
    wanted = wanted_pictures(run, external="external")
    assert wanted
    save_thumbnails(run, {id: np.zeros((8, 8), np.uint8) for id in wanted}.items(), external="external")
    assert list(load_thumbnails(run, external="external")) == wanted
    page = write_report(run).read_text(encoding="utf-8")
    assert "external, 697 pictures" in page
    assert '"store":"external"' in page
    with pytest.raises(DataError, match="external must be one of"):
        wanted_pictures(run, external="nowhere")


@pytest.mark.parametrize(("low", "high"), [(0.13, 2.3), (0, 1), (0.91, 0.95), (5, 5), (0, 0), (0, 7677), (1e-6, 3e-6)])
def test_ticks_are_round_and_cover_the_data(low, high):
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low + 1e-12
    assert ticks[-1] >= high - 1e-12
    assert 2 <= len(ticks) <= 8
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0])


def test_ticks_of_epochs_are_whole():
    assert whole_ticks(1, 12) == [1, 5, 10, 12]
    assert whole_ticks(1, 2) == [1, 2]


def test_the_chart_of_the_range_test_has_rates_on_its_axis():
    rates = np.geomspace(1e-5, 0.4, 20).tolist()
    chart = str(_rate_chart({"rates": rates, "smoothed": [2.0] * 20, "found": 0.01, "seconds": 1.0}))
    ticks = re.findall(r'<text class="tick (?:start|middle|end)" x="[0-9.]+" y="246[^>]*>([^<]+)<', chart)
    assert ticks == ["1e-05", "0.0001", "0.001", "0.01", "0.1"]
    assert "loss, learning rate 0.4: 2" in chart
    assert "epoch" not in chart


def test_a_font_for_chinese_names_is_found_or_its_lack_is_said(caplog):
    with caplog.at_level(logging.WARNING, logger="tellapart"):
        choice = choose_fonts(["零", "a"])
    if choice.missing:
        assert "no installed font has" in caplog.text
        assert choice.drawable("零a") == "⟨96F6⟩a"
    else:
        assert len(choice.families) == 2
        assert choice.note == ""


def test_signs_without_a_font_are_said_and_stand_as_codes(caplog):
    private = "\U0010fffd"
    with caplog.at_level(logging.WARNING, logger="tellapart"):
        choice = choose_fonts([f"cat{private}"])
    assert choice.missing == {private}
    assert "U+10FFFD" in caplog.text
    assert choice.drawable(f"cat{private}") == "cat⟨10FFFD⟩"


def test_figures_are_drawn_and_leave_matplotlib_as_it_was(digits_run):
    import matplotlib

    before = dict(matplotlib.rcParams)
    document = digits_run.load("evaluation")
    said = Predictions.load(digits_run.path / "predictions" / "test.npz")
    figures = [
        curves_figure(digits_run),
        confusion_figure(evaluate(said)),
        reliability_figure(said, temperature=document["temperature"]),
    ]
    for figure in figures:
        memory = io.BytesIO()
        figure.savefig(memory, format="png", dpi=60)  # a sign without a font would warn, and fail the test
        assert decoded(memory.getvalue()).std() > 1
    assert dict(matplotlib.rcParams) == before


def test_dollar_signs_in_names_are_no_formulas():
    said = Predictions(list("abcd"), np.eye(4, 2), [0, 1, 0, 1], ("$a_{", "b$\\frac"))
    confusion_figure(evaluate(said)).savefig(io.BytesIO(), format="png", dpi=50)


def test_curves_need_an_epoch(tmp_path):
    with pytest.raises(RunCorruptError, match="no epoch"):
        curves_figure(Run.create(tmp_path / "run", Recipe.make()))


def test_a_run_that_saw_each_picture_once_has_no_curves_and_is_not_called_broken(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make())
    run.save("training", {"epochs": 0, "best_epoch": 0})
    with pytest.raises(DataError, match="saw each picture once"):
        curves_figure(run)


def test_one_epoch_and_a_flat_curve_are_drawn_truly():
    one = line_chart([Line("loss", "first", [(1.0, 2.0)])], title="", description="", x_label="epoch", y_format=str)
    assert re.findall(r'<text class="tick middle"[^>]*>([^<]*)<', one) == ["1"]
    flat = Line("accuracy", "first", [(1.0, 1.0), (2.0, 1.0)])
    drawn = line_chart([flat], title="", description="", x_label="epoch", y_format=percent, y_top=1.0)
    assert {float(y) for y in re.findall(r'cy="([^"]*)"', drawn)} == {TOP}
    flat = Line("loss", "first", [(1.0, 2.301), (2.0, 2.303)])
    drawn = line_chart([flat], title="", description="", x_label="epoch", y_format=lambda loss: f"{loss:.3g}")
    labels = re.findall(r'<text class="tick end" x="44[^>]*>([^<]*)<', drawn)
    assert len(set(labels)) == len(labels) > 2


def test_few_pictures_are_held_at_a_time(tmp_path):
    alive, most = set(), []

    def pictures():
        for number in range(60):
            pixels = np.full((64, 64, 3), number, np.uint8)
            alive.add(number)
            weakref.finalize(pixels, alive.discard, number)
            most.append(len(alive))
            yield str(number), pixels

    run = Run.create(tmp_path / "run", Recipe.make())
    save_thumbnails(run, pictures())
    assert list(load_thumbnails(run)) == [str(number) for number in range(60)]
    assert max(most) <= 3 * usable_processors() + 3


def test_a_curve_at_nought_has_no_axis_below_it():
    flat = Line("accuracy", "first", [(1.0, 0.0), (2.0, 0.0)])
    drawn = line_chart([flat], title="", description="", x_label="epoch", y_format=percent, y_top=1.0)
    labels = re.findall(r'<text class="tick end" x="44[^>]*>([^<]*)<', drawn)
    assert "0%" in labels
    assert not any(label.startswith(("-", "−")) for label in labels)


@pytest.mark.parametrize(("found", "warned"), [(6, False), (0, True)])
def test_better_than_the_largest_class_is_judged_picture_by_picture(digits_copy, found, warned):
    """285 of 300 are healthy and named so, and of 15 ill ones some are found: six of them are no chance."""
    labels = np.array([0] * 285 + [1] * 15)
    answers = np.array([0] * 285 + [1] * found + [0] * (15 - found))
    said = Predictions(np.arange(300).astype(str), np.eye(2)[answers] * 3, labels, ("healthy", "ill"))
    run = digits_copy
    said.save(run.path / "predictions" / "test.npz")
    document = run.load("evaluation")
    document["splits"]["test"] = evaluate(said, majority_class="healthy").to_dict()
    document["baselines"] = {}
    run.save("evaluation", document)
    sentences = " ".join(map(str, warnings_of(read_contents(run))))
    assert ("better than always naming the largest class" in sentences) == warned
