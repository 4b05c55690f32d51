"""Two processes on one training, from the command line: lost ones are said, and any number goes on to one's result."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from tellapart.errors import RecipeError
from tellapart.training import launch
from tellapart.workflow import team

TRAIN = [
    "train", "digits", "--net", "compact", "--net-option", "width=8", "--epochs", "4", "--threads", "2", "--device",
    "cpu", "--batch-size", "100", "--no-baselines", "--optimizer", "sgd", "--learning-rate", "0.05",
]  # fmt: skip


def start(log, *arguments):
    command = [sys.executable, "-m", "tellapart", *map(str, arguments)]
    with log.open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)


def wait_for(true, *, seconds=120):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.02)


def epochs(run):
    file = run / "history.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0


def other_process_of(process):
    found = [child for child in psutil.Process(process.pid).children() if "tellapart.cli.follow" in child.cmdline()]
    assert len(found) == 1
    return found[0]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_lost_processes_are_said_and_the_run_goes_on(tmp_path, call):
    run, first_log, second_log = tmp_path / "run", tmp_path / "first.log", tmp_path / "second.log"
    reference = tmp_path / "reference"
    assert call(*TRAIN, "--out", reference).status == 0

    process = start(first_log, *TRAIN, "--devices", 2, "--out", run)
    wait_for(lambda: epochs(run) >= 1)
    other_process_of(process).send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == 2
    said = first_log.read_text()
    assert said.count("another of the processes that train together has ended") == 1
    assert f"tellapart train --resume {run}" in said
    assert said.count("estimated time") == 1, "one process alone speaks"
    assert json.loads((run / "status.json").read_text())["state"] == "failed"

    begun = epochs(run)
    process = start(second_log, "train", "--resume", run, "--devices", 2)
    wait_for(lambda: epochs(run) > begun or process.poll() is not None)
    other = other_process_of(process)
    process.kill()
    process.wait()
    wait_for(lambda: not psutil.pid_exists(other.pid), seconds=60)
    said = second_log.read_text()
    assert said.count("another of the processes that train together has ended") == 1
    assert f"tellapart train --resume {run}" in said

    assert epochs(run) < 4
    assert call("train", "--resume", run).status == 0
    assert epochs(run) == 4
    # Two processes round otherwise than one, and a network may amplify that: test_fabric holds the weights to more.
    went, expected = (
        [json.loads(line)["train_loss"] for line in (folder / "history.jsonl").read_text().splitlines()]
        for folder in (run, reference)
    )
    assert went == pytest.approx(expected, abs=0.01)
    assert json.loads((run / "status.json").read_text())["state"] == "done"


def test_torchrun_starts_two_machines_of_one_process_that_give_one_run(tmp_path, call):
    run, reference, log = tmp_path / "run", tmp_path / "reference", tmp_path / "log"
    one_epoch = [*TRAIN, "--epochs", "1"]
    assert call(*one_epoch, "--out", reference).status == 0
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", "--master-addr",
        "127.0.0.1", "--master-port", str(port),
    ]  # fmt: skip
    command = ["-m", "tellapart", *one_epoch, "--out", str(run)]
    with log.open("w") as file:
        nodes = [
            subprocess.Popen([*torchrun, "--node-rank", str(rank), *command], stdout=file, stderr=subprocess.STDOUT)
            for rank in range(2)
        ]
        assert [node.wait(timeout=120) for node in nodes] == [0, 0], log.read_text()
    assert log.read_text().count("estimated time") == 1, "one process alone speaks"
    went, expected = (
        [json.loads(line)["train_loss"] for line in (folder / "history.jsonl").read_text().splitlines()]
        for folder in (run, reference)
    )
    assert went == pytest.approx(expected, abs=0.01)
    assert json.loads((run / "status.json").read_text())["state"] == "done"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--devices", "0"], "--devices must be at least 1, got 0"),
        (["--devices", "2", "--device", "cuda"], "the device 'cuda' is not there"),
    ],
)
def test_impossible_devices_cost_nothing(call, good, quick, tmp_path, arguments, sentence):
    called = call("train", good, *quick, *arguments, "--out", tmp_path / "run")
    assert called.status == 2
    assert sentence in called.err
    assert not (tmp_path / "run").exists()


def test_a_batch_must_have_a_picture_for_each_process(call, good, quick, tmp_path):
    called = call(
        "train", good, *quick, "--batch-size", "1", "--devices", "2", "--device", "cpu", "--out", tmp_path / "r"
    )
    assert called.status == 2
    assert "batch_size = 1 leaves some of 2 processes without pictures" in called.err


def test_devices_that_contradict_torchrun_are_refused(call, good, quick, tmp_path, monkeypatch):
    place = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    called = call("train", good, *quick, "--devices", "3", "--out", tmp_path / "r")
    assert called.status == 2
    assert "--devices 3 contradicts torchrun, which started 2" in called.err


def test_after_a_training_that_failed_the_next_one_finds_new_processes(call, good, tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "loaded_plugins", [])  # those of other tests
    options = ["--net", "convnet16", "--image-size", "16x16", "--no-baselines", "--epochs", "2", "--device", "cpu"]
    options += ["--devices", "2"]
    hot = ["--optimizer", "sgd", "--learning-rate", "1e30", "--schedule", "constant"]
    called = call("train", good, *options, *hot, "--out", tmp_path / "failed")
    assert called.status == 2
    assert "not a number any more in epoch 1" in called.err
    assert call("train", good, *options, "--out", tmp_path / "run").status == 0


def test_processes_of_torchrun_have_one_training(monkeypatch):
    place = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(team, "_ended", ["torchrun"])
    with pytest.raises(RecipeError, match="the other processes that torchrun started have ended with the first"):
        team.Team(None, device="cpu")


def test_a_process_that_is_not_needed_after_all_ends(tmp_path):
    place = {"rank": 1, "count": 2, "local_rank": 1, "local_count": 2, "started_by": "tellapart"}
    orders = json.dumps({"place": place, "device": "cpu", "plugins": []})
    command = [sys.executable, "-m", "tellapart.cli.follow", orders]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
