"""Near training: the training pictures that the network finds most like each mistake, and what they suggest."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, RunCorruptError
from ..files import ARRAY_DAMAGE, expanded, write_whole
from ..images.dataset import strings
from .intervals import Floats
from .mistakes import Mistake
from .neighbours import Neighbour, Rows, nearest
from .spreadsheet import write_csv

NEAREST = 5
"""Training pictures that are kept for each mistake."""

COPY = 0.05
"""Of the usual distance: nearer, and the two pictures are all but the same."""

FAR = 0.99
"""The share of held-out pictures that are nearer to a training picture than one that is far from all of them."""

REASONS = {
    "copy-other": "all but the same as a training picture with another label: one of the two labels is wrong",
    "copy-same": "all but the same as a training picture with the same label, and still not learnt",
    "label": "its nearest training pictures are what it was taken for: it looks like one, or the label is wrong",
    "far": "unlike any training picture: pictures of its kind are missing there",
    "border": "its nearest training pictures carry its own label: it lies just across the border",
    "between": "its nearest training pictures carry different labels: hard",
}
"""What the neighbours suggest, by code."""


@dataclasses.dataclass(frozen=True, eq=False)
class NearTraining:
    """The training pictures nearest to some pictures, in the network's feature space.

    Attributes:
        ids: (M,) of the pictures asked for.
        near_ids: (M, k) of their nearest training pictures, the nearest first.
        near_labels: (M, k) names of those pictures' labels.
        distances: (M, k) float32, 0 (alike) to 2 (opposite), between embeddings of length 1.
        usual: the median distance of held-out pictures to their nearest training picture.
        far: the distance that few held-out pictures (1%) exceed.
    """

    ids: NDArray[Any]
    near_ids: NDArray[Any]
    near_labels: NDArray[Any]
    distances: NDArray[np.float32]
    usual: float
    far: float

    def __post_init__(self) -> None:
        for field in ("ids", "near_ids", "near_labels"):
            object.__setattr__(self, field, strings(getattr(self, field)))
        object.__setattr__(self, "distances", np.asarray(self.distances, dtype=np.float32))
        shape = self.distances.shape
        if len(shape) != 2 or self.near_ids.shape != shape or self.near_labels.shape != shape:
            raise DataError(f"neighbours must be tables of one shape, got {self.near_ids.shape} and {shape}")
        if self.ids.shape != shape[:1]:
            raise DataError(f"ids must have one entry per row, got {self.ids.shape} for {shape}")
        object.__setattr__(self, "_rows", {one: row for row, one in enumerate(self.ids.tolist())})

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, id: str) -> tuple[Neighbour, ...]:
        """Return the neighbours of one picture, the nearest first; none where it was not asked for."""
        row = self._rows.get(id)  # type: ignore[attr-defined]  # set beside the fields of a frozen class
        if row is None:
            return ()
        labels, distances = self.near_labels[row].tolist(), self.distances[row].tolist()
        return tuple(map(Neighbour, self.near_ids[row].tolist(), labels, distances))

    def reason(self, mistake: Mistake) -> str:
        """Return the code, one of ``REASONS``, of what a mistake's neighbours suggest; "" without neighbours.

        The first that holds: a copy with another label; a copy; far from all; four of five neighbours labelled as the
        picture was predicted; most neighbours with the picture's own label; anything else.
        """
        near = self.of(mistake.id)
        if not near:
            return ""
        labels = [one.label for one in near]
        copies = [one.label for one in near if one.distance <= COPY * self.usual]
        if copies:
            return "copy-same" if set(copies) == {mistake.true} else "copy-other"
        if near[0].distance > self.far:
            return "far"
        if labels.count(mistake.predicted) >= 0.8 * len(labels):
            return "label"
        return "border" if labels.count(mistake.true) > len(labels) / 2 else "between"

    def columns(self) -> list[str]:
        """Return the names of what ``row`` gives."""
        numbers = range(1, self.distances.shape[1] + 1)
        return ["suggests", *(f"nearest_{i}{part}" for i in numbers for part in ("", "_label", "_distance"))]

    def row(self, mistake: Mistake) -> list[object]:
        """Return what a table says of a mistake: what its neighbours suggest, then each of them."""
        near = [value for one in self.of(mistake.id) for value in one]
        empty = [""] * (len(self.columns()) - 1 - len(near))
        return [REASONS.get(self.reason(mistake), ""), *near, *empty]

    def save(self, path: Path | str) -> None:
        """Write an ``.npz`` file, whole or not at all; raises UnwritableError."""
        memory = io.BytesIO()
        arrays: dict[str, Any] = {
            field: np.array(getattr(self, field).tolist(), dtype=np.str_).reshape(getattr(self, field).shape)
            for field in ("ids", "near_ids", "near_labels")
        }
        np.savez_compressed(memory, **arrays, distances=self.distances, scale=np.array([self.usual, self.far]))
        write_whole(path, memory.getvalue())

    @classmethod
    def load(cls, path: Path | str) -> NearTraining:
        """Read what ``save`` wrote; raises RunCorruptError where it is missing or damaged."""
        try:
            with np.load(io.BytesIO(expanded(path).read_bytes()), allow_pickle=False) as file:
                usual, far = file["scale"].tolist()
                return cls(file["ids"], file["near_ids"], file["near_labels"], file["distances"], usual, far)
        except ARRAY_DAMAGE as error:
            raise RunCorruptError(f"{str(path)!r} cannot be read: {error}: evaluate the run again") from error


def find_near_training(
    embeddings: ArrayLike | Rows,
    queries: ArrayLike,
    *,
    ids: ArrayLike,
    train_ids: ArrayLike,
    train_labels: ArrayLike,
    usual: Floats,
    k: int = NEAREST,
) -> NearTraining:
    """Return the training pictures nearest to each query, with what is needed to judge how near they are.

    Args:
        embeddings: (N, D) of the training pictures, or N rows of a table; a memory-mapped one is read a part at a time.
        queries: (M, D) of the pictures asked for.
        ids: (M,) of the queries.
        train_ids: (N,) strings.
        train_labels: (N,) names.
        usual: (H,) distances of held-out pictures to their nearest training picture: the scale.
        k: how many for each.

    Raises:
        DataError: the tables do not fit together, or there is no scale.

    Example:
        >>> found = find_near_training([[0.0, 1.0], [1.0, 0.0]], [[0.1, 0.9]], ids=["q"], train_ids=["a", "b"],
        ...     train_labels=["cat", "dog"], usual=np.array([0.2]), k=1)
        >>> [(one.id, one.label, round(one.distance, 2)) for one in found.of("q")]
        [('a', 'cat', 0.11)]
    """
    if not len(usual):
        raise DataError("there must be held-out pictures to say which distance is usual, got none")
    found = nearest(embeddings, queries, k=k)
    names, labels = strings(train_ids), strings(train_labels)
    middle, far = (float(np.quantile(usual, share)) for share in (0.5, FAR))
    return NearTraining(
        strings(ids), names[found.indices], labels[found.indices], found.distances.astype(np.float32), middle, far
    )


def write_mistakes(mistakes: Iterable[Mistake], path: Path | str, *, near: NearTraining | None = None) -> None:
    """Write mistakes as ``write_csv`` does, whole or not at all.

    Args:
        mistakes: one row each, in their order.
        path: the file.
        near: their nearest training pictures, for further columns: what those suggest, and each with its label and
            distance.

    Raises:
        UnwritableError: permissions, or a full disk.
    """
    header = [field.name for field in dataclasses.fields(Mistake)]
    more = [] if near is None else near.columns()
    rows = ((*dataclasses.astuple(one), *([] if near is None else near.row(one))) for one in mistakes)
    write_csv(path, [*header, *more], rows=rows)
