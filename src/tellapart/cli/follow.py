"""What a process runs that ``tellapart train --devices`` started: ``python -m tellapart.cli.follow ORDERS``."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Sequence

from ..errors import TellapartError
from ..registry import load_plugin
from .app import fail

GRACE = 10.0
"""Seconds in which a process notices by itself that the first one is gone."""


def main(arguments: Sequence[str]) -> None:
    """Train along as the orders say, JSON with ``place``, ``device`` and ``plugins``."""
    orders = json.loads(arguments[0])
    warnings.simplefilter("ignore")  # the first process shows the same ones
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    try:
        for path in orders["plugins"]:
            load_plugin(path)
        from ..training import fabric  # noqa: F401 (it takes seconds, in which the first process reads pictures)
        from ..training.launch import ProcessRank
        from ..workflow.team import follow

        port = sys.stdin.readline()  # where the first process waits, once it does
        if port:
            raise SystemExit(follow(ProcessRank(**orders["place"] | {"port": int(port)}), orders["device"]))
    except TellapartError as error:
        fail(str(error))


def _watch(parent: int) -> None:
    """End this process where the first one is gone: a wait inside torch would keep it, and its GPU, for good."""
    import psutil

    while os.getppid() == parent and psutil.pid_exists(parent):  # on Windows the number stays when the process is gone
        time.sleep(1.0)
    time.sleep(GRACE)
    os._exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
