"""Where a process stands, from what torchrun and SLURM say; and what is done about a started process that fails."""

import json
import os
import subprocess
import sys
import threading

import pytest

from tellapart.errors import RecipeError
from tellapart.training import launch
from tellapart.training.launch import ProcessRank, find_rank

SLURM = {
    "SLURM_STEP_NUM_TASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_PROCID": "5", "SLURM_LOCALID": "1",
}  # fmt: skip


def test_slurm_says_where_a_process_stands():
    assert find_rank(SLURM) == ProcessRank(5, 8, 1, 4, "slurm")


@pytest.mark.parametrize(
    "environment",
    [
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"},  # a batch script outside srun
        {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
        {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"},
        {"RANK": "0", "WORLD_SIZE": "2"},  # what other programs leave behind
    ],
)
def test_one_process_is_alone(environment):
    assert find_rank(environment) is None


def test_slurm_must_say_how_many_a_machine_has():
    with pytest.raises(RecipeError, match="--ntasks-per-node"):
        find_rank({k: v for k, v in SLURM.items() if k != "SLURM_NTASKS_PER_NODE"})


@pytest.mark.parametrize("count", ["2", "6"])
def test_machines_must_have_as_many_each(count):
    with pytest.raises(RecipeError, match="as many to each machine"):
        find_rank(SLURM | {"SLURM_STEP_NUM_TASKS": count})


def test_a_started_process_that_fails_is_noticed_and_all_are_ended(monkeypatch):
    def start(place, *, device):
        code = "raise SystemExit(3)" if place.rank == 1 else "import time; time.sleep(60)"
        started.append(subprocess.Popen([sys.executable, "-S", "-c", code]))
        return started[-1]

    started, lost = [], threading.Event()
    monkeypatch.setattr(launch, "_start", start)
    monkeypatch.setattr(launch, "GRACE", 0.1)
    with launch.launched(3, device="cpu", on_loss=lost.set) as meet:
        place = meet()
        assert (place.rank, place.count, place.local_count, place.started_by) == (0, 3, 3, "tellapart")
        assert lost.wait(timeout=30)
    assert [process.returncode for process in started] == [3, -9]


def test_a_started_process_has_the_plugins_and_a_session_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "FOLLOWER", "this")  # a module of Python's that ends at once
    monkeypatch.setattr(launch, "loaded_plugins", [tmp_path / "own.py", tmp_path / "other.py"])
    place = ProcessRank(1, 2, 1, 2, "tellapart")
    with launch._start(place, device="cpu") as process:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
    orders = json.loads(process.args[-1])
    assert orders["plugins"] == [str(tmp_path / "own.py"), str(tmp_path / "other.py")]
    assert (ProcessRank(**orders["place"]), orders["device"]) == (place, "cpu")
