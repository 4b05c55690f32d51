"""What this machine has, and may use: processors, memory, the allocator. Nothing here loads torch."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import sys
from pathlib import Path

CONTROL_GROUP = Path("/sys/fs/cgroup")
"""Where a container finds the limits that it is given."""

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # glibc's malloc.h
_INT_MAX = 2**31 - 1


def usable_processors() -> int:
    """Return how many processors this process may use, at least 1; a container's share counts, rounded up."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = processor_share()
    return allowed if share is None else max(1, min(allowed, math.ceil(share)))


def processor_share(folder: Path = CONTROL_GROUP) -> float | None:
    """Return the processors' time that a control group (version 2) is given; None where it has no limit.

    Source: the Linux kernel's documentation, "Control Group v2", cpu.max.
    """
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # no such file, or "max"
        return None


def keep_large_blocks() -> bool:
    """Make glibc's malloc reuse large blocks instead of mapping and faulting them in anew at every step.

    All threads share one heap: those of their own would give memory back after each batch.

    Returns:
        whether it could be set: on glibc alone.
    """
    if not _has_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _INT_MAX), (_M_ARENA_MAX, 1))
    return all(bool(mallopt(option, value)) for option, value in settings)


def return_free_memory() -> bool:
    """Give the system back what was freed between blocks that are still in use, which malloc would keep.

    Returns:
        whether there was any: known on glibc alone.
    """
    return _has_glibc() and bool(ctypes.CDLL(None).malloc_trim(0))


def _has_glibc() -> bool:
    return sys.platform == "linux" and platform.libc_ver()[0] == "glibc"


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error says that the memory did not suffice; PyTorch has no class of its own for it.

    Example:
        >>> lacks_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
        True
    """
    signs = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate", "status_alloc_failed")
    text = str(error).lower()
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(sign in text for sign in signs))


def available_memory() -> int | None:
    """Return the bytes that can still be had without swapping; None where the system does not say.

    In a container it is what is left of its own limit, if that is less.
    """
    there = [free for free in (_system_memory(), group_memory()) if free is not None]
    return min(there, default=None)


def total_memory() -> int | None:
    """Return the bytes of memory that the machine has; None where the system does not say."""
    import psutil

    try:
        return int(psutil.virtual_memory().total)
    except (OSError, RuntimeError):
        return None


def _system_memory() -> int | None:
    import psutil

    try:
        return int(psutil.virtual_memory().available)
    except (OSError, RuntimeError):  # a container may hide where it stands
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


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def processor_flags() -> frozenset[str]:
    """Return what Linux says that the processor can do; nothing elsewhere."""
    return frozenset(_cpuinfo("flags").split())


def processor_name() -> str:
    """Return what the processor calls itself."""
    return _cpuinfo("model name") or platform.processor() or "unknown"
