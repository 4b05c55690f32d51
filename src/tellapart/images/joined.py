"""Two sets of pictures as one: what looks for the same picture in both needs."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, Images
from .picture import Picture


@dataclasses.dataclass(frozen=True, eq=False)
class JoinedImages:
    """The pictures of one set, then those of another.

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


def joined(first: Dataset, second: Dataset) -> Dataset:
    """Return the pictures of two sets as one, without labels; the second's positions follow the first's.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> one = Dataset(["a"], ArrayImages(np.zeros((1, 8, 8), dtype=np.uint8)), [0], class_names=("x",))
        >>> joined(one, one).ids.tolist()
        ['first/a', 'second/a']
    """
    ids = [f"first/{one}" for one in first.ids.tolist()] + [f"second/{one}" for one in second.ids.tolist()]
    labels = np.full(len(ids), -1, dtype=np.int64)
    return Dataset(ids, JoinedImages(first.images, second.images), labels, class_names=first.class_names)  # type: ignore[arg-type]
