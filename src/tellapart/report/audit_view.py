"""The audit as the report shows it: counts, distributions and findings with the pictures that they are about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ..errors import RunCorruptError
from ..wording import counted

GROUPS = 12
"""Groups of pictures that a finding shows at most."""

PER_GROUP = 4
"""Pictures of a group that are shown at most."""

MODES = {
    "1": "1 bit", "L": "grey", "LA": "grey with transparency", "P": "palette", "RGB": "colour",
    "RGBA": "colour with transparency", "CMYK": "CMYK", "I;16": "16-bit grey",
}  # fmt: skip
"""Pillow's modes in words."""

REPEATS = ("exact-repeat", "near-repeat")


@dataclasses.dataclass(frozen=True)
class Group:
    """Pictures that belong together, such as copies of each other.

    Attributes:
        ids: of the pictures that are shown.
        more: how many are not.
    """

    ids: tuple[str, ...]
    more: int = 0


@dataclasses.dataclass(frozen=True)
class AuditFinding:
    """One thing that a person should know about the pictures.

    Attributes:
        code: a stable name: ``"leak"``.
        severity: ``"error"``, ``"warning"`` or ``"note"``.
        sentence: in words.
        groups: the pictures that it is about, not necessarily all of them.
        more: groups that are not shown.
        files: files that have no picture to show, each with the reason.
    """

    code: str
    severity: str
    sentence: str
    groups: tuple[Group, ...] = ()
    more: int = 0
    files: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Histogram:
    """A histogram of one measure of the pictures."""

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
        distributions: histograms; those of measures that are the same for all pictures are left out.
        facts: (what, how much) of the pictures as a whole.
        kind: what they look like, and why.
    """

    sentences: tuple[Markup, ...]
    findings: tuple[AuditFinding, ...]
    split_names: tuple[str, ...]
    counts: tuple[tuple[str, tuple[int, ...]], ...]
    distributions: tuple[Histogram, ...]
    facts: tuple[tuple[str, str], ...]
    kind: str


def read_audit(audit: Mapping[str, Any]) -> AuditView:
    """Return what the report shows of ``audit.json``.

    Raises:
        RunCorruptError: a part is missing or not what it should be.
    """
    try:
        findings = tuple(_finding(one, audit) for one in audit["findings"])
        splits = tuple(audit["counts"])
        return AuditView(
            sentences=tuple(_sentences(audit, findings)),
            findings=findings,
            split_names=splits,
            counts=tuple(
                (str(name), tuple(int(audit["counts"][split][name]) for split in splits))
                for name in audit["class_names"]
            ),
            distributions=tuple(
                Histogram(name, one["unit"], tuple(one["edges"]), tuple(one["counts"]))
                for name, one in audit["distributions"].items()
                if one["quantiles"]["0"] != one["quantiles"]["1"]
            ),
            facts=tuple(_facts(audit)),
            kind=_capital(f"they look like {audit['kind']['name']}: {audit['kind']['reason']}") + ".",
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunCorruptError(f"audit.json does not hold what it should: {error!r}: train again") from error


def _finding(record: Mapping[str, Any], audit: Mapping[str, Any]) -> AuditFinding:
    groups = record["ids"]
    files: tuple[tuple[str, str], ...] = ()
    if record["code"] == "unreadable":
        files = tuple((str(one["id"]), str(one["reason"])) for one in audit["unreadable"]["shown"])
        groups = []
    sizes = record["sizes"] if any(len(group) > 1 for group in groups) else [PER_GROUP] * len(groups)
    shown = tuple(
        Group(tuple(map(str, ids[:PER_GROUP])), max(0, size - PER_GROUP))
        for ids, size in zip(_merged(groups)[:GROUPS], sizes, strict=False)
    )
    more = max(0, int(record["total"]) - (len(files) if files else _shown_groups(groups)))
    return AuditFinding(str(record["code"]), str(record["severity"]), str(record["sentence"]), shown, more, files)


def _merged(groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return groups of one picture each as rows of several, so that they stand side by side."""
    if groups and all(len(group) == 1 for group in groups):
        flat = [group[0] for group in groups]
        return [flat[start : start + PER_GROUP] for start in range(0, len(flat), PER_GROUP)]
    return [list(group) for group in groups]


def _shown_groups(groups: Sequence[Sequence[str]]) -> int:
    alone = bool(groups) and all(len(group) == 1 for group in groups)
    return min(len(groups), GROUPS * PER_GROUP if alone else GROUPS)


def _sentences(audit: Mapping[str, Any], findings: Sequence[AuditFinding]) -> list[Markup]:
    grave = [one for one in findings if one.severity != "note"]
    said = [one for one in findings if one.severity != "note" or one.code in REPEATS]
    pictures, classes = int(audit["pictures"]), len(audit["class_names"])
    first = Markup("The audit looked at {} of {}").format(
        counted(pictures, "picture"), counted(classes, "class", plural="classes")
    )
    first += Markup(".") if grave else Markup(" and found nothing grave.")
    return [first, *(Markup("{}.").format(_capital(one.sentence)) for one in said)]


def _capital(sentence: str) -> str:
    sentence = sentence.rstrip(".")
    return sentence[:1].upper() + sentence[1:]


def _facts(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("pictures", f"{int(audit['pictures']):,}"), ("classes", f"{len(audit['class_names']):,}")]
    for name, one in audit["distributions"].items():
        low, middle, high = (one["quantiles"][key] for key in ("0", "0.5", "1"))
        text = f"{middle:,.0f} {one['unit']}" if low == high else f"{low:,.0f} to {high:,.0f} {one['unit']}"
        facts.append((name, text if low == high else f"{text}, half below {middle:,.0f}"))
    if audit["modes"]:
        modes = ", ".join(f"{MODES.get(mode, mode)} ({count:,})" for mode, count in audit["modes"].items())
        facts.append(("stored as", modes))
    return facts
