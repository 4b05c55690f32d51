"""Square tables of counts as their cells that are not empty: of thousands of classes few are confused with another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .spreadsheet import write_csv

CORNER = "true \\ predicted"
"""Of a confusion matrix as a table, above its rows' names."""


def cells_of(table: NDArray[np.int64]) -> dict[str, list[int]]:
    """Return the cells of a (K, K) table that are not 0, as JSON can hold them.

    Example:
        >>> cells_of(np.array([[3, 0], [1, 2]]))
        {'rows': [0, 1, 1], 'columns': [0, 0, 1], 'counts': [3, 1, 2]}
    """
    rows, columns = np.nonzero(table)
    return {"rows": rows.tolist(), "columns": columns.tolist(), "counts": table[rows, columns].tolist()}


def table_of(cells: Mapping[str, Any], *, size: int) -> NDArray[np.int64]:
    """Return the (size, size) table that ``cells_of`` described.

    Raises:
        KeyError: a part of it is missing.
        TypeError: it is no such description.
        ValueError: its parts do not fit together, or a cell lies outside.

    Example:
        >>> table_of({"rows": [1], "columns": [0], "counts": [4]}, size=2).tolist()
        [[0, 0], [4, 0]]
    """
    rows, columns, counts = (np.array(cells[part], dtype=np.int64) for part in ("rows", "columns", "counts"))
    places = np.stack([rows, columns])
    if counts.ndim != 1 or (places < 0).any() or (places >= size).any():
        raise ValueError(f"a cell lies outside {size} rows and columns")
    table = np.zeros((size, size), dtype=np.int64)
    table[rows, columns] = counts
    return table


def write_confusion(table: NDArray[np.int64], class_names: Sequence[str], *, path: Path | str) -> None:
    """Write a confusion matrix as CSV: a row a true class, a column a predicted one.

    Args:
        table: (K, K) counts.
        class_names: of its rows and columns.
        path: the file.

    Raises:
        UnwritableError: permissions, or a full disk.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "confusion.csv"
        >>> write_confusion(np.array([[3, 0], [1, 2]]), ("cat", "dog"), path=path)
        >>> print(path.read_text().strip())
        true \\ predicted,cat,dog
        cat,3,0
        dog,1,2
    """
    rows = ((name, *counts.tolist()) for name, counts in zip(class_names, table, strict=True))
    write_csv(path, [CORNER, *class_names], rows=rows)
