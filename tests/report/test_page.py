"""The page: what it holds, that nothing from outside becomes markup, that it asks for nothing."""

from __future__ import annotations

import html.parser
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tellapart.errors import RunCorruptError
from tellapart.evaluation import Predictions, evaluate
from tellapart.recipe import Recipe
from tellapart.report import page_data, save_thumbnails, wanted_pictures, write_report
from tellapart.report.contents import read_contents
from tellapart.report.page import render
from tellapart.run import Run

NASTY = ["</script><img src=x onerror=alert(1)>", "\"'><svg onload=alert(1)>", "{{ 7*7 }}<!--", "a\u2028b&amp;\u202ec"]


class Tags(html.parser.HTMLParser):
    """Every start tag with its attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.text, self.inside = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text.append(data)


def read(run: Run) -> str:
    return (run.path / "report.html").read_text(encoding="utf-8")


def block(page: str, name: str):
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def test_the_sections_stand_in_their_order(digits_run):
    page = Tags(read(digits_run))
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections == ["summary", "figures", "curves", "classes", "confusion", "mistakes", "labels", "confidence",
                        "audit", "recipe"]  # fmt: skip


def test_the_figures_are_those_of_the_evaluation(digits_run):
    text = " ".join(Tags(read(digits_run)).text)
    document = digits_run.load("evaluation")
    said = Predictions.load(digits_run.path / "predictions" / "test.npz")
    accuracy = evaluate(said, temperature=document["temperature"])["accuracy"]
    assert accuracy.short() in text
    assert accuracy.interval() in text
    assert f"{int(said.correct().sum())} get the right name" in text
    for name in said.class_names:
        assert name in text


def test_no_resource_is_asked_for(digits_run, large_run):
    for run in (digits_run, large_run):
        page = read(run)
        assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", page)
        for tag, attrs in Tags(page).tags:
            assert not {"href", "src", "srcset", "action", "style"} & {
                k for k in attrs if (attrs[k] or "")[:1] != "#"
            }, tag
            assert not [key for key in attrs if key.startswith("on")]
        policy = next(a["content"] for t, a in Tags(page).tags if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; img-src data:;")
        assert "unsafe" not in policy


def nasty_run(path) -> Run:
    rng = np.random.default_rng(0)
    names = tuple(NASTY)
    labels = rng.integers(0, 4, 120)
    logits = rng.normal(size=(120, 4)) + 2 * np.eye(4)[labels]
    ids = [f"{NASTY[i % 4]}/{i}" for i in range(120)]
    said = Predictions(ids, logits, labels, names)
    run = Run.create(path, Recipe.make(data={"source": NASTY[0]}))
    splits = {"test": evaluate(said).to_dict(), NASTY[1]: evaluate(said).to_dict()}
    said.save(run.path / "predictions" / "test.npz")
    run.save("evaluation", {"temperature": 1.0, "splits": splits, "baselines": {NASTY[0]: splits}, "leaks": {}})
    run.save("choices", [{"field": NASTY[0], "value": NASTY[1], "reason": NASTY[2]}])
    run.save("training", {"best_epoch": 1, "epochs": 1, "stopped": "", "seconds": 1.0, "findings": [["x", NASTY[0]]]})
    run.save("environment", {"processor": NASTY[0], "data": {"source": NASTY[1]}, "versions": {NASTY[0]: NASTY[1]}})
    counts = {"all": dict.fromkeys(names, 30)}
    finding = {"severity": "warning", "code": "constant", "sentence": NASTY[0], "ids": [[ids[0]]], "total": 1}
    run.save("audit", {"pictures": 120, "class_names": list(names), "counts": counts, "distributions": {},
                       "modes": {NASTY[0]: 120}, "kind": {"name": NASTY[0], "reason": NASTY[1]},
                       "findings": [finding]})  # fmt: skip
    run.save("splits", {"test": ids, "notes": [NASTY[0]]})
    run.mark("failed", NASTY[0])
    save_thumbnails(run, {id: np.zeros((8, 8, 1), dtype=np.uint8) for id in wanted_pictures(run)}.items())
    return run


def test_names_from_strangers_stay_text(tmp_path):
    run = nasty_run(tmp_path / "run")
    write_report(run)
    page = read(run)
    tags = Tags(page)
    assert sum(tag == "script" for tag, _ in tags.tags) == 3
    assert not [attrs for tag, attrs in tags.tags if tag == "img" and "data-picture" not in attrs]
    assert not [key for _, attrs in tags.tags for key in attrs if key.startswith("on")]
    assert "49<!--" not in page
    assert block(page, "data")["sets"][0]["classes"] == NASTY
    assert set(block(page, "pictures")["own"]) <= set(block(page, "data")["sets"][0]["ids"])


@pytest.mark.browser
def test_nothing_is_run_that_is_not_the_page_s_own(tmp_path, browser):
    run = nasty_run(tmp_path / "run")
    write_report(run)
    page = browser.new_page()
    dialogs, errors = [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((run.path / "report.html").as_uri())
    page.locator("#matrix .cell").first.click()
    page.keyboard.press("Escape")
    assert page.locator("#mistakes-gallery .card").count() > 0
    assert page.locator("#mistakes-class option").nth(1).inner_text().startswith(f"\u2068{NASTY[0]}\u2069")
    assert dialogs == []
    assert errors == []
    page.close()


def test_a_run_without_results_has_a_page_that_says_so(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make())
    run.mark("failed", "the disk is full: make room")
    text = " ".join(Tags(write_report(run).read_text(encoding="utf-8")).text)
    assert "This run has no figures yet" in text
    assert "This run failed: the disk is full: make room." in text


def test_validation_stands_in_for_a_missing_test_split(digits_copy):
    run = digits_copy
    document = run.load("evaluation")
    del document["splits"]["test"], document["baselines"]["softmax"]["test"]
    run.save("evaluation", document)

    def text():
        return " ".join(Tags(write_report(run).read_text(encoding="utf-8")).text)

    assert "The test pictures have not been looked at yet" in text()
    assert "though they chose the epoch and how sure it is" in text()
    run.save("splits", {**run.load("splits"), "test": []})
    assert (
        "There is no test split. The figures are those of the validation pictures, which also chose the best" in text()
    )
    run.save("recipe", Recipe.make(training={"transfer": "features"}).model_dump(mode="json"))
    assert "which also chose how sure its answers are" in text()
    assert "though they chose how sure it is" in text()


def test_a_training_in_progress_has_a_page(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make())
    epoch = {"epoch": 1, "train_loss": 1, "validation_loss": 2.5, "train_accuracy": 0.5, "validation_accuracy": 0.25}
    run.append_history(epoch)
    page = Tags(write_report(run).read_text(encoding="utf-8"))
    assert "This run is not finished" in " ".join(page.text)
    assert "25.00%" in page.text
    run.append_history({"epoch": 2})
    with pytest.raises(RunCorruptError, match=r"history\.jsonl"):
        write_report(run)


def test_the_best_epoch_is_found_where_others_were_left_out(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make())
    for epoch, train_accuracy in ((1, 0.5), (5, 0.9)):
        run.append_history(
            {"epoch": epoch, "train_loss": 1, "validation_loss": 2, "validation_accuracy": 0.4}
            | {"train_accuracy": train_accuracy}
        )
    run.save("training", {"best_epoch": 5, "epochs": 2, "stopped": "all epochs done", "seconds": 1.0, "findings": []})
    text = " ".join(Tags(write_report(run).read_text(encoding="utf-8")).text)
    assert "trained for 2 epochs" in text
    assert "the weights of epoch 5 are kept" in text
    assert "best: epoch 5" in text
    assert "right 50 points more often on its training pictures" in text


def test_a_damaged_file_is_named(digits_copy):
    run = digits_copy
    run.write_text("choices.json", '{"not": "a list"}')
    with pytest.raises(RunCorruptError, match=r"choices\.json"):
        write_report(run)
    run.write_text("choices.json", "[]")
    run.write_text("thumbnails.npz", "no archive")
    with pytest.raises(RunCorruptError, match=r"thumbnails\.npz"):
        write_report(run)


def test_a_training_that_did_not_learn_is_said(digits_copy):
    run = digits_copy
    findings = [("chance", "this training does not learn: try --learning-rate 0.001")]
    run.save("training", {**run.load("training"), "findings": findings})
    text = " ".join(Tags(write_report(run).read_text(encoding="utf-8")).text)
    assert "This training does not learn: try --learning-rate 0.001." in text


def test_the_large_page_is_small_enough(large_run):
    assert (large_run.path / "report.html").stat().st_size < 12e6


def test_the_same_run_gives_the_same_page(digits_run):
    before = read(digits_run)
    write_report(digits_run)
    assert read(digits_run) == before


def test_no_torch_is_imported():
    code = "import sys, tellapart.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pictures_beyond_the_page_s_room_are_left_out_the_least_telling_first(digits_run, monkeypatch):
    contents = read_contents(digits_run)
    everything = list(page_data.embedded_pictures(contents)["own"])
    monkeypatch.setattr(page_data, "PICTURE_CHARACTERS", 4000)
    some = page_data.embedded_pictures(contents)["own"]
    assert 0 < sum(map(len, some.values())) <= 4000
    assert list(some)[:5] == everything[:5]


def test_the_names_of_pictures_count_for_the_size_of_the_page(digits_run, monkeypatch):
    contents = read_contents(digits_run)
    monkeypatch.setattr(page_data, "PAGE_BYTES", 0)
    most = len(render(contents).encode()) + 20_000
    monkeypatch.setattr(page_data, "PAGE_BYTES", most)
    assert most - 500 < len(render(contents).encode()) <= most


def tables(section: str) -> dict[str, list[list[str]]]:
    """Return each table's cells by its name."""
    found = re.findall(r'aria-label="Table of ([^"]+)">(.*?)</table>', section, re.DOTALL)
    rows = {name: re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL) for name, table in found}
    return {name: [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in table] for name, table in rows.items()}


def test_the_histograms_of_the_audit_stand_as_tables_too(digits_run):
    section = read(digits_run).split('<section id="audit">')[1].split("</section>")[0]
    audit, found = digits_run.load("audit"), tables(section)
    assert list(found) == ["brightness, grey levels", "contrast, grey levels"]
    assert section.count('<svg class="chart"') == section.count("The same as a table") == 2
    for name, rows in found.items():
        counts = [count for count in audit["distributions"][name.split(",")[0]]["counts"] if count]
        assert [int(cells[1].replace(",", "")) for cells in rows] == counts
        assert sum(counts) == audit["pictures"]
        assert len({cells[0] for cells in rows}) == len(rows)


def test_the_range_test_stands_as_a_table_too(digits_copy):
    rates, smoothed = np.geomspace(1e-5, 0.4, 20).tolist(), np.linspace(2.3, 1.1, 20).tolist()
    digits_copy.save("learning_rate", {"rates": rates, "smoothed": smoothed, "found": 0.01, "seconds": 1.0})
    section = write_report(digits_copy).read_text(encoding="utf-8").split('<section id="curves">')[1]
    rows = tables(section.split("</section>")[0])["loss by learning rate"]
    assert rows[0] == ["1e-05", "2.3000"]
    assert rows[-1] == ["0.4", "1.1000"]
    assert len(rows) == 20


def test_the_address_of_weights_is_shown_without_its_secrets(tmp_path):
    address = "https://somebody:pa%40ss@host.test/some/w.pth?signature=0a1b2c#part"
    run = Run.create(tmp_path / "run", Recipe.make(net={"name": "resnet18", "weights": address}))
    page = write_report(run).read_text(encoding="utf-8")
    assert "<dd>https://host.test/some/w.pth</dd>" in page
    assert not re.search("somebody|pa%40ss|signature|0a1b2c", page)
