"""An external test set: matched by name, scored as asked, copies found, the drop explained."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tellapart.errors import RunBusyError
from tellapart.evaluation import NearTraining, Predictions, error_at
from tellapart.progress import Progress
from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.workflow import Scoring, external, train
from tellapart.workflow.external import evaluate_external, with_external


@pytest.fixture(scope="module")
def other(tmp_path_factory, good):
    """Darker pictures of one known class, a class that is not known, and copies of training pictures."""
    folder = tmp_path_factory.mktemp("other") / "scanner"
    rng = np.random.default_rng(5)
    for name, tone, count in (("a", 10, 20), ("stranger", 120, 9)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = (tone + 30 * rng.random((12, 10, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def with_copies(other, good, run, folder):
    shutil.copytree(other, folder)
    train = [one for one in Run.open(run).load("splits")["train"] if one.startswith("a/")][:3]
    for number, one in enumerate(train):
        Image.open(good / one).save(folder / "a" / f"copy{number}.bmp")
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def record_of(called):
    assert called.status == 0, called.err
    return json.loads(called.out)["external"]


def test_unknown_classes_are_left_out_or_wrong(call, run, other):
    record = record_of(call("evaluate", run, other, "--json"))
    assert record["unknown"] == {"stranger": 9}
    assert record["missing"] == ["b"]
    assert record["unknown_unlike"]["count"] == 9
    assert len(Predictions.load(run / "predictions" / "scanner.npz")) == 20
    called = call("evaluate", run, other, "--unknown", "wrong")
    assert "9 pictures of 'stranger', which the model does not know, count as wrong" in called.out
    said = Predictions.load(run / "predictions" / "scanner.npz")
    page = (run / "report-scanner.html").read_text(encoding="utf-8")
    assert "It names the right one of 2 classes" in page
    assert "none of these pictures the name stranger" not in page
    assert said.class_names == ("a", "b", "stranger")
    assert not said.correct()[said.labels == 2].any()
    temperature = Run.open(run).load("evaluation")["temperature"]
    assert said.probabilities(temperature)[:, 2] == pytest.approx(1e-9, rel=1e-3)


def test_where_the_answer_is_kept_to_the_classes_that_are_there_its_own_test_is_scored_alike(pictures, tmp_path):
    recipe = Recipe.make(net={"name": "softmax"}, training={"epochs": 2, "threads": 1}, baselines=())
    run = train(pictures(tmp_path / "photos", ("a", "b", "c"), count=20), recipe, out=tmp_path / "run", explain=False)
    there = pictures(tmp_path / "there", ("a", "c"), count=5, seed=3)
    found = evaluate_external(run, there, scoring=Scoring(only_present=True))
    said = Predictions.load(run.path / "predictions" / "there.npz")
    assert said.class_names == ("a", "c")
    own = Predictions.load(run.path / "predictions" / "test.npz")
    rows = np.flatnonzero(own.labels != 1)
    assert (found.own.count, len(rows)) == (len(rows), 6)
    right = (own.logits[rows][:, [0, 2]].argmax(axis=1) == own.labels[rows] // 2).mean()
    assert found.own["accuracy"].value == pytest.approx(right)
    assert (
        "no pictures here of 'b', and it may not answer with them; its own test is scored alike, on 6 pictures"
        in str(found)
    )
    assert evaluate_external(run, there).own.count == len(own)


def test_a_single_class_is_no_choice(call, run, other):
    called = call("evaluate", run, other, "--only-present")
    assert called.status == 2
    assert "only 'a' has pictures here, so that with --only-present it would be the only answer" in called.err


def test_copies_of_training_pictures_are_found_and_left_out(call, run, other, good, tmp_path):
    folder = with_copies(other, good, run, tmp_path / "copied")
    record = record_of(call("evaluate", run, folder, "--json"))
    assert record["copies"] == [f"a/copy{number}.bmp" for number in range(3)]
    assert any("3 pictures are copies" in one for one in record["explained"]["sentences"])
    called = call("evaluate", run, folder, "--drop-copies")
    assert "are left out" in called.out
    assert len(Predictions.load(run / "predictions" / "copied.npz")) == 20


def test_a_run_without_its_pictures_says_that_it_cannot_look_for_copies(call, run, other):
    opened = Run.open(run)
    opened.save_recipe(opened.recipe.changed(data={"source": str(run / "gone")}))
    called = call("evaluate", run, other)
    assert called.status == 0
    assert "copies of training pictures were not looked for" in called.err
    assert "- copies of training pictures were not looked for" in called.out
    assert "darker" in called.out  # its numbers were kept
    called = call("evaluate", run, other, "--drop-copies")
    assert called.status == 2
    assert "leave --drop-copies out" in called.err


def test_pictures_of_one_size_do_not_differ_in_shape(call, run, other):
    assert "aspect ratio" not in call("evaluate", run, other).out  # 12×10 on both sides: 10/12 is no float32


def test_its_own_pictures_beside_it(call, run, other):
    called = call("evaluate", run, other)
    assert "its own test" in called.out
    assert "none of the pictures is a copy" in called.out
    assert "no pictures here of 'b'" in called.out


def test_options_of_a_source_reach_other_pictures(call, run, other, tmp_path):
    folder = shutil.copytree(other, tmp_path / "scanner")
    rows = ["bild,art", *(f"{path.relative_to(folder)},{path.parent.name}" for path in sorted(folder.rglob("*.png")))]
    (folder / "theirs.csv").write_text("\n".join(rows), encoding="utf-8")
    assert "path_column" in call("evaluate", run, folder / "theirs.csv").err
    named = ("--source-option", "path_column=bild", "--source-option", "label_column=art")
    assert record_of(call("evaluate", run, folder / "theirs.csv", *named, "--json"))["unknown"] == {"stranger": 9}


def test_options_for_other_pictures_need_some(call, run):
    called = call("evaluate", run, "--unknown", "wrong")
    assert called.status == 2
    assert "need other pictures" in called.err


NONE = "No threshold keeps the share of wrong answers at 10%"
NEVER = "With <code>--abstain-at 10%</code> it is never “not sure”"
BELOW = "With <code>--abstain-at 10%</code> it says “not sure” below a confidence of"


def validated_with(run, *, wrong):
    """Let the run have been wrong on the least sure of 20 validation pictures."""
    logits = np.stack([np.linspace(9, 1, 20), np.zeros(20)], axis=1)
    labels = (np.arange(20) >= 20 - wrong).astype(np.int64)
    said = Predictions(np.arange(20).astype(str), logits, labels, ("a", "b"))
    said.save(run / "predictions" / "validation.npz")


def sentences_of(page):
    text = page.read_text(encoding="utf-8")
    return [sentence for sentence in (NONE, NEVER, BELOW) if sentence in text]


@pytest.mark.parametrize(("wrong", "sentence"), [(20, NONE), (1, NEVER), (10, BELOW)])
def test_a_threshold_stays_in_the_run_and_its_report(call, run, wrong, sentence):
    validated_with(run, wrong=wrong)
    called = call("evaluate", run, "--abstain-at", "10%", "--json")
    assert "accuracy" in json.loads(called.out)["figures"]
    assert "validation: " in called.err
    evaluation = Run.open(run).load("evaluation")
    assert evaluation["abstain"]["max_error"] == 0.1
    said = Predictions.load(run / "predictions" / "test.npz")
    if evaluation["abstain"]["confidence"] is not None:
        coverage, error = error_at(said, evaluation["abstain"]["confidence"], temperature=evaluation["temperature"])
        assert f"test: answers {coverage}, of which {error} are wrong" in called.err
    assert sentences_of(run / "report.html") == [sentence]


def test_a_threshold_is_not_said_of_answers_that_had_fewer_classes_to_choose_from(call, pictures, tmp_path):
    three = pictures(tmp_path / "three", ("a", "b", "c"))
    options = ("--image-size", "8x8", "--net", "softmax", "--no-baselines", "--threads", "1", "--epochs", "1")
    assert call("train", three, *options, "--out", tmp_path / "run").status == 0
    two = shutil.copytree(three, tmp_path / "two", ignore=shutil.ignore_patterns("c"))
    assert call("evaluate", tmp_path / "run", two, "--only-present").status == 0
    assert call("evaluate", tmp_path / "run", "--abstain-at", "10%").status == 0
    assert sentences_of(tmp_path / "run" / "report.html")
    assert sentences_of(tmp_path / "run" / "report-two.html") == []
    page = (tmp_path / "run" / "report-two.html").read_text(encoding="utf-8")
    own = Run.open(tmp_path / "run").load("evaluation")["external"]["two"]["own"]["accuracy"]
    assert f"test, of the same classes, {own['count']:,} pictures" in page, (
        "its own figures, too, are those among the two"
    )


def test_a_share_that_is_none_is_refused_before_anything_is_evaluated(call, run, other):
    called = call("evaluate", run, other, "--abstain-at", "200%")
    assert (called.status, called.out) == (2, "")
    assert "--abstain-at must be a share" in called.err
    assert not (run / "report-scanner.html").exists()


def test_a_threshold_stands_on_the_page_of_the_other_pictures_too(call, run, other):
    validated_with(run, wrong=10)
    assert call("evaluate", run, other, "--abstain-at", "10%").status == 0
    assert sentences_of(run / "report-scanner.html") == [BELOW]


def test_other_pictures_have_a_page_of_their_own(call, run, other):
    called = call("evaluate", run, other)
    assert f"report  {run / 'report-scanner.html'}" in called.err
    assert "scanner" in (run / "report-scanner.html").read_text(encoding="utf-8")


def test_a_set_named_as_a_file_of_the_run_gets_another_name(call, run, other):
    for name in ("own", "out-of-fold"):
        called = call("evaluate", run, shutil.copytree(other, other.parent / name), "--json")
        assert called.status == 0, called.err
        assert (run / f"report-{name}-external.html").exists()


def test_other_weights_forget_what_was_measured_with_the_former(call, run, other):
    assert call("evaluate", run, other).status == 0

    heard = []

    class Heard(Progress):
        def warn(self, sentence):
            heard.append(sentence)

    opened = Run.open(run)
    kept = opened.load("evaluation")
    own = {name: kept["splits"][name] for name in kept["splits"] if name != "scanner"}
    fresh = {"model": kept["model"], "splits": own}
    assert with_external(opened, fresh, progress=Heard())["splits"] == kept["splits"]
    assert not heard
    opened.save("label_errors", {"of": "earlier weights"})
    assert with_external(opened, fresh | {"model": "another"}, progress=Heard()) == fresh | {"model": "another"}
    assert not opened.has("label_errors.json")
    assert heard == ["scanner was measured with earlier weights: tellapart evaluate measures it anew"]
    assert not list(run.rglob("*scanner*"))


def test_copies_among_what_is_left_out_flatter_nothing(call, run, other, good, tmp_path):
    folder = with_copies(other, good, run, tmp_path / "mixed")
    for file in sorted((folder / "a").glob("copy*")):
        file.rename(folder / "stranger" / file.name)
    assert record_of(call("evaluate", run, folder, "--json"))["copies"] == []
    record = record_of(call("evaluate", run, folder, "--json", "--unknown", "wrong"))
    assert record["copies"] == [f"stranger/copy{number}.bmp" for number in range(3)]


def test_copies_among_other_pictures_are_groups_and_what_is_left_out_is_said(call, run, other, tmp_path):
    folder = shutil.copytree(other, tmp_path / "copied")
    for number in range(20):
        for copy in range(3):
            shutil.copy(folder / "a" / f"{number}.png", folder / "a" / f"{number}-{copy}.png")
    (folder / "a" / "broken.png").write_bytes(b"no picture")
    called = call("evaluate", run, folder)
    said = Predictions.load(run / "predictions" / "copied.npz")
    assert (len(said), said.group_count) == (80, 20)
    assert "1 unreadable picture left out, such as 'a/broken.png': " in called.err


def test_groups_count_in_the_share_of_strangers_that_are_unlike(call, run, other):
    alone = record_of(call("evaluate", run, other, "--json"))["unknown_unlike"]
    grouped = record_of(call("evaluate", run, other, "--json", "--group-by", "(stranger|a)/"))["unknown_unlike"]
    assert grouped["value"] == alone["value"]
    assert grouped["low"] < alone["low"]


def test_both_pages_are_written_from_python_too(run, other):
    found = evaluate_external(run, other)
    assert "scanner" in (run / f"report-{found.name}.html").read_text(encoding="utf-8")


def test_two_evaluations_of_one_run_do_not_mix(run, other):
    with Run.open(run).locked(), pytest.raises(RunBusyError, match="another process is working on 'run'"):
        evaluate_external(run, other)


def test_a_folder_s_name_never_takes_a_split_s_place_and_is_not_too_long(call, run, other, tmp_path):
    for name, kept in (("Test", "Test-external"), ("照" * 80, "照" * 60)):
        call("evaluate", run, shutil.copytree(other, tmp_path / name))
        assert (run / "predictions" / f"{kept}.npz").exists()
    (tmp_path / "again").mkdir()
    shutil.copytree(other, tmp_path / "again" / "test")
    Image.new("RGB", (10, 12)).save(tmp_path / "again" / "test" / "a" / "more.png")
    call("evaluate", run, tmp_path / "again" / "test")
    assert (run / "predictions" / "test-external-2.npz").exists()


def test_damaged_statistics_are_said(call, run, other):
    file = run / "statistics.npz"
    file.write_bytes(file.read_bytes()[:100])
    called = call("evaluate", run, other)
    assert called.status == 2
    assert "statistics.npz' is damaged" in called.err


def test_copies_of_validation_pictures_are_found(call, run, other, good, tmp_path):
    folder = shutil.copytree(other, tmp_path / "seen")
    one = next(name for name in Run.open(run).load("splits")["validation"] if name.startswith("a/"))
    Image.open(good / one).save(folder / "a" / "seen.bmp")
    assert record_of(call("evaluate", run, folder, "--json"))["copies"] == ["a/seen.bmp"]


def test_an_unknown_class_is_never_among_the_first_five(call, run, other, tmp_path):
    folder = shutil.copytree(other, tmp_path / "many")
    for name in ("c", "d", "e", "f"):
        shutil.copytree(folder / "stranger", folder / name)
    called = call("evaluate", run, folder, "--unknown", "wrong")
    assert called.status == 0, called.err
    assert "top 5" not in called.out
    figures = Run.open(run).load("evaluation")["splits"]["many"]["figures"]
    assert "top_5" not in figures


def test_a_baseline_is_a_part_of_its_run_and_stays_as_it_is(call, run, other):
    baseline = run / "baselines" / "softmax"
    baseline.mkdir(parents=True)
    for name in ("recipe.json", "model.safetensors"):
        shutil.copy(run / name, baseline)
    before = {path.name for path in baseline.iterdir()}
    called = call("evaluate", baseline, other)
    assert called.status == 2
    assert "is a part of the run" in called.err
    assert {path.name for path in baseline.iterdir()} == before


def test_where_all_are_copies_that_is_said(call, run, good, tmp_path):
    for one in Run.open(run).load("splits")["train"]:
        (tmp_path / "same" / one).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(good / one, tmp_path / "same" / one)
    called = call("evaluate", run, tmp_path / "same", "--drop-copies")
    assert called.status == 2
    assert "can be read and scored: " in called.err
    assert "are copies of training or validation pictures" in called.err


def test_a_class_that_is_left_out_and_comes_first_changes_nothing_else(trained, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(external, "write_report", lambda *_, **__: None)
    alone = pictures(tmp_path / "alone" / "there", count=8, seed=5)
    for number in range(4):
        (alone / "a" / f"{number}.png").rename(alone / "b" / f"wrong{number}.png")
    stripes = np.zeros((12, 10, 3), dtype=np.uint8)
    for number in range(1, 4):  # the last ones are unlike anything in training
        stripes[::2] = 255 - number
        Image.fromarray(stripes).save(alone / "b" / f"z{number}.png")
    mixed = shutil.copytree(alone, tmp_path / "mixed" / "there")
    (pictures(tmp_path / "more", count=5, seed=9) / "b").rename(mixed / "0 stranger")
    (mixed / "0 stranger" / "0.png").write_bytes(b"no picture")
    found, near = [], []
    for folder in (alone, mixed):
        run = shutil.copytree(trained, folder.parent / "run")
        found.append(evaluate_external(run, folder))
        near.append(NearTraining.load(run / "near" / "there.npz"))
    assert [one.unknown for one in found] == [{}, {"0 stranger": 4}]
    assert found[0].explanation.unlike.value not in (0, 1)
    assert len(near[0]) > 3
    assert found[1].explanation.sentences() == found[0].explanation.sentences()
    for field in ("ids", "near_ids"):
        assert getattr(near[1], field).tolist() == getattr(near[0], field).tolist()
    np.testing.assert_allclose(near[1].distances, near[0].distances, atol=1e-5)
