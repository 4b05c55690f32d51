"""Work shared between this process and workers: this one begins at once, while the workers still start."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from ..errors import DataError

Result = TypeVar("Result")

AHEAD = 4
"""Tasks that wait for each worker, so that none is ever idle while this process is busy with its own."""


@contextmanager
def shared_out(
    function: Callable[..., Result], tasks: Iterable[dict[str, Any]], *, jobs: int
) -> Iterator[Iterator[Result]]:
    """Give the result of each task as it is done, in any order; the workers are there from the beginning.

    Args:
        function: importable by name; called with each task's keyword arguments.
        tasks: picklable; taken one by one, so that none is made before its time.
        jobs: processes, this one counted; 1 does everything here.

    Raises:
        DataError: a worker was ended from outside.

    Example:
        >>> with shared_out(dict, ({"a": a} for a in (7, 8)), jobs=1) as results:
        ...     sorted(results, key=str)
        [{'a': 7}, {'a': 8}]
    """
    if jobs == 1:
        yield (function(**task) for task in tasks)
        return
    try:
        with (
            _pool(jobs - 1) as pool,
            closing(_in_turn(function, iter(tasks), pool=pool, most=AHEAD * (jobs - 1))) as results,
        ):
            yield results
    except BrokenProcessPool as error:
        raise DataError(
            "a process that was reading pictures has been ended from outside, most often because the memory was full: "
            "end other programs and try again"
        ) from error


def _in_turn(
    function: Callable[..., Result], tasks: Iterator[dict[str, Any]], *, pool: Executor, most: int
) -> Generator[Result]:
    """Give the pool ``most`` tasks ahead and do every further one here; at the end, those that no worker has begun."""
    out: dict[Future[Result], dict[str, Any]] = {}
    try:
        for task in tasks:
            if len(out) < most:
                out[pool.submit(_unless_stopped, function, task)] = task
                continue
            yield function(**task)
            for future in [one for one in out if one.done()]:
                del out[future]
                yield future.result()
        for future, task in reversed(list(out.items())):
            if future.cancel():
                del out[future]
                yield function(**task)
        for future in as_completed(out):
            yield future.result()
    finally:
        for future in out:
            future.cancel()


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Give worker processes: forked within 5 ms where that is safe, else started, at half a second of a processor."""
    if may_fork():
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(workers, context, initializer=_begin) as forked, _ended_at_once():
            with warnings.catch_warnings():
                # Python 3.12 warns of OpenMP's threads, too: reading needs nothing that they may hold.
                warnings.simplefilter("ignore", DeprecationWarning)
                with _held_back(signal.SIGUSR1):
                    forked.submit(os.getpid)  # the first task forks all workers
            yield forked
    else:
        # loky's workers do not run the caller's main module again, as the standard library's do.
        from joblib.externals.loky import get_reusable_executor

        started = get_reusable_executor(max_workers=workers, initializer=_leave_ctrl_c)
        try:
            yield started
        except KeyboardInterrupt:  # they would finish what they have begun; another thread's work stops as well
            started.shutdown(wait=True, kill_workers=True)
            raise


@contextmanager
def _held_back(number: int) -> Iterator[None]:
    """Hold a signal back in here, and in what is forked in here until it asks for it: by itself it would end that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _ended_at_once() -> Iterator[None]:
    """Stop the workers that are forked in here where anything stops the work: a pool waits for what they have begun.

    They are told by a signal and stay: a pool whose workers die fails on tasks that were taken back.
    """
    before = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        for worker in set(multiprocessing.active_children()) - before:
            if worker.pid is not None:
                with suppress(ProcessLookupError):  # it has ended by itself
                    os.kill(worker.pid, signal.SIGUSR1)
        raise


def may_fork() -> bool:
    """Return whether a fork copies nothing half-done: no other thread of Python's is at work."""
    return sys.platform == "linux" and threading.active_count() == 1


def _leave_ctrl_c() -> None:
    """Prepare a started worker: Ctrl-C, which the terminal sends to all, is answered by the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _begin() -> None:
    """Prepare a forked worker: Ctrl-C is answered by the process that forked it, with whose death it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    threading.Thread(target=_end_with_parent, daemon=True).start()


_working, _stopped = False, False  # in a worker: whether it is at a task, and whether it is to take no more


def _stop(number: int, frame: Any) -> None:
    global _stopped
    _stopped = True
    if _working:
        raise KeyboardInterrupt


def _unless_stopped(function: Callable[..., Result], task: dict[str, Any]) -> Result:
    """Do a task in a worker; KeyboardInterrupt where the work was stopped, before it or in its middle."""
    global _working
    if _stopped:
        raise KeyboardInterrupt
    _working = True
    try:
        return function(**task)
    finally:
        _working = False


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
