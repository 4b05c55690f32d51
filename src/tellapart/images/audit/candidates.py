"""Candidates: pairs of pictures whose descriptors lie so close that one may be a copy of the other.

An inverted file: some pictures serve as centres, each picture belongs to its nearest centre's cell, and is compared
with the pictures of the few cells whose centres are nearest to it. Time grows as N × √N at worst in the number of
centres and linearly in the rest; memory stays bounded by blocks. Source: H. Jégou, M. Douze, C. Schmid, "Product
quantization for nearest neighbor search", 2011, section IV.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..parallel import usable_processors
from .descriptors import Descriptors

CELL = 1000
"""Pictures a cell, on average."""

PROBES = 6
"""Cells that a picture is compared with."""

NEAREST = 4
"""Candidates a picture, the nearest of each cell that it is compared with: what keeps a crowd from going quadratic."""

BLOCK = 300_000
"""Distances held at once."""

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]


def propose(descriptors: Descriptors, *, seed: int = 0) -> NDArray[np.int64]:
    """Return pairs of positions, (P, 2) int64 with the smaller first, sorted, none twice.

    Args:
        descriptors: of N pictures.
        seed: of the choice of centres.

    Example:
        >>> vectors = np.array([[0, 0], [9, 9], [0.1, 0]], dtype=np.float32)
        >>> propose(Descriptors(vectors, np.ones(3, np.float32))).tolist()
        [[0, 2]]
    """
    vectors, reach = descriptors.vectors, descriptors.reach
    if len(vectors) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    cells = _nearest_cells(vectors, seed)
    keys = [_keys(found, len(vectors)) for found in _within(vectors, reach, cells)]
    merged = np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.int64)
    return np.stack([merged // len(vectors), merged % len(vectors)], axis=1)


def _keys(pairs: Positions, n: int) -> Positions:
    out: Positions = pairs.min(axis=1) * n + pairs.max(axis=1)
    return out


def _nearest_cells(vectors: Floats, seed: int) -> NDArray[np.int32]:
    """Return (N, probes) the nearest centres of each picture, the nearest first."""
    n = len(vectors)
    count = max(1, round(n / CELL))
    centres = vectors[np.random.default_rng(seed).choice(n, count, replace=False)]
    probes = min(PROBES, count)
    out = np.empty((n, probes), dtype=np.int32)
    step = max(1, BLOCK // count)
    for start in range(0, n, step):
        distance = _squared(vectors[start : start + step], centres)
        best = np.argpartition(distance, probes - 1, axis=1)[:, :probes] if probes < count else _all(distance)
        order = np.argsort(np.take_along_axis(distance, best, axis=1), axis=1)
        out[start : start + step] = np.take_along_axis(best, order, axis=1)
    return out


def _all(distance: Floats) -> Positions:
    return np.broadcast_to(np.arange(distance.shape[1]), distance.shape)


def _squared(a: Floats, b: Floats) -> Floats:
    out: Floats = a @ (-2 * b.T)
    out += (a**2).sum(axis=1)[:, None]
    out += (b**2).sum(axis=1)
    return out


def _within(vectors: Floats, reach: Floats, cells: NDArray[np.int32]) -> Iterator[Positions]:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # One matrix product gives the squared distance less the squared reach: two columns more hold the squares.
    vectors = vectors - vectors.mean(axis=0)
    square = (vectors**2).sum(axis=1, keepdims=True)
    ones = np.ones_like(square)
    asking = np.hstack([-2 * vectors, square - reach[:, None] ** 2, ones])
    asked = np.hstack([vectors, ones, square]).astype(np.float32)
    members_order, members_bounds = _grouped(cells[:, 0])
    probing_order, probing_bounds = _grouped(cells.reshape(-1))

    def one(cell: int) -> list[Positions]:
        members = members_order[members_bounds[cell] : members_bounds[cell + 1]]
        probing = probing_order[probing_bounds[cell] : probing_bounds[cell + 1]] // cells.shape[1]
        candidates = asked[members].T
        step = max(1, BLOCK // max(1, len(members)))
        parts = [probing[start : start + step] for start in range(0, len(probing), step)]
        return [_block(asking[rows] @ candidates, rows, members) for rows in parts]

    # Many small products: a thread a cell, each with one BLAS thread, for BLAS's own would wait for one another.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(usable_processors()) as pool:
        for found in pool.map(one, range(len(members_bounds) - 1)):
            yield from found


def _grouped(values: NDArray[np.int32]) -> tuple[Positions, Positions]:
    order = np.argsort(values, kind="stable")
    return order, np.searchsorted(values[order], np.arange(int(values.max()) + 2))


def _block(excess: Floats, probing: Positions, members: Positions) -> Positions:
    """Return (p, 2) pairs of a probing picture and a member within reach of it, the NEAREST of each.

    Args:
        excess: (len(probing), len(members)) squared distances less the squared reach.
        probing: positions.
        members: positions.
    """
    rows, columns = np.divmod(np.flatnonzero(excess <= 0), len(members))
    other = probing[rows] != members[columns]
    rows, columns = rows[other], columns[other]
    if len(rows) > NEAREST:
        order = np.lexsort((excess[rows, columns], rows))
        rows, columns = rows[order], columns[order]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        rows, columns = rows[rank < NEAREST], columns[rank < NEAREST]
    return np.stack([probing[rows], members[columns]], axis=1)
