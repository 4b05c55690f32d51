"""Where this process stands among several that train together, and how the others are started.

torchrun and SLURM start all processes and say in the environment which is which. ``--devices 2`` starts the others
from the first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from ..errors import RecipeError
from ..registry import loaded_plugins

GRACE = 10.0
"""Seconds in which the first process notices by itself that another one is gone."""

FOLLOWER = "tellapart.cli.follow"
"""The module that a started process runs."""


@dataclasses.dataclass(frozen=True)
class ProcessRank:
    """Where a process stands.

    Attributes:
        rank: from 0.
        count: processes in all.
        local_rank: on this machine, from 0.
        local_count: on this machine; the same on each.
        started_by: who started it.
        port: at which the first process waits for the others, where tellapart started them.
    """

    rank: int
    count: int
    local_rank: int
    local_count: int
    started_by: Literal["torchrun", "slurm", "tellapart"]
    port: int = 0


def find_rank(environment: Mapping[str, str] = os.environ) -> ProcessRank | None:
    """Return where torchrun or SLURM say that this process stands; None where it stands alone.

    Raises:
        RecipeError: what SLURM says does not suffice.

    Example:
        >>> find_rank({}) is None
        True
        >>> torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
        >>> find_rank({"TORCHELASTIC_RUN_ID": "none", **torchrun})
        ProcessRank(rank=3, count=4, local_rank=1, local_count=2, started_by='torchrun', port=0)
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        rank, count, local_rank, local_count = (int(environment[name]) for name in names)
        place = ProcessRank(rank, count, local_rank, local_count, "torchrun")
    elif int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:  # srun alone sets it
        if "SLURM_NTASKS_PER_NODE" not in environment:
            raise RecipeError(
                f"SLURM started {environment['SLURM_STEP_NUM_TASKS']} processes without saying how many a machine has: "
                "give --ntasks-per-node instead of --ntasks"
            )
        names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE")
        rank, count, local_rank, local_count = (int(environment[name]) for name in names)
        place = ProcessRank(rank, count, local_rank, local_count, "slurm")
    else:
        return None
    if place.count % place.local_count:
        raise RecipeError(
            f"{place.started_by} started {place.count} processes, {place.local_count} a machine: give as many to each "
            "machine"
        )
    return place if place.count > 1 else None


@contextlib.contextmanager
def launched(count: int, *, device: str, on_loss: Callable[[], None]) -> Iterator[Callable[[], ProcessRank]]:
    """Span a training with other processes on this machine, which load while this one, the first, goes on.

    Args:
        count: processes in all, this one counted.
        device: "cpu" or "cuda".
        on_loss: is called where one of them fails and this process has not noticed within some seconds.

    Yields:
        a function that tells the others where to meet, and returns the place of this process; to be called once.
    """
    first = ProcessRank(0, count, 0, count, "tellapart")
    started: list[subprocess.Popen[bytes]] = []
    ended = threading.Event()

    def meet() -> ProcessRank:
        port = _free_port()  # not before it is needed: another program might take it
        for process in started:
            _tell(process, f"{port}\n")
        return dataclasses.replace(first, port=port)

    try:
        for rank in range(1, count):
            theirs = dataclasses.replace(first, rank=rank, local_rank=rank)
            started.append(_start(theirs, device=device))
        threading.Thread(target=_watch, args=(started, ended, on_loss), daemon=True).start()
        yield meet
    finally:
        ended.set()
        for process in started:
            process.kill()
            process.wait()
            _tell(process, "")


def _tell(process: subprocess.Popen[bytes], words: str) -> None:
    """Say something to a process, and close its standard input; one that has ended is noticed elsewhere."""
    if process.stdin is not None and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(words.encode())
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _watch(started: Sequence[subprocess.Popen[bytes]], ended: threading.Event, on_loss: Callable[[], None]) -> None:
    """Look after started processes: who waits for a lost one inside torch may never hear of it."""
    while not ended.wait(1.0):
        if any(process.poll() for process in started) and not ended.wait(GRACE):
            on_loss()
            return


def _start(place: ProcessRank, *, device: str) -> subprocess.Popen[bytes]:
    orders = {"place": dataclasses.asdict(place), "device": device, "plugins": [str(path) for path in loaded_plugins]}
    # A session, or on Windows a group, of its own: Ctrl-C on the terminal is for the first, which tells the others.
    return subprocess.Popen(
        [sys.executable, "-m", FOLLOWER, json.dumps(orders)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True, creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
