"""What the program sets for itself so that this machine computes at its full speed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from ..errors import RecipeError
from ..images.parallel import CONTROL_GROUP, usable_processors

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # glibc's malloc.h
_INT_MAX = 2**31 - 1
_spans = 0  # of tuned() that are open, one inside the other


def keep_large_blocks() -> bool:
    """Make glibc's malloc reuse large blocks instead of mapping and faulting them in anew at every step.

    All threads share one heap: those of their own would give memory back after each batch.

    Returns:
        whether it could be set: on glibc alone.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _INT_MAX), (_M_ARENA_MAX, 1))
    return all(bool(mallopt(option, value)) for option, value in settings)


@contextlib.contextmanager
def tuned(threads: int | None = None) -> Iterator[int]:
    """Span a computation with our settings, and restore torch's own afterwards.

    Subnormal numbers are flushed to zero, as each costs a hundred cycles; the threads are the processors that this
    process may use. The memory allocator's setting stays, as it cannot be asked for what it was.

    Args:
        threads: CPU threads; all usable processors where None.

    Yields:
        the number of threads.
    """
    global _spans
    keep_large_blocks()
    before = torch.get_num_threads()
    wished = threads or usable_processors()
    if wished != before:
        torch.set_num_threads(wished)
    torch.set_flush_denormal(True)
    _spans += 1
    try:
        yield wished
    finally:
        _spans -= 1
        if not _spans:  # torch cannot be asked whether it was set: an inner span must not end it for the outer one
            torch.set_flush_denormal(False)
        if wished != before:
            torch.set_num_threads(before)


def choose_device(wished: str) -> torch.device:
    """Return the device to compute on.

    Raises:
        RecipeError: the wished device is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wished == "auto":
        wished = next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[wished]:
        usable = ", ".join(name for name, usable in there.items() if usable)
        raise RecipeError(f"the device {wished!r} is not there: this machine has {usable}; use --device auto")
    return torch.device(wished)


def fast_precision(device: torch.device) -> str:
    """Return what the device multiplies fastest without harm to a training: "bfloat16", "float16" or "float32".

    float16 needs a scaled loss, so that bfloat16 goes before it. NVIDIA's GPUs multiply float16 in tensor cores from
    compute capability 7.0 on, and bfloat16 from 8.0 on.
    """
    if has_fast_bfloat16(device):
        return "bfloat16"
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (7, 0):
        return "float16"
    return "float32"


def has_fast_bfloat16(device: torch.device) -> bool:
    """Say whether bfloat16 multiplies natively there; on other processors it is many times slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = _processor_flags()
    return device.type == "cpu" and ("avx512_bf16" in flags or "amx_bf16" in flags)


def available_memory() -> int | None:
    """Return the bytes that can still be had without swapping; None where the system does not say.

    In a container it is what is left of its own limit, if that is less.
    """
    there = [free for free in (_system_memory(), group_memory()) if free is not None]
    return min(there, default=None)


def _system_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def group_memory(folder: Path = CONTROL_GROUP) -> int | None:
    """Return the bytes that are left of a control group's limit (version 2); None where it has none.

    Files in memory count as free: the kernel gives them up.

    Source: the Linux kernel's documentation, "Control Group v2", memory.max, memory.current and memory.stat.
    """
    try:
        limit, used = (int((folder / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # no such file, or "max"
        return None
    return max(0, limit - used + sum(int(stat.get(name, 0)) for name in ("active_file", "inactive_file")))


def describe() -> dict[str, object]:
    """Return versions, processor, memory and threads, for environment.json."""
    import importlib.metadata

    names = ("tellapart", "torch", "numpy", "pillow", "scikit-learn", "scipy", "safetensors", "pydantic")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else None
    return {
        "versions": {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor_name(),
        "processors": usable_processors(),
        "threads": torch.get_num_threads(),
        "memory_bytes": memory,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _processor_flags() -> frozenset[str]:
    return frozenset(_cpuinfo("flags").split())


def _processor_name() -> str:
    return _cpuinfo("model name") or platform.processor() or "unknown"
