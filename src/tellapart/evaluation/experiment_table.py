"""The experiment table as a value: one row a method, with what it reaches and what it costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RunCorruptError
from ..wording import bytes_text, text_table
from .figure import Figure
from .spreadsheet import write_csv

CSV_HEADER = (
    "row", "pictures", "kind", "validation_macro_f1", "validation_low", "validation_high", "validation_pictures",
    "external_macro_f1", "external_low", "external_high", "external_pictures", "difference", "difference_low",
    "difference_high", "validation_accuracy", "less_than_best", "less_than_best_low", "less_than_best_high",
    "train_seconds", "predict_ms_a_picture", "size_bytes", "folder", "failed", "notes",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row.

    Attributes:
        name: of the method: ``"hog+pca/svm-rbf"``.
        variant: what was done to the pictures: ``"noise 0.1"``; empty where nothing was.
        kind: "majority class", "classical", "from scratch" or "transfer".
        folder: where the row lies, below the table's own.
        validation: macro F1 on the validation pictures; None where the row failed.
        accuracy: on the same.
        external: macro F1 on external pictures; None where there are none.
        gap: the second F1 less the first.
        versus_best: accuracy on validation less that of the best row, paired; None for that row itself.
        train_seconds: of the training, features included.
        predict_ms: a picture, from resized pixels, features included.
        size_bytes: of the model.
        notes: what a person should know.
        failed: why the row has no figures.
    """

    name: str
    kind: str
    variant: str = ""
    folder: str = ""
    validation: Figure | None = None
    accuracy: Figure | None = None
    external: Figure | None = None
    gap: Figure | None = None
    versus_best: Figure | None = None
    train_seconds: float | None = None
    predict_ms: float | None = None
    size_bytes: int | None = None
    notes: tuple[str, ...] = ()
    failed: str = ""

    @property
    def title(self) -> str:
        """Method and variant: ``"hog/svm-rbf, noise 0.1"``."""
        return f"{self.name}, {self.variant}" if self.variant else self.name

    @property
    def deciding(self) -> float:
        """What rows are sorted by: external F1 where it is known, else validation F1; below all where failed."""
        figure = self.external if self.external is not None else self.validation
        return -1.0 if figure is None or figure.value is None else figure.value

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; ``from_dict`` gives an equal row back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TableRow:
        """Return the row that ``to_dict`` described.

        Raises:
            RunCorruptError: it is not what a row should be.
        """
        try:
            values = dict(data)
            for key in ("validation", "accuracy", "external", "gap", "versus_best"):
                values[key] = None if values[key] is None else Figure.from_dict(values[key])
            return cls(**{**values, "notes": tuple(values["notes"])})
        except (KeyError, TypeError) as error:
            raise RunCorruptError(f"a row of the table cannot be read: {error!r}: compare again") from error


@dataclasses.dataclass(frozen=True)
class ExperimentTable:
    """The rows, and what they were measured on.

    Attributes:
        name: of the table.
        rows: in the order in which they were made.
        facts: what holds for all rows, by name: pictures, classes, threads, seed, ...
        notes: what a person should know.

    Example:
        >>> row = TableRow(name="compact", kind="from scratch", validation=Figure(0.9, 0.8, 0.95, 99, "macro F1", "%"))
        >>> print(ExperimentTable("digits", (row,)))
        row      validation F1  interval      train  predict  size
        compact          90.0%  80.0 to 95.0      –        –     –
    """

    name: str
    rows: tuple[TableRow, ...]
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def ranked(self) -> list[TableRow]:
        """Return the rows, the best first: by external F1 where that was measured, else by validation F1."""
        return sorted(self.rows, key=lambda row: -row.deciding)

    @property
    def with_external(self) -> bool:
        """Whether external pictures were measured."""
        return any(row.external is not None for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        rows = [row.to_dict() for row in self.rows]
        return {"name": self.name, "facts": dict(self.facts), "notes": list(self.notes), "rows": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExperimentTable:
        """Return the table that ``to_dict`` described; raises RunCorruptError where it is none."""
        try:
            rows = tuple(TableRow.from_dict(row) for row in data["rows"])
            return cls(data["name"], rows, dict(data["facts"]), tuple(data["notes"]))
        except (KeyError, TypeError) as error:
            raise RunCorruptError(f"the table cannot be read: {error!r}: compare again") from error

    def write_csv(self, path: Path | str) -> None:
        """Write the table as CSV: every figure with its interval's ends, shares as 0 to 1."""
        write_csv(path, CSV_HEADER, rows=[_csv(row) for row in self.ranked()])

    def __str__(self) -> str:
        header = ["row", "validation F1", "interval"]
        header += ["external F1", "interval", "difference", "interval"] if self.with_external else []
        return text_table([*header, "train", "predict", "size"], [_texts(row, self) for row in self.ranked()])


def seconds_text(seconds: float | None) -> str:
    """Return a length of time as a table has it.

    Example:
        >>> seconds_text(0.034), seconds_text(4.21), seconds_text(240), seconds_text(None)
        ('34 ms', '4.2 s', '4.0 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 0.01:
        return f"{1000 * seconds:.2g} ms"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def size_text(count: int | None) -> str:
    """Return a number of bytes as a table has it: a dash for one that is not known.

    Example:
        >>> size_text(353_500), size_text(17_500_000), size_text(None)
        ('353.5 kB', '17.5 MB', '–')
    """
    return "–" if count is None else bytes_text(count)


def _texts(row: TableRow, table: ExperimentTable) -> list[str]:
    def pair(figure: Figure | None) -> list[str]:
        return ["–", ""] if figure is None else [figure.short(), figure.interval()]

    cells = [row.title, *pair(row.validation)]
    if table.with_external:
        cells += [*pair(row.external), *pair(row.gap)]
    predict = None if row.predict_ms is None else row.predict_ms / 1000
    return [*cells, seconds_text(row.train_seconds), seconds_text(predict), size_text(row.size_bytes)]


def _csv(row: TableRow) -> list[object]:
    def ends(figure: Figure | None, *, count: bool = False) -> list[object]:
        if figure is None:
            return [""] * (4 if count else 3)
        values: list[object] = ["" if end is None else end for end in (figure.value, figure.low, figure.high)]
        return [*values, figure.count] if count else values

    accuracy = row.accuracy.value if row.accuracy is not None else None
    costs = (row.train_seconds, row.predict_ms, row.size_bytes)
    return [
        row.name, row.variant, row.kind, *ends(row.validation, count=True), *ends(row.external, count=True),
        *ends(row.gap), "" if accuracy is None else accuracy, *ends(row.versus_best),
        *("" if cost is None else cost for cost in costs), row.folder, row.failed, "; ".join(row.notes),
    ]  # fmt: skip
