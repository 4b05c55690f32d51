"""Neighbours: the pictures nearest to each of others, by what a network or a descriptor makes of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from ..novelty import unit
from .intervals import Floats

_CELLS = 1 << 22  # of the largest block of distances: 16 MB of float32
_ROWS = 1 << 14  # training pictures that are looked at together
_SPARE = 8  # further candidates whose distances are computed exactly


class Neighbour(NamedTuple):
    """A picture near to another one: its id, its label's name, and the distance, 0 (alike) to 2 (opposite)."""

    id: str
    label: str
    distance: float


class Rows(NamedTuple):
    """Some rows of a table, which need not be copied out of it: (N, D) floats, perhaps memory-mapped, and positions."""

    table: NDArray[np.float32]
    positions: NDArray[np.int64]


class Neighbours(NamedTuple):
    """The training pictures nearest to each query: (Q, k) positions and distances, the nearest first."""

    indices: NDArray[np.int64]
    distances: Floats


def nearest(embeddings: ArrayLike | Rows, queries: ArrayLike, *, k: int = 5, normalise: bool = True) -> Neighbours:
    """Return the k nearest rows of ``embeddings`` for each query, by Euclidean distance.

    Memory stays flat: distances are computed block by block, whatever the number of pictures and queries.

    Args:
        embeddings: (N, D) floats, of the training pictures, or N rows of a table; a memory-mapped one is read a part
            at a time.
        queries: (Q, D) floats.
        k: how many; no more than there are training pictures are returned.
        normalise: scale each row to length 1 first, so that distances are 0 (alike) to 2 (opposite).

    Returns:
        Which of the N, and the distances, the nearest first.

    Raises:
        DataError: the arrays do not fit together, are empty or hold other than finite numbers.

    Example:
        >>> nearest([[0.0, 1.0], [1.0, 0.0]], [[0.9, 0.1]], k=1).indices.tolist()
        [[1]]
    """
    table, asked = embeddings.table if isinstance(embeddings, Rows) else embeddings, finite_table(queries, "queries")
    train = _shaped(table, "embeddings")
    positions = embeddings.positions if isinstance(embeddings, Rows) else np.arange(len(train))
    if k < 1 or not len(positions) or train.shape[1] != asked.shape[1]:
        raise DataError(
            f"k must be at least 1 and the tables must have the same columns, "
            f"got k={k}, {(len(positions), train.shape[1])} and {asked.shape}"
        )
    asked = unit(asked) if normalise else asked
    k = min(k, len(positions))
    found = Neighbours(np.empty((len(asked), 0), dtype=np.int64), np.empty((len(asked), 0)))
    for first in range(0, len(positions), _ROWS):
        some = _finite(train[positions[first : first + _ROWS]], "embeddings")
        part = _nearest_part(unit(some) if normalise else some, asked, k=min(k, len(some)))
        found = _merged(found, Neighbours(part.indices + first, part.distances), k=k)
    return found


def _nearest_part(train: NDArray[np.float32], asked: NDArray[np.float32], *, k: int) -> Neighbours:
    squares = np.einsum("nd,nd->n", train, train)
    step = max(1, _CELLS // len(train))
    blocks = [_nearest_block(train, squares, asked[start : start + step], k=k) for start in range(0, len(asked), step)]
    if not blocks:
        return Neighbours(np.empty((0, k), dtype=np.int64), np.empty((0, k)))
    return Neighbours(np.concatenate([b.indices for b in blocks]), np.concatenate([b.distances for b in blocks]))


def _merged(left: Neighbours, right: Neighbours, *, k: int) -> Neighbours:
    """Return the nearest of two parts, those of the left part first where distances are equal."""
    indices = np.concatenate([left.indices, right.indices], axis=1)
    distances = np.concatenate([left.distances, right.distances], axis=1)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Neighbours(np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1))


def _nearest_block(
    train: NDArray[np.float32], squares: NDArray[np.float32], asked: NDArray[np.float32], *, k: int
) -> Neighbours:
    rough = squares - 2 * (asked @ train.T)
    keep = min(k + _SPARE, len(train))
    if keep < len(train):
        candidates = np.argpartition(rough, keep - 1, axis=1)[:, :keep]
    else:
        candidates = np.broadcast_to(np.arange(len(train)), (len(asked), len(train)))
    candidates = np.sort(candidates, axis=1)
    # The expansion of |a − b|² loses its digits where a and b are close: those few are computed as they are.
    exact = np.empty(candidates.shape)
    for column in range(keep):
        gap = asked.astype(np.float64) - train[candidates[:, column]]
        exact[:, column] = np.sqrt(np.einsum("qd,qd->q", gap, gap))
    order = np.argsort(exact, axis=1, kind="stable")[:, :k]
    return Neighbours(
        np.take_along_axis(candidates, order, axis=1).astype(np.int64), np.take_along_axis(exact, order, axis=1)
    )


def finite_table(values: ArrayLike, name: str) -> NDArray[np.float32]:
    """Return float32 rows, one per picture; DataError where there are none, or numbers that are not finite."""
    return _finite(_shaped(values, name), name)


def _shaped(values: ArrayLike, name: str) -> NDArray[np.float32]:
    table = np.asarray(values, dtype=np.float32)
    if table.ndim != 2:
        raise DataError(f"{name} must be a table, one row per picture, got the shape {table.shape}")
    return table


def _finite(table: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if not np.isfinite(table).all():
        raise DataError(f"{name} must be finite numbers, got some that are not")
    return table
