"""Evaluation: every figure of a classifier on one set of pictures, as one value that JSON can hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RunCorruptError
from ..wording import text_table
from .cells import cells_of, table_of
from .figure import Figure

_SHOWN = 60


@dataclasses.dataclass(frozen=True, slots=True)
class ClassFigures:
    """The figures of one class.

    Attributes:
        name: the class.
        count: its pictures.
        predicted: how often it was predicted.
        correct: how often rightly.
        recall: the share of its pictures that is recognised, with Wilson interval; undefined without pictures.
        precision: the share of its predictions that is right, with Wilson interval; undefined without predictions.
        f1: the harmonic mean of the two, with bootstrap interval; undefined without pictures.
    """

    name: str
    count: int
    predicted: int
    correct: int
    recall: Figure
    precision: Figure
    f1: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassFigures:
        """Return the figures that ``to_dict`` described."""
        parts = {key: Figure.from_dict(data[key]) for key in ("recall", "precision", "f1")}
        return cls(**{**data, **parts})


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Every figure of a classifier on one set of pictures; ``evaluate`` makes it.

    Attributes:
        class_names: the K classes.
        count: labelled pictures.
        unlabelled: pictures that were left out because their label is unknown.
        temperature: what the logits were divided by.
        confidence_level: of every interval.
        majority_class: whose constant answer ``majority_accuracy`` measures.
        figures: by key: accuracy, top_5, majority_accuracy, macro_precision, macro_recall, macro_f1,
            balanced_accuracy, loss, brier, calibration_error, calibration_error_by_chance.
        classes: one entry per class, in the order of ``class_names``.
        confusion: (K, K) int64 counts, a row a true class, a column a predicted one.
        notes: what a person should know.
    """

    class_names: tuple[str, ...]
    count: int
    unlabelled: int
    temperature: float
    confidence_level: float
    majority_class: str
    figures: Mapping[str, Figure]
    classes: tuple[ClassFigures, ...]
    confusion: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Figure:
        return self.figures[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evaluation) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, without NaN; ``from_dict`` gives an equal evaluation back."""
        return {
            "count": self.count,
            "unlabelled": self.unlabelled,
            "temperature": self.temperature,
            "confidence_level": self.confidence_level,
            "majority_class": self.majority_class,
            "figures": {key: figure.to_dict() for key, figure in self.figures.items()},
            "classes": [one.to_dict() for one in self.classes],
            "confusion": cells_of(self.confusion),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """Return the evaluation that ``to_dict`` described.

        Raises:
            RunCorruptError: a part is missing or not what it should be.
        """
        try:
            classes = tuple(ClassFigures.from_dict(one) for one in data["classes"])
            return cls(
                class_names=tuple(one.name for one in classes),
                count=int(data["count"]),
                unlabelled=int(data["unlabelled"]),
                temperature=float(data["temperature"]),
                confidence_level=float(data["confidence_level"]),
                majority_class=str(data["majority_class"]),
                figures={key: Figure.from_dict(figure) for key, figure in data["figures"].items()},
                classes=classes,
                confusion=table_of(data["confusion"], size=len(classes)),
                notes=tuple(data["notes"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunCorruptError(f"the evaluation cannot be read: {error!r}: train again") from error

    def sorted_classes(self) -> list[ClassFigures]:
        """Return the classes, the least recognised first; those without pictures last."""
        return sorted(self.classes, key=lambda one: (one.count == 0, one.recall.value or 0.0, one.name))

    def __str__(self) -> str:
        level = f"{100 * self.confidence_level:g}% interval"
        figures = text_table(
            ["figure", "value", level], [[f.name, f.short(), f.interval()] for f in self.figures.values()]
        )
        classes = text_table(
            ["class", "pictures", "recall", "interval", "precision", "F1"],
            [_row(one) for one in self.sorted_classes()[:_SHOWN]],
        )
        more = len(self.classes) - _SHOWN
        parts = [f"{self.count:,} pictures, {len(self.classes)} classes", "", figures, "", classes]
        parts += [f"... and {more} classes more"] if more > 0 else []
        return "\n".join([*parts, "", *self.notes])

    def __repr__(self) -> str:
        return f"Evaluation(accuracy {self['accuracy']}, {len(self.classes)} classes)"

    def _repr_html_(self) -> str:
        figures = "".join(
            f"<tr><td>{escape(f.name)}</td><td>{f.short()}</td><td>{f.interval()}</td></tr>"
            for f in self.figures.values()
        )
        rows = [_row(one) for one in self.sorted_classes()[:_SHOWN]]
        classes = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<b>{self.count:,} pictures, {len(self.classes)} classes</b>"
            f"<table><tr><th>figure</th><th>value</th><th>{100 * self.confidence_level:g}% interval</th></tr>{figures}"
            "</table><table><tr><th>class</th><th>pictures</th><th>recall</th><th>interval</th><th>precision</th>"
            f"<th>F1</th></tr>{classes}</table><ul>{notes}</ul>"
        )


def _row(one: ClassFigures) -> list[str]:
    return [
        one.name, f"{one.count:,}", one.recall.short(), one.recall.interval(), one.precision.short(), one.f1.short()
    ]  # fmt: skip
