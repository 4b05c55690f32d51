"""predict: not sure, unlike anything in training, and a table that a spreadsheet opens without harm."""

import csv
import io
import json
import os
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from tellapart import workflow
from tellapart.classifier import Answer, Classifier
from tellapart.cli import predict as verb
from tellapart.cli.options import json_text
from tellapart.errors import DataError, UnwritableError
from tellapart.evaluation import Predictions, spreadsheet_plain
from tellapart.workflow import prediction
from tellapart.workflow.prediction import read_in_batches


def replaced_validation(run, folder, *, confident):
    """Copy a run whose validation pictures were right where confident, and wrong where not."""
    shutil.copytree(run, folder)
    file = folder / "predictions" / "validation.npz"
    said = Predictions.load(file)
    confident *= json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["temperature"]
    logits = np.zeros((100, 2))
    logits[:50, 0], logits[50:, 0] = confident, confident / 2
    labels = np.repeat([0, 1], 50)
    Predictions([str(i) for i in range(100)], logits, labels, said.class_names).save(file)
    return folder


def test_below_the_validation_s_threshold_it_is_not_sure(call, good, trained, tmp_path):
    run = replaced_validation(trained, tmp_path / "run", confident=20.0)
    pictures = [good / "a" / "0.png", good / "b" / "0.png"]
    called = call("predict", run, *pictures, "--abstain-at", "1%")
    assert "not sure below" in called.err
    assert "answers 50.0%" in called.err
    assert called.out.count(": not sure (") == 2
    record = json.loads(call("predict", run, pictures[0], "--abstain-at", "0.01", "--json").out)
    assert record["sure"] is False
    assert record["name"] in ("a", "b")
    assert json.loads(call("predict", run, pictures[0], "--json").out)["sure"] is None
    easy = call("predict", run, pictures[0], "--abstain-at", "60%", "--csv")
    assert next(csv.DictReader(io.StringIO(easy.out)))["sure"] == "yes"


def test_a_baseline_s_folder_knows_a_threshold_too(call, good, trained, tmp_path):
    run = replaced_validation(trained, tmp_path / "run", confident=20.0)
    (run / "evaluation.json").unlink()  # a baseline's folder and a fold's have none
    assert "answers 50.0%" in call("predict", run, good / "a" / "0.png", "--abstain-at", "1%").err


def test_where_no_threshold_keeps_the_promise_nothing_is_sure(call, good, trained, tmp_path):
    run = replaced_validation(trained, tmp_path / "run", confident=0.0)
    called = call("predict", run, good / "a" / "0.png", "--abstain-at", "1%")
    assert "no threshold keeps the error at 1%" in called.err
    assert "not sure" in called.out


def test_a_model_file_alone_cannot_choose_a_threshold(call, good, trained):
    called = call("predict", trained / "model.safetensors", good / "a" / "0.png", "--abstain-at", "1%")
    assert called.status == 2
    assert "give the run folder" in called.err
    assert call("predict", trained, good / "a" / "0.png", "--abstain-at", "2").status == 2


def test_classes_that_a_table_has_no_columns_for_are_refused(call, good, trained):
    called = call("predict", trained, good / "a" / "0.png", "--csv", "--top", 2)
    assert called.status == 2
    assert "--top would be ignored in a table" in called.err


def test_nothing_is_printed_where_a_picture_is_not_there(call, trained):
    called = call("predict", trained, "missing.png", "--csv")
    assert called.status == 2
    assert called.out == ""


def test_an_answer_is_as_exact_as_the_threshold_that_it_is_held_to(trained):
    classifier = Classifier.load(trained)
    logits = np.array([[0.0, 19.0], [0.0, 22.0]], dtype=np.float32) * classifier.description.temperature
    said = Predictions(["a", "b"], logits, [1, 1], classifier.class_names)
    found = classifier._calibrated(logits).max(axis=1)
    assert found == pytest.approx(said.confidence(classifier.description.temperature), abs=1e-12)
    assert found[0] < found[1] < 1, "in float32 both are 1"


def test_a_batch_ends_with_the_picture_that_fills_it():
    def read(file):
        if file == "bad":
            raise DataError("no picture")
        return np.zeros((10, 10, 1), dtype=np.uint8)

    batches = list(read_in_batches(["a", "b", "bad", "c", "d"], read, most=200))
    assert [[one.file for one in batch] for batch in batches] == [["a", "b"], ["bad", "c", "d"]]
    assert [one.problem for one in batches[1]] == ["no picture", "", ""]
    assert [len(batch) for batch in read_in_batches(["a"] * 130, read)] == [64, 64, 2]


def test_each_processor_reads_a_file_and_their_order_stays(monkeypatch):
    monkeypatch.setattr(prediction, "usable_processors", lambda: 2)
    both = threading.Barrier(2, timeout=20)

    def read(file):
        both.wait()  # passed by two at a time
        return np.full((1, 1, 1), int(file), dtype=np.uint8)

    (batch,) = read_in_batches([str(n) for n in range(6)], read)
    assert [int(one.pixels[0, 0, 0]) for one in batch] == list(range(6))


def test_standard_input_is_read_by_the_thread_that_ctrl_c_ends(monkeypatch):
    threads = []

    def read(file):
        threads.append((file, threading.current_thread() is threading.main_thread()))
        return np.zeros((1, 1, 1), dtype=np.uint8)

    list(read_in_batches(["a", "-"], read))
    assert sorted(threads) == [("-", True), ("a", False)]


def test_few_bytes_wait_for_others(monkeypatch):
    monkeypatch.setattr(prediction, "usable_processors", lambda: 8)
    monkeypatch.setattr(prediction, "WAITING_BYTES", 250)
    taken, read_by_then = 0, []

    def read(file):
        read_by_then.append(file)
        return np.zeros((10, 10, 1), dtype=np.uint8)

    for batch in read_in_batches([str(n) for n in range(40)], read, most=100):
        taken += len(batch)
        assert len(read_by_then) - taken <= 11, "eight that are being read, and three that fill what may wait"


def test_a_file_s_name_commands_no_terminal(call, good, trained, tmp_path):
    evil = tmp_path / "a\x1b[2J\x1b]0;mine\x07.png"
    shutil.copy(good / "a" / "0.png", evil)
    (tmp_path / "b\x1b[31m.png").write_bytes(b"no picture")
    called = call("predict", trained, tmp_path)
    assert "\x1b" not in called.out + called.err
    assert "a\\x1b[2J\\x1b]0;mine\\x07.png: " in called.out
    assert "b\\x1b[31m.png: not a picture" in called.err


def test_a_folder_that_is_closed_costs_the_other_pictures_nothing(call, good, trained, tmp_path, monkeypatch):
    shutil.copytree(good / "a", tmp_path / "open")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    called = call("predict", trained, tmp_path)
    assert called.status == 1
    assert f"{tmp_path / 'closed'}: the folder cannot be looked into: Permission denied" in called.err
    assert called.out.count(str(tmp_path / "open")) == len(list((good / "a").iterdir()))


def test_a_link_in_a_folder_that_leads_nowhere_is_said(call, good, trained, tmp_path):
    shutil.copy(good / "a" / "0.png", tmp_path / "there.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    called = call("predict", trained, tmp_path, "--csv")
    rows = list(csv.DictReader(io.StringIO(called.out)))
    assert [(row["file"], bool(row["name"])) for row in rows] == [
        (str(tmp_path / "gone.png"), False),
        (str(tmp_path / "there.png"), True),
    ]
    assert "No such file" in rows[0]["problem"]


def test_a_folder_without_pictures_is_said_before_any_answer(call, good, trained, tmp_path):
    (tmp_path / "empty").mkdir()
    called = call("predict", trained, good / "a" / "0.png", tmp_path / "empty", good)
    assert (called.status, called.out) == (2, "")
    assert "there are no pictures in the folder" in called.err


def test_json_is_json_where_the_output_has_ascii_alone(monkeypatch):
    class Ascii(io.StringIO):
        encoding = "ascii"

    monkeypatch.setattr("sys.stdout", Ascii())
    assert json_text({"name": "é🐈"}) == '{"name": "\\u00e9\\ud83d\\udc08"}'
    Ascii.encoding = "UTF-8"
    assert json_text({"name": "é🐈"}) == '{"name": "é🐈"}'


def test_a_picture_unlike_any_is_said(call, trained, tmp_path):
    stripes = np.zeros((12, 10, 3), dtype=np.uint8)
    stripes[::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    called = call("predict", trained, tmp_path / "stripes.png")
    assert called.out.endswith("; unlike anything in training\n")
    record = json.loads(call("predict", trained, tmp_path / "stripes.png", "--json").out)
    assert record["novelty"] > 1
    assert record["unlike"] is True


def test_the_table_is_safe_for_spreadsheets(call, trained, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(good / "a" / "0.png", tmp_path / "=cmd()!A1.png")
    (tmp_path / "+broken.png").write_bytes(b"no picture")
    called = call("predict", trained, "=cmd()!A1.png", "+broken.png", "--csv")
    rows = list(csv.DictReader(io.StringIO(called.out)))
    assert [row["file"] for row in rows] == ["'=cmd()!A1.png", "'+broken.png"]
    assert spreadsheet_plain(rows[0]["file"]) == "=cmd()!A1.png"
    assert (rows[1]["name"], rows[1]["probability"], rows[1]["novelty"]) == ("", "", "")
    assert rows[1]["problem"]


def test_what_was_answered_before_a_stop_is_kept(call, trained, good, tmp_path, monkeypatch):
    predict = workflow.predict

    def stopped(*given, **options):
        for number, found in enumerate(predict(*given, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(workflow, "predict", stopped)
    called = call("predict", trained, good / "a", "--out", tmp_path / "names.csv")
    assert called.status == 130
    assert "stopped: the answers so far are in " in called.err
    assert len((tmp_path / "names.csv").read_text(encoding="utf-8-sig").splitlines()) == 4
    call("predict", trained, good / "a", "--out", tmp_path / "names.csv")
    assert (tmp_path / "names-2.csv").exists(), "a table that is there is not replaced by a part of one"


def test_a_table_that_is_held_open_meanwhile_is_written_beside(call, trained, good, tmp_path, monkeypatch):
    target, write = tmp_path / "names.csv", verb.write_whole

    def held(path, content):
        if path == target:
            raise UnwritableError("it is open elsewhere")
        write(path, content)

    monkeypatch.setattr(verb, "write_whole", held)
    called = call("predict", trained, good / "a" / "1.png", "--out", target)
    assert called.status == 0
    assert "it is open elsewhere: the table is in " in called.err
    assert (tmp_path / "names-2.csv").exists()


def test_a_table_goes_to_a_file_whole_and_in_letters_that_excel_reads(call, trained, good, tmp_path):
    shutil.copy(good / "a" / "0.png", tmp_path / "猫.png")
    printed = call("predict", trained, tmp_path, "--csv")
    called = call("predict", trained, tmp_path, "--out", tmp_path / "new" / "names.csv")
    assert (called.status, called.out) == (0, "")
    written = (tmp_path / "new" / "names.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    assert written.decode("utf-8-sig") == printed.out
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")  # no UTF-8
    shutil.copy(good / "a" / "0.png", odd)
    call("predict", trained, odd, "--out", tmp_path / "odd.csv")
    assert r"\udcff.png" in (tmp_path / "odd.csv").read_text(encoding="utf-8-sig")
    for more in ("--csv", "--json"):
        refused = call("predict", trained, tmp_path, "--out", tmp_path / "x.csv", more)
        assert (refused.status, refused.errors) == (
            2, [f"error: --out writes a table, and {more} prints: give one of them"]
        )  # fmt: skip
    (tmp_path / "folder.csv").mkdir()
    assert "it is a folder" in call("predict", trained, tmp_path, "--out", tmp_path / "folder.csv").err


def test_what_a_star_stands_for_is_found_where_no_shell_does_it(call, trained, good, tmp_path, monkeypatch):
    assert "there is no file or folder" in call("predict", trained, good / "a" / "1*.png").err, "a shell's business"
    monkeypatch.setattr("tellapart.cli.options.KEEPS_OPEN", True)
    (tmp_path / "[1].png").write_bytes((good / "a" / "0.png").read_bytes())
    shown = call("predict", trained, good / "a" / "1*.png", tmp_path / "[1].png").out.splitlines()
    assert [line.partition(".png: ")[0] for line in shown] == [
        *(str(good / "a" / str(number)) for number in (1, 10, 11, 12, 13)), str(tmp_path / "[1]")
    ]  # fmt: skip
    assert "there is no file or folder" in call("predict", trained, good / "x*.png").err


def test_a_table_replaces_no_other_file(call, trained, good, tmp_path):
    picture, target = shutil.copy(good / "a" / "0.png", tmp_path / "0.png"), tmp_path / "names.csv"
    called = call("predict", trained, good / "a" / "1.png", "--out", picture)  # --out was given a shell's *.png
    assert called.status == 2
    assert "0.png' exists, and is no table that this command has written" in called.err
    assert picture.read_bytes() == (good / "a" / "0.png").read_bytes()
    shutil.copy(picture, tmp_path / "猫.png")
    for one in (picture, tmp_path / "猫.png", picture):  # over its own, with a byte order mark or none
        assert call("predict", trained, one, "--out", target).status == 0
    assert target.read_text(encoding="utf-8-sig").count(".png") == 1


def test_an_answer_that_is_not_certain_is_not_100_percent():
    answer = Answer("cat", 0.99962, (("cat", 0.99962), ("dog", 0.00038)))
    assert verb._sentence("a.png", answer, sure=False) == "a.png: not sure (cat 99.9%, dog 0.0%)"
