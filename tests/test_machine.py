"""What the machine has, and what a container leaves of it."""

import os
import pathlib
import platform
import subprocess
import sys

import psutil
import pytest

from tellapart import machine


def test_the_allocator_is_set_on_glibc_alone(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert not machine.keep_large_blocks()
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("musl", "1"))
    assert not machine.keep_large_blocks()


FAULTS = """
import ctypes, resource, sys
from tellapart.machine import keep_large_blocks

malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
print(keep_large_blocks() if sys.argv[1] == "kept" else "as it is")
def fill():
    block = malloc(2**26)
    ctypes.memset(block, 1, 2**26)
    free(block)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone is told")
@pytest.mark.parametrize(("how", "said"), [("kept", "True"), ("plain", "as it is")])
def test_a_large_block_is_faulted_in_once(how, said):
    command = [sys.executable, "-c", FAULTS, how]
    first, faults = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[:2]
    assert first == said
    assert (int(faults) < 20) is (how == "kept"), faults


def test_memory_is_given_back_on_glibc_alone(monkeypatch):
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        small = "held = [bytes(1000) for _ in range(20_000)]; del held[:-1]"  # what is free lies below what is held
        code = f"from tellapart.machine import *; {small}; print(return_free_memory())"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert not machine.return_free_memory()


def test_free_memory_is_known_or_said_to_be_unknown(monkeypatch):
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 10**6 < machine.available_memory() < machine.total_memory() == there
    monkeypatch.setattr(psutil, "virtual_memory", refused)
    monkeypatch.setattr(machine, "group_memory", lambda: None)
    assert machine.available_memory() is None
    assert machine.total_memory() is None


def refused():
    raise FileNotFoundError("/proc/meminfo")


def test_flags_are_known_on_linux_alone(monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda name: pathlib.Path("/no/such/file"))
    assert machine.processor_flags() == frozenset()


def test_a_container_s_own_limit_of_memory_counts(tmp_path, monkeypatch):
    assert machine.group_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 2000\nactive_file 200\ninactive_file 300\n")
    assert machine.group_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("10000\n")
    assert machine.group_memory(tmp_path) == 7500
    monkeypatch.setattr(machine, "group_memory", lambda: 7500)
    assert machine.available_memory() == 7500


def test_a_container_s_share_of_the_processors_counts(tmp_path, monkeypatch):
    assert machine.processor_share(tmp_path) is None
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.processor_share(tmp_path) is None
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert machine.processor_share(tmp_path) == 1.5
    before = machine.usable_processors()
    monkeypatch.setattr(machine, "processor_share", lambda: 0.3)
    assert machine.usable_processors() == 1
    monkeypatch.setattr(machine, "processor_share", lambda: 1000.0)
    assert machine.usable_processors() >= before
