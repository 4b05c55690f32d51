"""One measured process, from its start to its end."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .machine import busy_seconds
from .result import PeerError

STRIPPED = ("PYTHON", "TF_", "KERAS_", "XLA_", "JAX_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "MALLOC_", "LD_PRELOAD",
            "TORCH", "ONEDNN_", "DNNL_", "CUDA_", "VIRTUAL_ENV", "TELLAPART_")  # fmt: skip
"""Variables of the person's own shell that would change what is measured; a peer gets its own ones alone."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the operating system says of a process, and what it printed.

    Attributes:
        wall_s: from before the process was started until it had ended.
        cpu_s: user and system time of it and its children.
        peak_memory_mb: the largest resident set in MiB, of it or of the largest of its children.
        others_share: the part of the machine that other processes used meanwhile, 0 to 1: above 0.1 says that the
            figures were taken on a busy machine.
        output: its standard output.
    """

    wall_s: float
    cpu_s: float
    peak_memory_mb: float
    others_share: float
    output: str


def measure(command: Sequence[str], *, variables: Mapping[str, str], cwd: Path, log: Path) -> Measured:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        variables: added to the environment, after ``STRIPPED`` has been taken out.
        cwd: where it runs.
        log: where its standard output goes; its errors go beside it, in ``.err``.

    Raises:
        PeerError: it ended with another status than 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    errors = log.with_suffix(".err")
    busy, start = busy_seconds(), time.perf_counter()
    with log.open("wb") as out, errors.open("wb") as err, _ended_by_exception():
        process = subprocess.Popen(
            command, env=clean_environment(variables), cwd=cwd, stdout=out, stderr=err, start_new_session=True
        )
        try:
            # wait4 gives this one process's usage. The kernel carries the parent's resident set across exec, so the
            # smallest peak that can be seen is the harness's own, about 20 MiB.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it has started goes with it
            process.wait()
            raise
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise PeerError(_failure(command, process.returncode, errors, log))
    cpu = usage.ru_utime + usage.ru_stime
    others = max(0.0, busy_seconds() - busy - cpu) / (wall * (os.cpu_count() or 1))
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes on macOS, KiB on Linux
    output = log.read_text(encoding="utf-8", errors="replace")
    return Measured(wall, cpu, usage.ru_maxrss / unit, min(1.0, others), output)


@contextlib.contextmanager
def _ended_by_exception() -> Iterator[None]:
    """Turn what would end this process without a word into an exception, so that no peer is left behind."""
    here = threading.current_thread() is threading.main_thread()
    # Under nohup a hangup is ignored, and stays so.
    kinds = [k for k in (signal.SIGTERM, signal.SIGHUP) if here and signal.getsignal(k) is signal.SIG_DFL]
    before = {kind: signal.signal(kind, lambda number, frame: sys.exit(128 + number)) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment less ``STRIPPED``, with the given variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(STRIPPED)}
    return {**kept, "PYTHONUTF8": "1", **variables}


def _failure(command: Sequence[str], status: int, errors: Path, log: Path) -> str:
    tail = "\n".join(errors.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return f"{' '.join(command)}\n{how}; its output: {log} and {errors.name} beside it. The last lines:\n{tail}"
