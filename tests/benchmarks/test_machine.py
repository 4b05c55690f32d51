import subprocess
import sys
import time

import pytest
from benchmarks.harness import machine

CPUINFO = """processor\t: 0
model name\t: Some CPU 9000
flags\t\t: fpu sse2 avx2 fma avx512f

processor\t: 1
model name\t: Some CPU 9000
flags\t\t: fpu sse2
"""


def test_fields_and_flags_of_the_first_core():
    assert machine.field(CPUINFO, "model name") == "Some CPU 9000"
    assert machine.field(CPUINFO, "missing") == ""
    assert machine.flags(CPUINFO) == ["avx2", "fma", "avx512f"]


def test_this_machine_in_one_line():
    described = machine.describe()
    text = machine.sentence(described)
    assert str(described["cpu"]) in text
    assert f"{described['cores']} cores" in text
    assert "\n" not in text


def test_no_flags_are_said():
    assert "none of the instruction sets" in machine.sentence({**machine.describe(), "flags": []})


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells what others use")
def test_busy_seconds_grow_with_work():
    before, worked = machine.busy_seconds(), time.process_time()
    while time.process_time() - worked < 0.2:
        sum(range(100_000))
    assert machine.busy_seconds() - before > 0.1


def test_the_commit_is_named_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "REPOSITORY", tmp_path)
    assert machine.commit() == ""

    def git(*asked):
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        return subprocess.run(["git", "-C", tmp_path, *who, *asked], check=True, capture_output=True, text=True).stdout

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "--short", "HEAD").strip()
    (tmp_path / "results.json").write_text("{}")
    assert machine.commit() == commit
    (tmp_path / "src" / "a.py").write_text("2")
    assert machine.commit() == f"{commit}+"
    assert machine.sentence({**machine.describe(), "commit": commit}).endswith(f"; tellapart at {commit}")
    assert "tellapart at" not in machine.sentence({**machine.describe(), "commit": ""})
