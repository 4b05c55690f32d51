"""External test sets in the report: figures beside the run's own, and what explains the difference."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from ..errors import RunCorruptError
from ..evaluation import Figure, Shift
from .contents import Contents

NAME = re.compile("“([^“”]*)”")

KEYS = ("accuracy", "top_5", "balanced_accuracy", "macro_f1", "loss", "brier", "calibration_error")


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """A class on both sides, and whether the change is more than chance."""

    name: str
    own: Figure
    other: Figure
    change: Figure
    shown: bool


@dataclasses.dataclass(frozen=True)
class ShiftRow:
    """A statistic that has shifted, and whether mistakes go with it."""

    shift: Shift
    usual: Figure
    unusual: Figure
    explains: bool


@dataclasses.dataclass(frozen=True)
class ExternalView:
    """One external set, ready to be set.

    Attributes:
        name: of the set.
        source: where it was.
        own_name: the split beside it.
        headline: the first sentence.
        sentences: the others.
        figures: (name, figure there, its own figure or None).
        classes: the largest drop first.
        shifts: those that go with the mistakes first.
    """

    name: str
    source: str
    own_name: str
    headline: Markup
    sentences: tuple[Markup, ...]
    figures: tuple[tuple[str, Figure, Figure | None], ...]
    classes: tuple[ClassRow, ...]
    shifts: tuple[ShiftRow, ...]


def external_views(contents: Contents) -> list[ExternalView]:
    """Return the external sets that the page shows: on a page about one of them, that one alone.

    Raises:
        RunCorruptError: what the run keeps of them is not what it should be.
    """
    names = [contents.main] if contents.main in contents.external else contents.external
    try:
        return [
            _view(contents, name, contents.external_records[name])
            for name in names
            if name in contents.external_records
        ]
    except (KeyError, TypeError, IndexError) as error:
        raise RunCorruptError(
            f"evaluation.json does not hold what it should of {', '.join(map(str, names))}: {error!r}: evaluate again"
        ) from error


def _view(contents: Contents, name: str, record: Mapping[str, Any]) -> ExternalView:
    explained = record["explained"]
    sentences = [_sentence(one) for one in explained["sentences"]]
    evaluation = contents.evaluations[name]
    own = {key: Figure.from_dict(figure) for key, figure in record["own"].items()}
    shown = {one["name"] for one in (*explained["worse"], *explained["better"])}
    return ExternalView(
        name=name,
        source=str(record["source"]),
        own_name=str(record["own_name"]),
        headline=sentences[0],
        sentences=tuple(sentences[1:]),
        figures=tuple(
            (evaluation[key].name[:1].upper() + evaluation[key].name[1:], evaluation[key], own.get(key))
            for key in KEYS
            if key in evaluation.figures
        ),
        classes=tuple(_class_row(one, shown=one["name"] in shown) for one in explained["comparison"]["classes"]),
        shifts=tuple(_shift_row(one) for one in explained["suspects"]),
    )


def _class_row(record: Mapping[str, Any], *, shown: bool) -> ClassRow:
    own, other, change = (Figure.from_dict(record[key]) for key in ("own", "other", "change"))
    return ClassRow(str(record["name"]), own, other, change, shown)


def _shift_row(record: Mapping[str, Any]) -> ShiftRow:
    usual, unusual = (Figure.from_dict(record[key]) for key in ("usual", "unusual"))
    return ShiftRow(Shift(**record["shift"]), usual, unusual, bool(record["explains"]))


def _sentence(text: str) -> Markup:
    """Return a sentence, the names in its quotes set apart: those of other scripts would turn its numbers round."""
    escaped = str(escape(text[:1].upper() + text[1:] + "."))
    return Markup(NAME.sub(r"“<bdi>\1</bdi>”", escaped))
