"""write_table: the experiment table as a page in one file, as CSV and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup

from ..evaluation import ExperimentTable, Figure, TableRow, seconds_text, size_text
from ..run import Run
from .rendering import page_text
from .words import joined, measured

FILE = "table.html"
STYLES = ("style.css", "parts.css", "print.css", "table.css")
COLUMNS = (
    ("row", "ascending"),
    ("validation F1", "descending"),
    ("external F1", "descending"),
    ("difference", "ascending"),
    ("accuracy less the best's", "descending"),
    ("to train", "ascending"),
    ("to predict", "ascending"),
    ("size", "ascending"),
)
"""The headings, and how each sorts when it is first pressed."""

MOST_NAMED = 6


def write_table(table: ExperimentTable, folder: Path) -> Path:
    """Write ``table.html``, ``table.csv`` and ``table.json`` into a folder; return the page's path.

    Args:
        table: its rows.
        folder: which exists.

    Raises:
        UnwritableError: permissions, or a full disk.
    """
    place = Run(folder)
    place.save("table", table.to_dict())
    place.write("table.csv", table.write_csv)
    place.write_text(FILE, render_table(table))
    return folder / FILE


def render_table(table: ExperimentTable) -> str:
    """Return the page as text: one file that opens from disk without a network.

    Example:
        >>> from tellapart.evaluation import Figure
        >>> row = TableRow(name="compact", kind="from scratch", validation=Figure(0.9, 0.8, 0.95, 99, "macro F1", "%"),
        ...     train_seconds=2.0, predict_ms=0.1, size_bytes=1000)
        >>> "reaches an F1 of" in render_table(ExperimentTable("digits", (row,)))
        True
    """
    columns = [one for one in COLUMNS if table.with_external or one[0] not in ("external F1", "difference")]
    return page_text(
        "table.html.j2",
        styles=STYLES,
        scripts=("sort.js",),
        table=table,
        headline=headline(table),
        sentences=list(sentences(table)),
        columns=columns,
        sorted_by=2 if table.with_external else 1,
        seconds=seconds_text,
        size=size_text,
    )


def headline(table: ExperimentTable) -> Markup:
    """Return the sentence that stands above the table."""
    rows = [row for row in table.ranked() if not row.failed]
    if not rows or rows[0].validation is None:
        return Markup("No row could be made")
    best = rows[0]
    if best.external is not None and best.validation is not None:
        said = "{} has the highest F1 on the external pictures, <strong>{}</strong>, where validation said {}"
        return Markup(said).format(_title(best), best.external.short(), best.validation.short())
    return Markup("{} reaches an F1 of <strong>{}</strong> on validation").format(_title(best), _short(best))


def sentences(table: ExperimentTable) -> Iterator[Markup]:
    """Yield what the table shows, in words."""
    rows = [row for row in table.ranked() if not row.failed]
    plain = [row for row in rows if not row.variant]
    if not plain:
        return
    compared = sum(row.versus_best is not None for row in rows)
    level = [row for row in plain if _holds_zero(row, among=compared)]
    top = next((row for row in rows if row.versus_best is None and row.kind != "majority class"), None)
    if top is not None and level:
        names: list[Markup | str] = [_title(row) for row in level[:MOST_NAMED]]
        names += [f"{len(level) - MOST_NAMED} more"] if len(level) > MOST_NAMED else []
        yield Markup("On validation alone {} cannot be told apart from {}, the most accurate there.").format(
            joined(names), _title(top)
        )  # fmt: skip
    majority = next((row for row in plain if row.kind == "majority class"), None)
    if majority is not None and majority.validation is not None:
        yield Markup("Naming every picture after the largest class gives an F1 of {}.").format(_short(majority))
    yield from _flattered(plain)
    yield from _fallen(rows)


def _flattered(rows: list[TableRow]) -> Iterator[Markup]:
    """Say how far validation and external F1 lie apart, and whether they rank the rows alike."""
    known = [row for row in rows if row.gap is not None and row.kind != "majority class"]
    if not known:
        return
    worst = min(known, key=lambda row: _value(row.gap))
    if worst.gap is not None and worst.gap.high is not None and worst.gap.high < 0:
        yield Markup("Validation flatters {} most: its F1 changes by {} on the external pictures.").format(
            _title(worst), measured(worst.gap)
        )
    by_validation = max(known, key=lambda row: _value(row.validation))
    by_external = max(known, key=lambda row: _value(row.external))
    if _value(by_external.external) > _value(by_validation.external):
        yield Markup(
            "Validation would have chosen {}, not {}, which has the higher F1 on the external pictures; whether by "
            "more than chance is not tested."
        ).format(_title(by_validation), _title(by_external))


def _fallen(rows: list[TableRow]) -> Iterator[Markup]:
    """Say what shuffling the pixels cost: networks are read beside their row without random changes."""
    named = {(row.name, row.variant): row for row in rows}
    falls = []
    for row in rows:
        if row.variant == "shuffled pixels":
            beside = named.get((row.name, "no random changes")) or named.get((row.name, ""))
            if beside is not None:
                falls.append((_value(row.validation) - _value(beside.validation), row.name))
    if len(falls) > 1:
        (most, first), (least, last) = min(falls), max(falls)
        said = "With shuffled pixels {} changes by {} points of F1, {} by {}: what falls used where things are."
        shown = [Markup("<bdi>{}</bdi>").format(name) for name in (first, last)]
        yield Markup(said).format(shown[0], _points(most), shown[1], _points(least))


def _holds_zero(row: TableRow, *, among: int) -> bool:
    """Return whether a row may be as accurate as the best of so many others, which is the best by chance, too."""
    high = None if row.versus_best is None else row.versus_best.among(among).high
    return high is not None and high >= 0


def _title(row: TableRow) -> Markup:
    return Markup("<bdi>{}</bdi>").format(row.title)


def _short(row: TableRow) -> str:
    return "–" if row.validation is None else row.validation.short()


def _value(figure: Figure | None) -> float:
    return 0.0 if figure is None or figure.value is None else figure.value


def _points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")
