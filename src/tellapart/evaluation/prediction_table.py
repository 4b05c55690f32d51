"""Predictions as a CSV table, read and written."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ClassMismatchError, DataError, SourceError
from .predictions import Predictions
from .spreadsheet import read_csv, spreadsheet_plain, write_csv

ID, LABEL = "id", "label"
"""The columns that are no class's."""

_SMALLEST = float(np.finfo(np.float32).tiny)
_TOLERANCE = 0.02


def read_predictions(path: Path | str, *, class_names: Sequence[str] | None = None) -> Predictions:
    """Read a table with the columns ``id``, ``label`` and one of probabilities for each class.

    Args:
        path: a CSV file, best in UTF-8; commas, semicolons or tabs between the cells. An empty label is unknown.
        class_names: the order of the classes; that of the columns where None.

    Returns:
        Predictions whose logits are the logarithms of the probabilities. A probability of 0 counts as 1e-38, so that
        the loss stays finite.

    Raises:
        SourceNotFoundError: no such file.
        SourceError: the table lacks a column, a number or an id, or the probabilities do not sum to 1.
        ClassMismatchError: a label is none of the columns.
    """
    header, rows = read_csv(path, what="table", absent="give the path of a CSV file")
    try:
        predictions = _from_rows(header, rows)
    except DataError as error:
        raise type(error)(f"the table {str(path)!r}: {error}") from error
    return predictions if class_names is None else predictions.with_class_names(class_names)


def write_predictions(predictions: Predictions, path: Path | str, *, temperature: float = 1.0) -> None:
    """Write the table that ``read_predictions`` reads: ``id``, ``label`` and a probability for each class.

    Args:
        predictions: one row each; the label of a picture whose label is unknown stays empty.
        path: the file.
        temperature: what the logits are divided by.

    Raises:
        DataError: a class is called "id" or "label".
        UnwritableError: permissions, or a full disk.

    Example:
        >>> import tempfile
        >>> said = Predictions(["a", "b"], [[2, 0], [0, 1]], [0, -1], class_names=("cat", "dog"))
        >>> path = Path(tempfile.mkdtemp()) / "said.csv"
        >>> write_predictions(said, path)
        >>> print(path.read_text().strip())
        id,label,cat,dog
        a,cat,0.880797,0.119203
        b,,0.268941,0.731059
        >>> read_predictions(path).probabilities().round(2).tolist()
        [[0.88, 0.12], [0.27, 0.73]]
    """
    names = predictions.class_names
    check_columns(names)
    rows = (
        (id, names[label] if label >= 0 else "", *probabilities)
        for part in predictions.blocks()
        for id, label, probabilities in zip(
            predictions.ids[part].tolist(),
            predictions.labels[part].tolist(),
            predictions.probabilities(temperature, rows=part).tolist(),
            strict=True,
        )
    )
    write_csv(path, [ID, LABEL, *names], rows=rows)


def check_columns(class_names: Sequence[str]) -> None:
    """Raise DataError where a class is called as a column that is no class's."""
    if taken := {ID, LABEL}.intersection(class_names):
        raise DataError(f"a class is called {taken.pop()!r}, as is a column of the table: give the class another name")


def _from_rows(header: list[str], rows: list[tuple[int, list[str]]]) -> Predictions:
    for column in (ID, LABEL):
        if column not in header:
            raise SourceError(f"there is no column {column!r}: it needs 'id', 'label' and one column per class")
    where_id, where_label = header.index(ID), header.index(LABEL)
    where = [i for i in range(len(header)) if i not in (where_id, where_label)]
    names = [header[i] for i in where]
    if len(names) < 2:
        raise SourceError(f"there must be a column of probabilities for each of two or more classes, got {names}")
    for number, row in rows:
        if len(row) != len(header):
            raise SourceError(f"row {number} has {len(row)} cells, the header has {len(header)}")
    ids = [spreadsheet_plain(row[where_id]) for _, row in rows]
    if len(set(ids)) != len(ids):
        raise SourceError(f"ids must differ, {len(ids) - len(set(ids)):,} of {len(ids):,} are repeated")
    labels = [_label(row[where_label], names, number=number) for number, row in rows]
    probabilities = np.array([_numbers([row[i] for i in where], number=number) for number, row in rows])
    probabilities = probabilities.reshape(len(ids), len(names))
    _check_sums(probabilities, numbers=[number for number, _ in rows])
    logits = np.log(np.maximum(probabilities, _SMALLEST)).astype(np.float32)
    return Predictions(np.array(ids, dtype=object), logits, np.array(labels, dtype=np.int64), tuple(names))


def _label(cell: str, names: list[str], *, number: int) -> int:
    name = spreadsheet_plain(cell.strip())
    if not name:
        return -1
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f": did you mean {near[0]!r}?" if near else f": the columns are {', '.join(names[:10])}"
        raise ClassMismatchError(f"row {number}'s label {name!r} is none of the class columns{hint}")
    return names.index(name)


def _numbers(cells: list[str], *, number: int) -> list[float]:
    try:
        return [float(cell) for cell in cells]
    except ValueError as error:
        raise SourceError(f"row {number} holds a probability that is no number: {error}") from error


def _check_sums(probabilities: NDArray[np.float64], *, numbers: list[int]) -> None:
    low = ~(probabilities >= 0).all(axis=1)
    off = ~(np.abs(probabilities.sum(axis=1) - 1) <= _TOLERANCE)
    if (low | off).any():
        row = int(np.flatnonzero(low | off)[0])
        raise SourceError(
            f"each row's probabilities must be 0 to 1 and sum to 1, row {numbers[row]} sums to "
            f"{probabilities[row].sum():.4g} with a smallest of {probabilities[row].min():.4g}: "
            "give probabilities, not percentages or logits"
        )
