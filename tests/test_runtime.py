"""Settings for full speed, restored afterwards; devices; what is written down of both."""

import contextlib
import json

import pytest
import torch

from tellapart import runtime
from tellapart.errors import RecipeError
from tellapart.machine import usable_processors
from tellapart.runtime import choose_device, describe, has_fast_bfloat16, tuned


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
        assert threads == usable_processors()


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
    monkeypatch.setattr(runtime, "processor_flags", lambda: frozenset(flags))
    assert has_fast_bfloat16(torch.device("cpu")) is fast


def test_the_description_is_json_and_names_versions():
    found = describe()
    json.dumps(found)
    assert {"python", "tellapart", "torch", "numpy"} <= set(found["versions"])
    assert found["processors"] >= 1
    assert found["processor"]
