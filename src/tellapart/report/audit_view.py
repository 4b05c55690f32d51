"""The audit as the report shows it: counts, distributions and findings with the pictures that they are about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

PER_FINDING = 24
"""Pictures of one finding at most."""


@dataclasses.dataclass(frozen=True)
class Group:
    """Pictures that belong together, such as copies of each other.

    Attributes:
        ids: of the pictures.
        captions: one a picture: its split, its label, why it cannot be read.
    """

    ids: tuple[str, ...]
    captions: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class AuditFinding:
    """One thing that is wrong with the pictures.

    Attributes:
        code: what kind.
        severity: ``"error"``, ``"warning"`` or ``"note"``.
        sentence: in words.
        groups: the pictures that it is about, not necessarily all of them.
        names: files that have no picture to show, each with the reason.
    """

    code: str
    severity: str
    sentence: str
    groups: tuple[Group, ...] = ()
    names: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Distribution:
    """A histogram of one property of the pictures."""

    title: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class AuditView:
    """What the report shows of an audit.

    Attributes:
        sentences: for the first page.
        findings: the gravest first.
        split_names: columns of the counts.
        counts: by class, one number a split.
        distributions: histograms.
        facts: (what, how much) of the pictures as a whole.
    """

    sentences: tuple[Markup, ...]
    findings: tuple[AuditFinding, ...]
    split_names: tuple[str, ...]
    counts: tuple[tuple[str, tuple[int, ...]], ...]
    distributions: tuple[Distribution, ...]
    facts: tuple[tuple[str, str], ...]


def read_audit(audit: Mapping[str, Any]) -> AuditView:
    """Return what the report shows of ``audit.json``."""
    return AuditView((), (), (), (), (), ())
