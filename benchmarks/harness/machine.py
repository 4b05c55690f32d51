"""What the figures were measured on, and which tellapart was."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

FLAGS = ("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve")
"""The instruction sets that matrix libraries choose their code by."""


def describe() -> dict[str, object]:
    """Return the CPU's model, usable cores, memory, instruction sets, system, and the commit of this repository."""
    cpuinfo = _read(Path("/proc/cpuinfo"))
    return {
        "cpu": field(cpuinfo, "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "flags": flags(cpuinfo),
        "system": platform.system(),
        "architecture": platform.machine(),
        "commit": commit(),
    }


def sentence(machine: dict[str, object]) -> str:
    """Return the machine in one line of prose."""
    found = machine["flags"]
    sets = ", ".join(found) if isinstance(found, list) and found else "none of the instruction sets looked for"
    measured = f"; tellapart at {machine['commit']}" if machine.get("commit") else ""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GiB, {sets}; "
        f"{machine['system']} {machine['architecture']}{measured}"
    )


def when_and_where() -> str:
    """Return the day and the machine in a sentence, which stands beside what is measured now."""
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    return f"{today}, {sentence(describe())}"


def commit() -> str:
    """Return the commit that is checked out here, shortened, with a "+" where the sources were changed since.

    Nothing where this is no repository.
    """
    found, changed = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "--", "src")
    return f"{found}+" if found and changed else found


def _git(*asked: str) -> str:
    command = ["git", "-C", str(REPOSITORY), *asked]
    try:
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def field(cpuinfo: str, name: str) -> str:
    """Return the first value of a field of /proc/cpuinfo, or ""."""
    for line in cpuinfo.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return ""


def flags(cpuinfo: str) -> list[str]:
    """Return those of ``FLAGS`` that the first core has."""
    present = set((field(cpuinfo, "flags") or field(cpuinfo, "Features")).split())
    return [flag for flag in FLAGS if flag in present]


def busy_seconds() -> float:
    """Return the CPU seconds that all processes of the machine have used since it started; 0 where unknown."""
    first = _read(Path("/proc/stat")).partition("\n")[0].split()
    if len(first) < 9:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(tick) for tick in first[1:9])
    # Steal counts: a neighbour on the same host slows a run down as much as a process beside it.
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
