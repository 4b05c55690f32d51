"""Work shared with workers: all of it is done, and a worker's death is said."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tellapart.errors import DataError
from tellapart.images import parallel
from tellapart.images.parallel import shared_out


@pytest.fixture(params=["forked", "started"])
def kind(request, monkeypatch):
    """Both kinds of workers, whatever this process has done before."""
    if request.param == "forked" and sys.platform != "linux":
        pytest.skip("workers are forked on Linux alone")
    monkeypatch.setattr(parallel, "may_fork", lambda: request.param == "forked")


def done(number: int, here: int) -> tuple[int, bool]:
    time.sleep(0.002)
    return number, os.getpid() == here


def end(number: int, here: int) -> None:
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)


def answer_ctrl_c(number: int, here: int) -> tuple[int, bool]:
    time.sleep(0.01)
    return os.getpid(), signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def fail(number: int, here: int) -> None:
    raise ValueError(f"task {number}")


def tasks(count: int):
    return ({"number": number, "here": os.getpid()} for number in range(count))


def all_of(function, *, jobs: int):
    with shared_out(function, tasks(40), jobs=jobs) as results:
        return list(results)


@pytest.mark.usefixtures("kind")
def test_every_task_is_done_once_here_or_in_a_worker():
    with shared_out(done, tasks(40), jobs=3) as found:
        results = list(found)
    assert sorted(number for number, _ in results) == list(range(40))
    assert {here for _, here in results} == {True, False}


@pytest.mark.usefixtures("kind")
def test_a_worker_that_is_killed_is_said():
    with pytest.raises(DataError, match="ended from outside, most often because the memory was full"):
        all_of(end, jobs=2)


@pytest.mark.usefixtures("kind")
def test_a_task_that_fails_fails_the_whole():
    with pytest.raises(ValueError, match="task"):
        all_of(fail, jobs=2)


def test_started_workers_leave_ctrl_c_to_this_process_and_end_with_the_work(monkeypatch):
    monkeypatch.setattr(parallel, "may_fork", lambda: False)
    found = {}

    def read_until_pressed():
        with shared_out(answer_ctrl_c, tasks(200), jobs=2) as results:
            for worker, ignores in results:
                found[worker] = ignores
                if len(found) == 2:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_until_pressed()
    del found[os.getpid()]  # whose own Ctrl-C may be ignored, as in the background
    ((worker, ignores),) = found.items()
    assert ignores
    assert not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_a_worker_that_has_hardly_begun_is_stopped_and_not_killed(monkeypatch):
    broken = []
    monkeypatch.setattr(threading, "excepthook", lambda told: broken.append(told.exc_value))
    monkeypatch.setattr(parallel, "may_fork", lambda: True)
    for _ in range(50):  # one in twenty broke its pool, of which the pool's thread complained
        with pytest.raises(ValueError, match="task"):
            all_of(fail, jobs=2)
    assert broken == []


def test_nothing_is_forked_beside_another_thread():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert not parallel.may_fork()
    finally:
        stop.set()
        thread.join()


KILLED = """
import os, sys, time
from tellapart.images.parallel import AHEAD, shared_out
def tell():
    os.write(1, b'%d\\n' % os.getpid())  # one write: lines of two processes do not mix
    time.sleep(600)
with shared_out(tell, ({} for _ in range(2 + AHEAD)), jobs=2) as results:
    next(results)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_forked_workers_end_with_the_process_that_forked_them():
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as process:
        pids = {int(process.stdout.readline()) for _ in range(2)}
        process.kill()
        # The pipe closes when the last of them has ended.
        assert process.stdout.read() == ""
    assert len(pids - {process.pid}) == 1


def leave_a_trace(folder: str, number: int) -> int:
    time.sleep(0.0 if number == 0 else 0.5)
    (Path(folder) / str(number)).touch()
    return number


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_forked_workers_end_at_once_where_the_work_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "may_fork", lambda: True)
    others = set(multiprocessing.active_children())
    tasks = ({"folder": str(tmp_path), "number": n} for n in range(40))

    def stopped():
        with shared_out(leave_a_trace, tasks, jobs=3) as results:
            next(results)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    before = len(list(tmp_path.iterdir()))
    assert before < 40
    assert set(multiprocessing.active_children()) <= others
    time.sleep(0.7)
    assert len(list(tmp_path.iterdir())) == before


BESIDE_A_THREAD = """
import threading
from tellapart.images import parallel
asked, may_fork = [], parallel.may_fork
parallel.may_fork = lambda: asked.append(may_fork()) or asked[-1]
stop = threading.Event()
with parallel.shared_out(dict, ({'a': n} for n in range(40)), jobs=2) as results:
    threading.Thread(target=stop.wait).start()  # such as a terminal's bar
    print(len(list(results)), asked)
stop.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_workers_are_forked_before_what_the_caller_starts():
    said = subprocess.run([sys.executable, "-c", BESIDE_A_THREAD], capture_output=True, text=True, check=True).stdout
    assert said == "40 [True]\n"
