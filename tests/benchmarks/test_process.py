import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from benchmarks.harness.process import clean_environment, measure
from benchmarks.harness.question import ROOT
from benchmarks.harness.result import PeerError


def run(program, tmp_path, **variables):
    return measure([sys.executable, "-c", program], variables=variables, cwd=tmp_path, log=tmp_path / "logs" / "a.log")


def test_time_and_output_of_a_process(tmp_path):
    measured = run("import time; time.sleep(0.2); print('寿')", tmp_path)
    assert measured.output.strip() == "寿"
    assert 0.2 <= measured.wall_s < 20
    assert measured.cpu_s < measured.wall_s * 2
    assert 0 <= measured.others_share <= 1


PEAK = """
import sys
from pathlib import Path
from benchmarks.harness.process import measure
command = [sys.executable, "-c", sys.argv[1]]
print(measure(command, variables={}, cwd=Path(), log=Path(sys.argv[2])).peak_memory_mb)
"""


def peak_memory_mb(program, tmp_path):
    """Measure from a small process: the floor is the resident set of the one that measures, and pytest's is large."""
    command = [sys.executable, "-c", PEAK, program, str(tmp_path / "a.log")]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_peak_memory_counts_what_was_freed_again(tmp_path):
    assert peak_memory_mb("pass", tmp_path) < 150
    assert 300 <= peak_memory_mb("x = bytearray(300 * 2**20); del x", tmp_path) < 450


def test_a_child_of_the_peer_counts(tmp_path):
    inner = "x = bytearray(300 * 2**20)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{inner}'])"
    assert 300 <= peak_memory_mb(program, tmp_path) < 450


def test_a_failing_peer_says_its_last_lines_and_where_the_rest_is(tmp_path):
    with pytest.raises(PeerError, match=r"(?s)status 3.*a\.log.*the reason"):
        run("import sys; print('the reason', file=sys.stderr); sys.exit(3)", tmp_path)


def test_a_killed_peer_says_the_signal(tmp_path):
    with pytest.raises(PeerError, match="signal 9"):
        run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path)


def test_the_shell_does_not_change_a_peer(monkeypatch):
    for name in ("OMP_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS", "KERAS_BACKEND", "PYTHONPATH", "MALLOC_ARENA_MAX"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SOMETHING", "kept")
    environment = clean_environment({"KERAS_BACKEND": "jax"})
    assert environment["KERAS_BACKEND"] == "jax"
    assert environment["SOMETHING"] == "kept"
    assert not {"OMP_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS", "PYTHONPATH", "MALLOC_ARENA_MAX"} & environment.keys()


ENDED = """
import sys
from pathlib import Path
from benchmarks.harness.process import measure
program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
measure([sys.executable, "-c", program], variables={}, cwd=Path(), log=Path(sys.argv[1]))
"""


def test_a_benchmark_that_is_ended_leaves_nothing_behind(tmp_path):
    """The pipe that the peer's own child holds closes when that child is gone."""
    log = tmp_path / "a.log"
    harness = subprocess.Popen([sys.executable, "-c", ENDED, str(log)], stdin=subprocess.PIPE, cwd=ROOT)
    until = time.monotonic() + 60
    while not (log.exists() and log.read_text()):
        assert time.monotonic() < until, "it never began"
        time.sleep(0.02)
    peers = [child.pid for child in psutil.Process(harness.pid).children(recursive=True)]
    assert len(peers) == 2
    harness.terminate()
    assert harness.wait() == 128 + signal.SIGTERM
    harness.stdin.close()
    assert not [pid for pid in peers if alive(pid)]


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
