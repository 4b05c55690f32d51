"""Growing columns that keep no Python object a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import BLOCK, strings


class Column:
    """A growing column of strings, 16 bytes and the text each.

    Example:
        >>> column = Column()
        >>> column.append("a")
        >>> column.extend(["b", "c"])
        >>> len(column), column.array().tolist()
        (3, ['a', 'b', 'c'])
    """

    def __init__(self) -> None:
        self._done: list[NDArray[Any]] = []
        self._recent: list[str] = []
        self._length = 0

    def append(self, value: str) -> None:
        """Add one value."""
        self._recent.append(value)
        self._length += 1
        if len(self._recent) >= BLOCK:
            self._pack()

    def extend(self, values: list[str]) -> None:
        """Add several values."""
        self._recent.extend(values)
        self._length += len(values)
        if len(self._recent) >= BLOCK:
            self._pack()

    def __len__(self) -> int:
        return self._length

    def array(self) -> NDArray[Any]:
        """Return all values as an array of StringDType."""
        self._pack()
        if len(self._done) > 1:
            self._done = [np.concatenate(self._done)]
        return self._done[0] if self._done else strings(np.array([], dtype="U1"))

    def _pack(self) -> None:
        if self._recent:
            self._done.append(strings(np.array(self._recent, dtype=np.dtypes.StringDType())))
            self._recent = []
