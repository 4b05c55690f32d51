"""PyTorch on this machine: settings for full speed, restored afterwards; devices; precisions."""

from __future__ import annotations

import contextlib
import functools
import logging
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from .errors import RecipeError
from .machine import keep_large_blocks, processor_flags, processor_name, total_memory, usable_processors
from .version import __version__

logger = logging.getLogger("tellapart")

TORCH_THREADS = torch.get_num_threads()
"""What PyTorch takes by itself: on a Mac the processors that are not for saving power."""

_spans = 0  # of tuned() that are open, one inside the other


@contextlib.contextmanager
def tuned(threads: int | None = None) -> Iterator[int]:
    """Span a computation with our settings, and restore torch's own afterwards.

    Subnormal numbers are flushed to zero, as each costs a hundred cycles: in this thread, and in those of torch's that
    it starts, which cannot be told to begin or to end it later. The threads are the processors that this process may
    use. cuDNN computes float32 as float32, not in TF32's ten bits, and by methods that repeat themselves. The memory
    allocator's setting stays, as it cannot be asked for what it was.

    Args:
        threads: CPU threads; all usable processors where None.

    Yields:
        the number of threads.
    """
    global _spans
    keep_large_blocks()
    before = torch.get_num_threads()
    wished = threads or compute_threads()
    if wished != before:
        torch.set_num_threads(wished)
    torch.set_flush_denormal(True)
    _spans += 1
    try:
        with exact_cudnn():
            yield wished
    finally:
        _spans -= 1
        if not _spans:  # torch cannot be asked whether it was set: an inner span must not end it for the outer one
            torch.set_flush_denormal(False)
        if wished != before:
            torch.set_num_threads(before)


@contextlib.contextmanager
def exact_cudnn() -> Iterator[None]:
    """Span what cuDNN computes in float32 as float32, not in TF32's ten bits, and by methods that repeat themselves.

    Nothing is changed where no NVIDIA GPU is there.
    """
    if not torch.cuda.is_available():
        yield
        return
    cudnn: Any = torch.backends.cudnn
    # PyTorch 2.9 replaced the one name by the other, and refuses to mix them.
    new = hasattr(cudnn, "conv")
    place, name, exact = (cudnn.conv, "fp32_precision", "ieee") if new else (cudnn, "allow_tf32", False)
    before = getattr(place, name), cudnn.deterministic
    setattr(place, name, exact)
    cudnn.deterministic = True
    try:
        yield
    finally:
        setattr(place, name, before[0])
        cudnn.deterministic = before[1]


def compute_threads() -> int:
    """Return the CPU threads of a network: one for each processor that may be used, on a Mac for each fast one.

    Threads share the work evenly, and would wait for a slow one.
    """
    return min(usable_processors(), TORCH_THREADS) if sys.platform == "darwin" else usable_processors()


def choose_device(wished: str) -> torch.device:
    """Return the device to compute on: for "auto" an NVIDIA GPU that computes, else the CPU.

    Raises:
        RecipeError: the wished device is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wished == "auto":
        return torch.device("cuda" if there["cuda"] and _computes() else "cpu")
    if not there[wished]:
        usable = ", ".join(name for name, usable in there.items() if usable)
        raise RecipeError(f"the device {wished!r} is not there: this machine has {usable}; use --device auto")
    if wished == "cuda" and not _has_kernels_here():
        raise RecipeError(
            f"this PyTorch has no kernels for {torch.cuda.get_device_name(0)}: install a build that has them, or use "
            "--device cpu"
        )
    return torch.device(wished)


@functools.cache
def _computes() -> bool:
    """Say whether this build of PyTorch has kernels for the first NVIDIA GPU; where it has none, that is logged."""
    if _has_kernels_here():
        return True
    capability, built = torch.cuda.get_device_capability(0), torch.cuda.get_arch_list()
    logger.warning(
        f"the GPU is left out and the CPU computes: PyTorch was built for {', '.join(built)}, and "
        f"{torch.cuda.get_device_name(0)} has compute capability {capability[0]}.{capability[1]}"
    )
    return False


def _has_kernels_here() -> bool:
    return has_kernels(torch.cuda.get_device_capability(0), torch.cuda.get_arch_list())


def has_kernels(capability: tuple[int, int], built: Sequence[str]) -> bool:
    """Say whether a build has kernels for a GPU: machine code of its generation, or code that any later one compiles.

    Args:
        capability: the GPU's compute capability.
        built: what ``torch.cuda.get_arch_list`` returns; AMD's names are taken as they are.

    Source: NVIDIA, "CUDA C++ Programming Guide", binary and PTX compatibility.

    Example:
        >>> built = ["sm_75", "sm_86", "compute_120"]
        >>> [has_kernels(gpu, built) for gpu in ((6, 1), (7, 5), (8, 0), (8, 9), (12, 0))]
        [False, True, False, True, True]
    """
    found = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", one) for one in built]
    return any(
        one is None
        or (one[1] == "sm" and int(one[2]) == capability[0] and int(one[3]) <= capability[1])
        or (one[1] == "compute" and (int(one[2]), int(one[3])) <= capability)
        for one in found
    )


def fast_precision(device: torch.device) -> str:
    """Return what the device multiplies fastest without harm to a training: "bfloat16", "float16" or "float32".

    float16 needs a scaled loss, so that bfloat16 goes before it. NVIDIA's GPUs multiply float16 in tensor cores from
    compute capability 7.0 on, but for the GTX 16 series, which has none, and bfloat16 from 8.0 on.
    """
    if has_fast_bfloat16(device):
        return "bfloat16"
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (7, 0):
        return "float32" if "GTX 16" in torch.cuda.get_device_name(device) else "float16"
    return "float32"


def bearable_precision(precision: str | None, device: torch.device) -> str | None:
    """Return a precision, or "float32" where a device has no fast arithmetic for it: a recipe may come from another."""
    if precision == "float16" and device.type != "cuda":
        return "float32"
    return "float32" if precision == "bfloat16" and not has_fast_bfloat16(device) else precision


def has_fast_bfloat16(device: torch.device) -> bool:
    """Say whether bfloat16 multiplies natively there; on other processors it is many times slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = processor_flags()
    return device.type == "cpu" and ("avx512_bf16" in flags or "amx_bf16" in flags)


def describe() -> dict[str, object]:
    """Return versions, processor, memory and threads, for environment.json."""
    import importlib.metadata

    versions = {"python": platform.python_version(), "tellapart": __version__}
    for name in ("torch", "numpy", "pillow", "scikit-learn", "scipy", "safetensors", "pydantic"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # a frozen program has no such records
            versions[name] = importlib.metadata.version(name)
    return {
        "versions": versions,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor_name(),
        "processors": usable_processors(),
        "threads": torch.get_num_threads(),
        "memory_bytes": total_memory(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
