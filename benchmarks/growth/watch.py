"""Memory and processor time of a process and of all that it started, from Linux's /proc; standard library only."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

EVERY = 0.05
"""Seconds between two looks."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One look at a process and its descendants.

    Attributes:
        when: seconds of ``time.monotonic``, which all processes of a machine share.
        own: MiB that belong to the processes alone: anonymous and shared-memory pages. What a forked process has not
            changed since is one page in two processes, and counts once.
        mapped: MiB of file pages that are mapped: the system takes them back when it needs them.
        processes: how many there were.
    """

    when: float
    own: float
    mapped: float
    processes: int


def watched(command: Sequence[str], *, variables: Mapping[str, str]) -> tuple[int, list[Sample]]:
    """Run a command to its end; return its exit status and what was seen of it every 50 ms."""
    process = subprocess.Popen(command, env={**os.environ, **variables})
    samples = []
    try:
        while process.poll() is None:
            samples.append(sample(process.pid))
            time.sleep(EVERY)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process.returncode, samples


def sample(pid: int) -> Sample:
    """Return one look at a process and its descendants; those that end meanwhile count as nothing."""
    family = descendants(pid)
    seen = [shares(one) for one in family]
    own = sum(one.get("Pss_Anon", 0) + one.get("Pss_Shmem", 0) for one in seen)
    return Sample(time.monotonic(), own / 1024, sum(one.get("Pss_File", 0) for one in seen) / 1024, len(family))


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process, its descendants, and the ended that were waited for."""
    ticks = 0
    for one in descendants(pid):
        fields = _read(f"/proc/{one}/stat").rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def descendants(pid: int) -> list[int]:
    """Return a process's number and those of all below it."""
    found = [pid]
    for one in found:
        for task in _folder(f"/proc/{one}/task"):
            found += [int(child) for child in _read(f"/proc/{one}/task/{task}/children").split()]
    return found


def shares(pid: int) -> dict[str, int]:
    """Return the fields of /proc/PID/smaps_rollup, KiB: a page of n processes counts for a n-th in each (Pss)."""
    lines = (line.split() for line in _read(f"/proc/{pid}/smaps_rollup").splitlines())
    return {parts[0].rstrip(":"): int(parts[1]) for parts in lines if len(parts) == 3 and parts[2] == "kB"}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return ""


def _folder(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208
    except OSError:
        return []
