"""What a peer says at its end: one JSON line on standard output, with agreed keys.

::

    {"figures": {"images_per_s": 1330.0, "epochs": 100}, "versions": {"keras": "3.15.1"}, "notes": "..."}

``figures`` are numbers, ``versions`` are names; ``notes`` is optional. Whatever else a peer prints is kept in its log
and not read. Every figure's key is one that the question's columns name, or is kept in the raw results alone.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping


class PeerError(RuntimeError):
    """A peer failed, or did not say what was agreed. A benchmark stops at the first one."""


@dataclasses.dataclass(frozen=True)
class Result:
    """The figures and the versions that a peer reported."""

    figures: Mapping[str, float]
    versions: Mapping[str, str]
    notes: str = ""


def say(*, figures: Mapping[str, float], versions: Mapping[str, str], notes: str = "") -> None:
    """Print the line that ends a peer."""
    line = {"figures": dict(figures), "versions": dict(versions), "notes": notes}
    print("\n" + json.dumps(line, ensure_ascii=False), flush=True)


def parse(output: str) -> Result:
    """Return the last result line of a peer's standard output.

    Raises:
        PeerError: there is none, or a figure in it is no finite number.
    """
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(value, dict) and {"figures", "versions"} <= value.keys():
                return _checked(value)
    raise PeerError('no result: the peer must print one JSON line with the keys "figures" and "versions"')


def _checked(value: Mapping[str, object]) -> Result:
    unknown = value.keys() - {"figures", "versions", "notes"}
    if unknown:
        raise PeerError(f"unknown keys {sorted(unknown)} in a result: allowed are figures, versions, notes")
    figures, versions = value["figures"], value["versions"]
    if not isinstance(figures, dict) or not isinstance(versions, dict):
        raise PeerError("figures and versions must be JSON objects")
    for key, number in figures.items():
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise PeerError(f"the figure {key!r} must be a finite number, got {number!r}")
    named = {str(key): str(version) for key, version in versions.items()}
    return Result({key: float(number) for key, number in figures.items()}, named, str(value.get("notes", "")))
