"""Settings for full speed, restored afterwards; devices; what is written down of both."""

import contextlib
import json

import pytest
import torch

from tellapart import runtime
from tellapart.errors import RecipeError
from tellapart.machine import usable_processors
from tellapart.runtime import bearable_precision, choose_device, describe, fast_precision, has_fast_bfloat16, tuned


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
    assert choose_device("mps") == torch.device("mps")
    assert choose_device("auto") == torch.device("cpu"), "Apple's GPUs have not been tried"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(runtime, "_computes", lambda: True)
    assert choose_device("auto") == torch.device("cuda")


def test_a_gpu_without_kernels_is_left_out_and_that_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GTX 1080")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "compute_80"])
    runtime._computes.cache_clear()
    assert choose_device("auto") == choose_device("auto") == torch.device("cpu")
    (said,) = [record.message for record in caplog.records]
    assert "GTX 1080 has compute capability 6.1" in said
    caplog.clear()
    with pytest.raises(RecipeError, match="this PyTorch has no kernels for GTX 1080: install a build that has them"):
        choose_device("cuda")
    assert not caplog.records


def cudnn_settings():
    cudnn = torch.backends.cudnn
    return cudnn.conv.fp32_precision if hasattr(cudnn, "conv") else cudnn.allow_tf32, cudnn.deterministic


def test_cudnn_is_exact_and_repeats_itself_meanwhile(monkeypatch):
    before = cudnn_settings()
    with tuned():
        assert cudnn_settings() == before, "without a GPU nothing is touched"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with tuned():
        with tuned():
            pass
        assert cudnn_settings() in (("ieee", True), (False, True))
    assert cudnn_settings() == before


@pytest.mark.parametrize(
    ("precision", "device", "fast", "expected"),
    [
        ("float16", "mps", False, "float32"),
        ("float16", "cpu", True, "float32"),
        ("float16", "cuda", False, "float16"),
        ("bfloat16", "cpu", False, "float32"),
        ("bfloat16", "cpu", True, "bfloat16"),
        ("float32", "cpu", True, "float32"),
        (None, "cpu", False, None),
    ],
)
def test_a_precision_from_another_device(monkeypatch, precision, device, fast, expected):
    monkeypatch.setattr(runtime, "has_fast_bfloat16", lambda device: fast)
    assert bearable_precision(precision, torch.device(device)) == expected


def test_gpus_without_tensor_cores_train_in_float32(monkeypatch):
    monkeypatch.setattr(runtime, "has_fast_bfloat16", lambda device: False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    for name, precision in (("NVIDIA GeForce GTX 1660 Ti", "float32"), ("NVIDIA GeForce RTX 2060", "float16")):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device, name=name: name)
        assert fast_precision(torch.device("cuda")) == precision


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
