"""Square tables of counts as their cells that are not empty: of thousands of classes few are confused with another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
