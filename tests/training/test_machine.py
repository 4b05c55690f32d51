"""Settings for full speed, restored afterwards; devices; what the machine is."""

import contextlib
import json
import os

import pytest
import torch

from tellapart.errors import RecipeError
from tellapart.training import machine
from tellapart.training.machine import choose_device, describe, has_fast_bfloat16, tuned, usable_processors


def flushes() -> bool:
    return float((torch.full((4,), 1e-40) * 1.0).sum()) == 0.0


def test_threads_and_subnormal_numbers_are_set_and_restored():
    before = torch.get_num_threads()
    with contextlib.suppress(ZeroDivisionError), tuned(before + 1) as threads:
        assert threads == torch.get_num_threads() == before + 1
        assert flushes() or not torch.set_flush_denormal(True)
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
    assert not flushes()


def test_an_inner_span_does_not_end_the_outer_one():
    with tuned():
        with tuned():
            pass
        assert flushes() or not torch.set_flush_denormal(True)
    assert not flushes()


def test_the_processors_that_may_be_used_are_the_default():
    with tuned() as threads:
        assert threads == usable_processors() == len(os.sched_getaffinity(0))


def test_devices(monkeypatch):
    assert choose_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(RecipeError, match="'cuda' is not there: this machine has cpu; use --device auto"):
        choose_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")


@pytest.mark.parametrize(
    ("flags", "fast"), [({"avx2"}, False), ({"avx512_bf16"}, True), ({"amx_bf16"}, True), (set(), False)]
)
def test_bfloat16_is_fast_where_the_processor_multiplies_it(monkeypatch, flags, fast):
    monkeypatch.setattr(machine, "_processor_flags", lambda: frozenset(flags))
    assert has_fast_bfloat16(torch.device("cpu")) is fast


def test_the_allocator_is_set_on_glibc_alone(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert not machine.keep_large_blocks()
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("musl", "1"))
    assert not machine.keep_large_blocks()


def test_the_description_is_json_and_names_versions():
    found = describe()
    json.dumps(found)
    assert {"python", "tellapart", "torch", "numpy"} <= set(found["versions"])
    assert found["processors"] >= 1
    assert found["processor"]


def test_free_memory_is_known_on_linux_and_unknown_elsewhere(monkeypatch):
    assert 10**6 < machine.available_memory() < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + 1
    monkeypatch.setattr(machine, "Path", lambda name: machine.os and __import__("pathlib").Path("/no/such/file"))
    assert machine.available_memory() is None
    assert machine._processor_flags() == frozenset()


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
