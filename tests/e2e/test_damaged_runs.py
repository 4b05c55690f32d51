"""A run that was damaged, cut, interrupted, or whose pictures changed: said in one line, or gone on with."""

import shutil
import signal
from pathlib import Path

import pytest

from tellapart.run import Run

from .failing import refused

CANNOT_DO_WITHOUT = {("predict", "model.safetensors"), ("train", "recipe.json")}


@pytest.mark.parametrize("how", ["cut", "garbage", "removed"])
def test_a_damaged_run_is_named_by_every_verb(how, call, good, trained, tmp_path):
    for path in sorted(path for path in trained.rglob("*") if path.is_file()):
        run = tmp_path / "-".join(path.relative_to(trained).parts)
        shutil.copytree(trained, run)
        file = run / path.relative_to(trained)
        Run(run).mark("running")
        if how == "removed":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if how == "cut" else b"\x00\xff {")
        for arguments in (["evaluate", run], ["predict", run, good / "a" / "0.png"], ["report", run],
                          ["train", "--resume", run]):  # fmt: skip
            called = call(*arguments)
            if called.status:
                refused(called)
            if (arguments[0], path.relative_to(trained).as_posix()) in CANNOT_DO_WITHOUT:
                assert called.status, f"{arguments[0]} took {path.name}, {how}, as it was"
        assert not list(run.rglob(".unfinished*"))
        assert (run / "model.safetensors").exists() or file.name == "model.safetensors"


@pytest.mark.parametrize("where", ["", "baselines/softmax/"])
@pytest.mark.parametrize("file", ["model.safetensors", "predictions/validation.npz", "predictions/test.npz"])
@pytest.mark.parametrize("removed", [False, True])
def test_a_net_whose_files_are_damaged_is_trained_again_to_the_same_weights(
    where, file, removed, call, good, tmp_path
):  # fmt: skip
    run = tmp_path / "run"
    options = ["--net", "softmax", "--image-size", "8x8", "--epochs", "3"]
    assert call("train", good, *options, "--out", run).status == 0
    before = (run / where / "model.safetensors").read_bytes()
    if removed:
        (run / where / file).unlink()
    else:
        (run / where / file).write_bytes(b"\x00\xff {")
    Run(run).mark("running")
    called = call("train", "--resume", run)
    assert called.status == 0, called.err
    assert ("it is trained again" in called.err) == (not where)
    assert (run / where / "model.safetensors").read_bytes() == before
    assert "test" in Run(run).load("evaluation")["splits"]
    assert Run(run).status["state"] == "done"


def test_a_trained_net_is_kept_where_the_system_does_not_give_one_of_its_files(call, good, tmp_path):
    run = tmp_path / "run"
    options = ["--net", "softmax", "--image-size", "8x8", "--epochs", "3", "--no-baselines"]
    assert call("train", good, *options, "--out", run).status == 0
    file = run / "predictions" / "test.npz"
    data, trained_at = file.read_bytes(), (run / "history.jsonl").stat().st_mtime_ns
    file.unlink()
    file.mkdir()  # no system reads it as a file
    Run(run).mark("running")
    refused(call("train", "--resume", run), "test.npz", "cannot be read")
    file.rmdir()
    file.write_bytes(data)
    called = call("train", "--resume", run)
    assert called.status == 0
    assert "trained again" not in called.err
    assert (run / "history.jsonl").stat().st_mtime_ns == trained_at


def test_a_model_file_with_a_lying_header(call, good, trained, tmp_path):
    data = (trained / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].decode()
    for old, new, words in [
        ("softmax", "convnet16", ["cannot be built", "at least 16x16"]),
        ("softmax", "compact", ["header describes"]),
        ("softmax", "sofmax", ["sofmax"]),
        ('\\"a\\",\\"b\\"', '\\"a\\",\\"b\\",\\"c\\"', ["must be"]),
        ("tellapart", "somethings", ["another tool"]),
    ]:
        assert old in header
        lying = header.replace(old, new).encode()
        model = tmp_path / "lying.safetensors"
        model.write_bytes(len(lying).to_bytes(8, "little") + lying + data[8 + length :])
        refused(call("predict", model, good / "a" / "0.png"), *words)
    (tmp_path / "long.safetensors").write_bytes((2**60).to_bytes(8, "little") + data[8:])
    refused(call("predict", tmp_path / "long.safetensors", good / "a" / "0.png"), "damaged")


def test_pictures_that_change_before_the_run_goes_on(call, pictures, quick, tmp_path):
    source = pictures(tmp_path / "photos")
    assert call("train", source, *quick, "--out", tmp_path / "run").status == 0
    Run(tmp_path / "run").mark("running")
    (source / "a" / "0.png").write_bytes((source / "a" / "1.png").read_bytes())
    refused(call("train", "--resume", tmp_path / "run"), "have changed", "train again")
    shutil.rmtree(source)
    refused(call("train", "--resume", tmp_path / "run"), "there is no file, folder or data set")
    assert (tmp_path / "run" / "model.safetensors").exists()


def interrupting(monkeypatch, *, times, where):
    append = Run.append_history

    def interrupt(run, record):
        append(run, record)
        if record["epoch"] == 2 and ("baselines" in run.path.parts) == (where == "baseline"):
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Run, "append_history", interrupt)


@pytest.mark.parametrize(("times", "where"), [(1, "network"), (2, "network"), (1, "baseline")])
def test_control_c_and_going_on_give_what_an_undisturbed_run_gives(times, where, call, good, tmp_path, monkeypatch):
    options = ["--net", "softmax", "--image-size", "8x8", "--epochs", "4"]
    assert call("train", good, *options, "--out", tmp_path / "whole").status == 0
    interrupting(monkeypatch, times=times, where=where)
    run = tmp_path / "run"
    called = call("train", good, *options, "--out", run)
    graceful = (times, where) == (1, "network")
    assert called.status == (0 if graceful else 130), called.err
    assert f"tellapart train --resume {run}" in called.err
    assert Run(run).status["state"] == "interrupted"
    assert (run / "report.html").exists() == graceful
    assert not (run / "predictions" / "test.npz").exists(), "a choice may still be made"
    assert not graceful or set(Run(run).load("evaluation")["splits"]) == {"validation"}
    monkeypatch.undo()
    assert call("train", "--resume", run).status == 0
    for file in ("model.safetensors", "evaluation.json", "splits.json"):
        assert (run / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert Path(run / "status.json").exists()
    assert Run(run).status["state"] == "done"


def test_control_c_in_a_baseline_s_last_epoch_is_not_forgotten(call, good, tmp_path, monkeypatch):
    append = Run.append_history

    def interrupt(run, record):
        append(run, record)
        if "baselines" in run.path.parts and record["epoch"] == run.recipe.training.epochs:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Run, "append_history", interrupt)
    run = tmp_path / "run"
    called = call("train", good, "--net", "softmax", "--image-size", "8x8", "--epochs", "4", "--out", run)
    assert called.status == 130
    assert "Stopping after this epoch" in called.err
    assert Run(run / "baselines" / "softmax").load("training")["stopped"] == "all epochs done"
    assert not (run / "history.jsonl").exists()
    assert Run(run).status["state"] == "interrupted"
    monkeypatch.undo()
    assert call("train", "--resume", run).status == 0
    assert Run(run).status["state"] == "done"
