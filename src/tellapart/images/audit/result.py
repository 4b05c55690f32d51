"""The result of an audit: what was found, as data, as JSON, as text and as a page for a notebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import NDArray

from ...wording import text_table
from .distributions import Distribution
from .kind import Kind
from .leaks import Leak
from .near import Repeats

Severity = Literal["error", "warning", "note"]

SHOWN = 100
"""Entries of a long list that JSON holds; the total is said beside it."""


NAMED = 3
"""Pictures, and groups of them, that the text names for a finding."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a person should know about the pictures.

    Attributes:
        severity: ``"error"`` stops a training, ``"warning"`` needs a look, ``"note"`` is good to know.
        code: a stable name: ``"leak"``, ``"two-labels"``, ``"unreadable"``, ``"imbalance"``, ...
        sentence: what was found, with counts.
        groups: positions that belong together: one picture, a pair, or a family of repeats each.
        ids: the same as ids.
        total: how many groups there are.
    """

    severity: Severity
    code: str
    sentence: str
    groups: tuple[tuple[int, ...], ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()
    total: int = 0

    def named(self) -> list[str]:
        """Return the first pictures that are meant, those that belong together on one line.

        Example:
            >>> Finding("error", "leak", "...", ids=(("train/a.png", "test/b.png"),) * 5, total=5).named()
            ['train/a.png = test/b.png', 'train/a.png = test/b.png', 'train/a.png = test/b.png', 'and 2 more']
        """
        lines = [" = ".join(group[:NAMED]) + (" = ..." if len(group) > NAMED else "") for group in self.ids[:NAMED]]
        return lines + ([f"and {self.total - NAMED:,} more"] if self.total > NAMED else [])

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON, with ids in place of positions."""
        shown = [list(group[:SHOWN]) for group in self.ids[:SHOWN]]
        return {
            "severity": self.severity,
            "code": self.code,
            "sentence": self.sentence,
            "ids": shown,
            "sizes": [len(group) for group in self.ids[:SHOWN]],
            "total": self.total,
        }


@dataclasses.dataclass(frozen=True)
class Audit:
    """What is known about a data set before anything is trained on it.

    Attributes:
        name: of the data set.
        ids: (N,) of its pictures.
        class_names: of its classes.
        counts: pictures by split (``"all"``, then the splits where there are any) and class name.
        distributions: of width, height, brightness and contrast.
        modes: pictures by Pillow's mode, the most frequent first.
        kind: a guess whether they are photographs or writing, with its reason.
        repeats: which pictures show the same.
        leaks: one for each picture that stands in a later split too.
        unreadable: the reason, by position.
        findings: everything that a person should know, the worst first.
    """

    name: str
    ids: NDArray[Any]
    class_names: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    distributions: dict[str, Distribution]
    modes: dict[str, int]
    kind: Kind
    repeats: Repeats
    leaks: Sequence[Leak]
    unreadable: dict[int, str]
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def pictures(self) -> int:
        """How many pictures were audited, unreadable ones included."""
        return len(self.ids)

    def finding(self, code: str) -> Finding | None:
        """Return the first finding with this code, or None."""
        return next((finding for finding in self.findings if finding.code == code), None)

    def leak_sentence(self) -> str:
        """Return one sentence about the leaks, or "" where there are none."""
        found = self.finding("leak")
        return found.sentence if found else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as JSON: ids, never positions; long lists cut to 100 with the total beside them."""
        leaks = [dataclasses.asdict(leak) for leak in self.leaks[:SHOWN]]
        for leak in leaks:
            del leak["drop"], leak["keep"]
        unreadable = [{"id": str(self.ids[i]), "reason": why} for i, why in list(self.unreadable.items())[:SHOWN]]
        return {
            "name": self.name,
            "pictures": len(self),
            "class_names": list(self.class_names),
            "counts": self.counts,
            "distributions": {name: found.to_dict() for name, found in self.distributions.items()},
            "modes": self.modes,
            "kind": dataclasses.asdict(self.kind),
            "leaks": {"total": len(self.leaks), "shown": leaks},
            "unreadable": {"total": len(self.unreadable), "shown": unreadable},
            "repeats": {
                "exact_groups": len(self.repeats.exact_groups()),
                "near_pairs": len(self.repeats.pairs),
                "families": len(self.repeats.families()),
            },
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self):,} pictures, {len(self.class_names)} classes, {self.kind}"]
        for split, counts in self.counts.items():
            values = list(counts.values()) or [0]
            lines.append(f"  {split}: {sum(values):,} pictures, {min(values):,} to {max(values):,} a class")
        for name, found in self.distributions.items():
            low, middle, high = (found.quantiles[share] for share in (0.05, 0.5, 0.95))
            lines.append(f"  {name}: {middle:.0f} {found.unit} (90% lie from {low:.0f} to {high:.0f})")
        for finding in self.findings:
            lines.append(f"  {finding.severity}: {finding.sentence}")
            if finding.severity != "note":
                lines += [f"    {named}" for named in finding.named() if repr(named) not in finding.sentence]
        return "\n".join([*lines, "", *self._table()])

    def _table(self) -> list[str]:
        """Return the counts a class and a split as lines of text, the largest class first."""
        splits = [name for name, counts in self.counts.items() if name == "all" or any(counts.values())]
        order = sorted(self.class_names, key=lambda name: -self.counts["all"][name])
        rows = [[name, *(f"{self.counts[split][name]:,}" for split in splits)] for name in order[:SHOWN]]
        more = [f"and {len(order) - SHOWN} classes more"] if len(order) > SHOWN else []
        return [f"  {line}" for line in [*text_table(["class", *splits], rows).splitlines(), *more]]

    def __repr__(self) -> str:
        return f"Audit({self.name!r}: {len(self)} pictures, {len(self.leaks)} leaks, {len(self.findings)} findings)"

    def _repr_html_(self) -> str:
        from html import escape

        splits = list(self.counts)
        head = "".join(f"<th>{escape(split)}</th>" for split in splits)
        rows = "".join(
            f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{self.counts[s][name]:,}</td>" for s in splits) + "</tr>"
            for name in self.class_names[:SHOWN]
        )
        items = "".join(f"<li><b>{f.severity}</b> {escape(f.sentence)}</li>" for f in self.findings)
        title = f"{self.name}: {len(self):,} pictures, {len(self.class_names)} classes, {self.kind}"
        return f"<p>{escape(title)}</p><ul>{items}</ul><table><tr><th>class</th>{head}</tr>{rows}</table>"
