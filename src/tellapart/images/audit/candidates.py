"""Candidates: pairs of pictures whose descriptors lie so close that one may be a copy of the other.

An inverted file: some pictures serve as centres, each picture belongs to its nearest centre's cell, and is compared
with the pictures of the few cells whose centres are nearest to it. Time grows as N × √N at worst in the number of
centres and linearly in the rest. Cells are worked through one by one, descriptors are computed anew for each from the
small pictures on disk, and each cell's pairs are judged at once, so that memory holds some thirty bytes a picture
and the pairs that stay. Source: H. Jégou, M. Douze, C. Schmid, "Product quantization for nearest neighbor search",
2011, section IV.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...machine import usable_processors
from ...progress import TO_LOG, Progress
from .descriptors import Descriptors

CELL = 1000
"""Pictures a cell, on average."""

LARGEST_CELL = 32
"""A cell with more than so many times the average is worked through in parts: pictures that all look the same. Real
sets have cells of eight times the average; a cut would part copies there."""

PROBES = 6
"""Cells that a picture is compared with."""

NEAREST = 4
"""Candidates a picture, the nearest of each cell that it is compared with: what keeps a crowd from going quadratic."""

LISTED = 32
"""Cells whose pictures are listed at once: lists of all would take eight bytes a picture and probe."""

BEST = 3
"""Candidates that a picture keeps after they were judged: a copy is among the first, chains join the others."""

BLOCK = 300_000
"""Distances held at once."""

GATHERED = 1 << 20
"""Judged pairs after which the best of each picture are chosen."""

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]
Judge = Callable[[Positions], Floats]


def propose(
    descriptors: Descriptors,
    *,
    judge: Judge | None = None,
    sides: NDArray[Any] | None = None,
    seed: int = 0,
    progress: Progress = TO_LOG,
) -> Positions:
    """Return pairs of positions, (P, 2) int64 with the smaller first, sorted, none twice.

    Args:
        descriptors: of N pictures.
        judge: given (p, 2) pairs, returns (p,) how far each is from being copies, infinite where they cannot be; no
            pair is left out where None.
        sides: (N,) numbers: only pairs across them count, so that a picture's candidates are all of another side; all
            pairs where None.
        seed: of the choice of centres.
        progress: is told of each picture.

    Example:
        >>> vectors = np.array([[0, 0], [9, 9], [0.1, 0]], dtype=np.float32)
        >>> propose(Descriptors(vectors, np.ones(3, np.float32))).tolist()
        [[0, 2]]
    """
    n = len(descriptors.vectors)
    if n < 2:
        return np.zeros((0, 2), dtype=np.int64)
    gathered = _Gathered(n)
    with (
        progress.task("looking for copies", total=n),
        _one_blas_thread(),
        ThreadPoolExecutor(usable_processors()) as pool,
    ):
        cells = _Cells(_nearest_cells(descriptors, pool, seed=seed))

        def one(cell: int) -> tuple[int, Positions, Floats]:
            found = [_within(descriptors, *part, sides=sides) for part in _parts(descriptors, *cells.of_cell(cell))]
            pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *found])
            keys = np.unique(pairs.min(axis=1) * n + pairs.max(axis=1))
            score = judge(np.stack(np.divmod(keys, n), axis=1)) if judge else np.zeros(len(keys), dtype=np.float32)
            return cells.size(cell), keys[np.isfinite(score)], score[np.isfinite(score)]

        for size, keys, score in pool.map(one, range(len(cells))):
            gathered.add(keys, score)
            progress.advance(size)
    return gathered.pairs()


def _one_blas_thread() -> Any:
    """Many small products: a thread a cell, each with one BLAS thread, for BLAS's own would wait for one another."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1, user_api="blas")


class _Gathered:
    """Judged pairs, as one number each; of each picture the best alone."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._keys: list[Positions] = []
        self._scores: list[Floats] = []
        self._waiting = 0

    def add(self, keys: Positions, scores: Floats) -> None:
        self._keys.append(keys)
        self._scores.append(scores)
        self._waiting += len(keys)
        if self._waiting >= GATHERED:
            self._choose()

    def pairs(self) -> Positions:
        self._choose()
        return np.stack(np.divmod(self._keys[0], self._n), axis=1)

    def _choose(self) -> None:
        """Keep pairs that are among the BEST of one of their two pictures."""
        keys, first = np.unique(np.concatenate(self._keys), return_index=True)
        scores = np.concatenate(self._scores)[first]
        kept = np.zeros(len(keys), dtype=bool)
        for side in np.divmod(keys, self._n):
            kept |= rank_in(side, scores) < BEST
        self._keys, self._scores, self._waiting = [keys[kept]], [scores[kept]], 0


def rank_in(groups: Positions, scores: Floats) -> Positions:
    """Return (n,) the rank of each score within its group, 0 for the lowest.

    Example:
        >>> rank_in(np.array([5, 3, 5]), np.array([0.2, 0.9, 0.1], np.float32)).tolist()
        [1, 0, 0]
    """
    order = np.lexsort((scores, groups))
    ordered = groups[order]
    out = np.empty(len(groups), dtype=np.int64)
    out[order] = np.arange(len(groups)) - np.searchsorted(ordered, ordered)
    return out


class _Cells:
    """Which pictures lie in which cell, and which are compared with it.

    Args:
        nearest: (probes, N) unsigned, the cells whose centres are nearest to each picture, the nearest first.
    """

    def __init__(self, nearest: NDArray[Any]) -> None:
        self._sizes = np.bincount(nearest[0], minlength=int(nearest.max()) + 1)
        # Two, as a thread may still be at the ones before; of the array, as a method would keep this object alive.
        self._listed = functools.lru_cache(maxsize=2)(functools.partial(_listed, nearest))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sizes)

    def size(self, cell: int) -> int:
        return int(self._sizes[cell])

    def of_cell(self, cell: int) -> tuple[Positions, Positions]:
        """Return (members, probing): who lies in a cell, and who is compared with those."""
        block, number = divmod(cell, LISTED)
        with self._lock:  # made once, not by each thread that comes to them
            listed = self._listed(block)
        members, *others = (order[bound[number] : bound[number + 1]] for order, bound in listed)
        return members, np.concatenate([members, *others])


def _listed(nearest: NDArray[Any], block: int) -> list[tuple[Positions, Positions]]:
    """Return for each probe the pictures of some cells, sorted by cell, and where each cell begins among them."""
    first, out = block * LISTED, []
    for cells in nearest:
        here = np.flatnonzero((cells >= first) & (cells < first + LISTED))
        number = cells[here] - first
        bound = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=LISTED))])
        out.append((here[np.argsort(number, kind="stable")], bound))
    return out


def _parts(descriptors: Descriptors, members: Positions, probing: Positions) -> Iterator[tuple[Positions, Positions]]:
    """Yield a cell in parts of a bearable size, cut across the direction in which pictures differ most."""
    count = -(-len(members) // (LARGEST_CELL * CELL))
    if count < 2:
        yield members, probing
        return
    places = descriptors.vectors[members][:, -1]
    cuts = np.quantile(places, np.arange(1, count) / count)
    of_member, of_probing = np.searchsorted(cuts, places), np.searchsorted(cuts, descriptors.vectors[probing][:, -1])
    for part in range(count):
        some, asking = members[of_member == part], probing[of_probing == part]
        pieces = -(-len(some) // (2 * LARGEST_CELL * CELL))  # more than one where no cut parts what lies at one place
        if pieces:
            yield from zip(np.array_split(some, pieces), np.array_split(asking, pieces), strict=True)


def _nearest_cells(descriptors: Descriptors, pool: ThreadPoolExecutor, *, seed: int) -> NDArray[Any]:
    """Return (probes, N) the nearest centres of each picture, the nearest first, in as few bytes as count them."""
    n = len(descriptors.vectors)
    count = max(1, round(n / CELL))
    centres = descriptors.vectors[np.sort(np.random.default_rng(seed).choice(n, count, replace=False))]
    probes = min(PROBES, count)
    out = np.empty((probes, n), dtype=np.min_scalar_type(count - 1))
    step = max(1, BLOCK // count)

    def one(start: int) -> None:
        distance = _squared(descriptors.vectors[start : start + step], centres)
        best = np.argpartition(distance, probes - 1, axis=1)[:, :probes] if probes < count else _all(distance)
        order = np.argsort(np.take_along_axis(distance, best, axis=1), axis=1)
        out[:, start : start + step] = np.take_along_axis(best, order, axis=1).T

    for _ in pool.map(one, range(0, n, step)):
        pass
    return out


def _all(distance: Floats) -> Positions:
    return np.broadcast_to(np.arange(distance.shape[1]), distance.shape)


def _squared(a: Floats, b: Floats) -> Floats:
    out: Floats = a @ (-2 * b.T)
    out += (a**2).sum(axis=1)[:, None]
    out += (b**2).sum(axis=1)
    return out


def _within(
    descriptors: Descriptors, members: Positions, probing: Positions, *, sides: NDArray[Any] | None
) -> Positions:
    """Return (p, 2) pairs of a probing picture and a member within reach of it, the NEAREST of each."""
    asked = descriptors.vectors[members]
    centre = asked.mean(axis=0) if len(asked) else np.zeros(1, dtype=np.float32)
    # One matrix product gives the squared distance less the squared reach: two columns more hold the squares.
    candidates = np.hstack([asked - centre, np.ones((len(asked), 1)), _square(asked - centre)]).astype(np.float32).T
    step = max(1, BLOCK // max(1, len(members)))
    found = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, len(probing), step):
        rows = probing[start : start + step]
        vectors = descriptors.vectors[rows] - centre
        excess = _square(vectors) - descriptors.reach[rows, None] ** 2
        asking = np.hstack([-2 * vectors, excess, np.ones_like(excess)]).astype(np.float32)
        beyond = asking @ candidates
        if sides is not None:
            beyond[sides[rows][:, None] == sides[members]] = np.inf
        found.append(_nearest_within(beyond, rows, members))
    return np.concatenate(found)


def _square(vectors: Floats) -> Floats:
    out: Floats = (vectors**2).sum(axis=1, keepdims=True)
    return out


def _nearest_within(excess: Floats, probing: Positions, members: Positions) -> Positions:
    """Return (p, 2) pairs of a probing picture and a member within reach of it, the NEAREST of each.

    Args:
        excess: (len(probing), len(members)) squared distances less the squared reach.
        probing: positions.
        members: positions.
    """
    rows, columns = np.divmod(np.flatnonzero(excess <= 0), len(members))
    other = probing[rows] != members[columns]
    rows, columns = rows[other], columns[other]
    near = rank_in(rows, excess[rows, columns]) < NEAREST
    return np.stack([probing[rows[near]], members[columns[near]]], axis=1)
