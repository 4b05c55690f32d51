"""The tables of a question's README, written between markers, and the summary beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .machine import sentence
from .question import Answer, Column, Row
from .statistics import Spread, ratios, spread

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


def publish(answers: Sequence[Answer], *, folder: Path) -> None:
    """Write the answers to ``results.json`` and, with those that stand there already, to ``README.md``.

    A comparison that was run again replaces the one of the same title; the others stay, with their own date.

    Args:
        answers: at least one.
        folder: the question's.
    """
    path = folder / "results.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    summaries = {**kept, **{answer.title: summary(answer) for answer in answers}}
    write_whole(path, json.dumps(summaries, indent=1, ensure_ascii=False) + "\n")
    readme = folder / "README.md"
    text = "\n\n".join(one["text"] for one in summaries.values())
    write_whole(readme, between_markers(readme.read_text(encoding="utf-8"), text=text))


def summary(answer: Answer) -> dict[str, object]:
    """Return an answer's figures as spreads, with its text, ready for JSON."""
    return {
        "date": answer.date,
        "rounds": answer.rounds,
        "machine": dict(answer.machine),
        "reference": answer.reference,
        "peers": {row.peer: _peer_summary(row) for row in answer.rows},
        "text": markdown(answer),
    }


def markdown(answer: Answer) -> str:
    """Return a comparison as a heading, a table, a table of ratios, and where it was measured."""
    reference = next(row for row in answer.rows if row.peer == answer.reference)
    compared = [column for column in answer.columns if column.ratio and column.key in reference.figures]
    parts = [
        f"### {answer.title}",
        _grid(answer.columns, [(row.peer, _cells(row, answer.columns)) for row in answer.rows]),
    ]
    others = [row for row in answer.rows if row is not reference]
    if compared and others:
        once = answer.rounds > 1 and _is_once(reference)
        against = f"Against the one run of {reference.peer}:" if once else f"Against {reference.peer}, round by round:"
        parts.append(against)
        parts.append(_grid(compared, [(row.peer, _ratio_cells(row, reference, compared)) for row in others]))
    parts.append("\n".join(f"- {row.peer}: {_versions(row)}" for row in answer.rows if row.versions or row.notes))
    parts.append(f"{_runs(answer)}. {answer.date}, {sentence(dict(answer.machine))}.")
    return "\n\n".join(part for part in parts if part)


def _runs(answer: Answer) -> str:
    if answer.rounds == 1:
        return "One run"
    once = [row.peer for row in answer.rows if _is_once(row)]
    but = f"; {' and '.join(once)}: one run" if once else ""
    return f"{answer.rounds} runs each, in turn: median (smallest to largest){but}"


def _is_once(row: Row) -> bool:
    return all(len(values) == 1 for values in row.figures.values())


def cell(values: Spread, column: Column) -> str:
    """Return "median (low to high)", or the one value where all are the same."""
    scale = 100 if column.percent else 1

    def shown(number: float) -> str:
        return f"{number * scale:,.{column.digits}f}"

    if values.low == values.high:
        return shown(values.median)
    return f"{shown(values.median)} ({shown(values.low)} to {shown(values.high)})"


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all: hours of measurements stand in the one that it replaces."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def between_markers(page: str, *, text: str) -> str:
    """Return a page with what stands between its two markers replaced.

    Raises:
        ValueError: the page does not have each marker once, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page must have {BEGIN} and {END} once each, in this order")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _grid(columns: Sequence[Column], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    head = "| | " + " | ".join(column.label for column in columns) + " |"
    line = "|---|" + "---:|" * len(columns)
    return "\n".join([head, line, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def _cells(row: Row, columns: Sequence[Column]) -> list[str]:
    return [cell(spread(row.figures[c.key]), c) if c.key in row.figures else "–" for c in columns]


def _ratio_cells(row: Row, reference: Row, columns: Sequence[Column]) -> list[str]:
    cells = []
    for column in columns:
        if column.key not in row.figures:
            cells.append("–")
            continue
        values = ratios(row.figures[column.key], reference=reference.figures[column.key])
        cells.append(cell(values, Column(column.key, column.label, digits=2 if values.median >= 0.1 else 4)))
    return cells


def _versions(row: Row) -> str:
    named = ", ".join(f"{name} {version}" for name, version in row.versions.items())
    return "; ".join(part for part in (named, row.notes) if part)


def _peer_summary(row: Row) -> Mapping[str, object]:
    figures = {key: spread(values) for key, values in row.figures.items()}
    shown = {key: {"median": s.median, "low": s.low, "high": s.high} for key, s in figures.items()}
    return {"figures": shown, "versions": dict(row.versions), "notes": row.notes}
