"""Work shared between this process and workers: this one begins at once, while the workers still start."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

Result = TypeVar("Result")

AHEAD = 2
"""Tasks that wait for each worker, so that none is ever idle."""


def usable_processors() -> int:
    """Return how many processors this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared_out(function: Callable[..., Result], tasks: Iterable[dict[str, Any]], *, jobs: int) -> Iterator[Result]:
    """Yield the result of each task as it is done, in any order.

    Args:
        function: importable by name; called with each task's keyword arguments.
        tasks: picklable; taken one by one, so that none is made before its time.
        jobs: processes, this one counted; 1 does everything here.

    Example:
        >>> sorted(shared_out(dict, ({"a": a} for a in (7, 8)), jobs=1), key=str)
        [{'a': 7}, {'a': 8}]
    """
    waiting = iter(tasks)
    if jobs == 1:
        yield from (function(**task) for task in waiting)
        return
    # loky's workers do not run the caller's main module again, as the standard library's do.
    from joblib.externals.loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=jobs - 1)
    out: deque[Future[Result]] = deque()
    try:
        for task in waiting:
            if len(out) < AHEAD * (jobs - 1):
                out.append(executor.submit(function, **task))
                continue
            yield function(**task)
            for _ in range(len(out)):
                future = out.popleft()
                if future.done():
                    yield future.result()
                else:
                    out.append(future)
        while out:
            done, _ = wait(out, return_when=FIRST_COMPLETED)
            for future in done:
                out.remove(future)
                yield future.result()
    finally:
        for future in out:
            future.cancel()
