"""Whether anything may be downloaded: the environment says so, and with it every process that a program starts."""

from __future__ import annotations

import os

VARIABLE = "TELLAPART_OFFLINE"


def is_offline() -> bool:
    """Return whether downloads are forbidden: ``TELLAPART_OFFLINE`` is set, and not to 0."""
    return os.environ.get(VARIABLE, "0") not in ("", "0")


def forbid_downloads() -> None:
    """Forbid downloads to this process and to those that it starts."""
    os.environ[VARIABLE] = "1"
