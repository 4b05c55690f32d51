"""Two sets of pictures as one: what looks for the same picture in both needs."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import Images
from .picture import Picture

STEP = 4096
"""Rows that are copied at once."""


@dataclasses.dataclass(frozen=True, eq=False)
class JoinedImages:
    """The pictures of one set, then those of another.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> one = ArrayImages(np.zeros((2, 8, 8), dtype=np.uint8))
        >>> len(JoinedImages(one, one)), JoinedImages(one, one).load(3).pixels.shape
        (4, (8, 8, 1))

    Attributes:
        first: some pictures.
        second: the ones that follow.
        rows: (n,) positions in the two in a row; all of them where None.
    """

    first: Images
    second: Images
    rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.first) + len(self.second) if self.rows is None else len(self.rows)

    def load(self, index: int) -> Picture:
        """Decode one picture."""
        at = index if self.rows is None else int(self.rows[index])
        return self.first.load(at) if at < len(self.first) else self.second.load(at - len(self.first))

    def select(self, indices: NDArray[np.int64]) -> JoinedImages:
        """Return those pictures, in that order."""
        return dataclasses.replace(self, rows=indices if self.rows is None else self.rows[indices])

    def with_background(self, background: int | tuple[int, int, int]) -> JoinedImages:
        """Return the same pictures with another background under transparency."""
        first, second = self.first.with_background(background), self.second.with_background(background)
        return JoinedImages(first, second, self.rows)

    def fingerprint(self) -> str:
        """Return a hex string that changes with any picture."""
        rows = b"" if self.rows is None else self.rows.tobytes()
        text = f"{self.first.fingerprint()} {self.second.fingerprint()}".encode()
        return hashlib.blake2b(text + rows, digest_size=16).hexdigest()


def joined_facts(
    first: NDArray[np.void], second: NDArray[np.void], *, rows: NDArray[np.int64], folder: Path
) -> NDArray[np.void]:
    """Return some rows of one table of facts, then all of another, in a file that is gone with the array.

    A row takes 308 bytes: those of a million pictures belong on disk.

    Args:
        first: (N,) facts.
        second: (M,) facts.
        rows: (n,) positions in the first.
        folder: where the file lies; where nobody may write there, the system's own folder for such files.

    Returns:
        (n + M,) facts, memory-mapped; in memory where the disk has no room.

    Example:
        >>> one = np.arange(3).view([("width", "i8")])
        >>> joined_facts(one, one, rows=np.array([2]), folder=Path("."))["width"].tolist()
        [2, 0, 1, 2]
    """
    out = _on_disk(first.dtype, len(rows) + len(second), folder)
    for start in range(0, len(rows), STEP):
        some = rows[start : start + STEP]
        out[start : start + len(some)] = first[some]
    out[len(rows) :] = second
    return out


def _on_disk(dtype: np.dtype[Any], length: int, folder: Path) -> NDArray[Any]:
    try:
        with tempfile.TemporaryFile(dir=folder if os.access(folder, os.W_OK) else None) as file:
            if hasattr(os, "posix_fallocate"):  # a memory map that meets a full disk ends the process with a signal
                os.posix_fallocate(file.fileno(), 0, max(1, length * dtype.itemsize))
            return np.memmap(file, dtype=dtype, mode="w+", shape=(length,))
    except OSError:
        return np.empty(length, dtype=dtype)
