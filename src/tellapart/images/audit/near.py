"""Repeats: the same picture more than once, byte for byte, pixel for pixel, or re-encoded, resized or trimmed.

Small pictures propose, full pixels decide: a pair counts only where one picture, laid over the other, leaves almost
nothing. The limits below were chosen on planted copies and on the closest pairs of five real data sets; the figures
stand in docs/audit.md.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, UnreadableImageError
from ...machine import return_free_memory, usable_processors
from ...progress import TO_LOG, Progress
from ..blocks import HELD
from ..dataset import Images
from ..reading import may_pass
from .alignment import Match, align
from .candidates import NEAREST, propose
from .descriptors import Descriptors, Smalls, describe
from .groups import POSITIONS_AT_ONCE, Groups, Positions, first_of_equal, groups_of
from .sieve import Sieve

TINY = 32
"""Pictures up to this many pixels a side show too little for anything but all but equal pixels to prove a copy."""

TINY_LEVELS = (2.5, 12)
"""Root mean square and largest grey difference of all but equal tiny pictures."""

TINY_REACH = 4.0
"""How far the descriptor of a tiny picture's copy may lie: what noise of TINY_LEVELS does to one of 32 pixels a side,
and a third more, as noise varies. Of smaller ones, whose 16×16 picture averages less, it is that much farther."""

ROUNDS = 3
"""How often large families are compared with one another, at most: each round may join two, and what they then join."""

FLAT = 4.0
"""Standard deviation, in grey levels, below which a picture shows too little to tell a copy by its content."""

FINENESS = (0.10, 0.20)
"""From blurred shapes to strokes and textures: between these, what is asked of a pair is interpolated."""

BATCH = 64
"""Pairs whose pixels are held at once, at most."""


@dataclasses.dataclass(frozen=True)
class Repeats:
    """Which pictures show the same.

    Attributes:
        exact: (N,) int64, equal for pictures with equal bytes or equal pixels: the position of the first of them.
        pairs: (P, 2) int64, pairs of different pixels that are copies of each other; of each exact group the first.
        family: (N,) int64, equal for pictures that are joined by any chain of repeats: the position of the first.
    """

    exact: Positions
    pairs: Positions
    family: Positions

    def exact_groups(self) -> Groups:
        """Return the positions of each group of two or more equal pictures."""
        return groups_of(self.exact)

    def families(self) -> Groups:
        """Return the positions of each family of two or more."""
        return groups_of(self.family)


def find_repeats(
    images: Images,
    facts: NDArray[np.void],
    *,
    near: bool = True,
    sides: Positions | None = None,
    ids: NDArray[Any] | None = None,
    progress: Progress = TO_LOG,
) -> Repeats:
    """Return the repeats among the pictures.

    Args:
        images: N pictures; those that are proposed are decoded again.
        facts: (N,) their facts.
        near: whether changed copies are looked for, beside equal bytes and pixels.
        sides: (N,) numbers: changed copies are looked for between pictures of different sides alone; among all of
            them where None.
        ids: (N,) strings, what the pictures are called in messages.
        progress: is told of the pairs that are compared.

    Raises:
        DataError: the system cannot read a picture now; what is not found for that must not be kept.
    """
    try:
        exact = _equal(images, facts)
        return_free_memory()
        firsts = np.flatnonzero(facts["readable"] & (facts["contrast"] >= FLAT) & (exact == np.arange(len(facts))))
        pairs = _near_pairs(images, facts, firsts, sides, progress) if near else np.zeros((0, 2), dtype=np.int64)
    except _Lost as lost:
        named = "" if ids is None else f" {str(ids[lost.position])!r}"
        raise DataError(
            f"copies cannot be looked for, as a picture{named} that was read before can be read no more: {lost}: bring "
            "its drive back, or end other programs, and try again"
        ) from lost
    return_free_memory()  # of the threads
    return Repeats(exact, pairs, _joined(exact, pairs))


class _Lost(Exception):
    """A picture that was read before, and that the system cannot read now: why, and its position."""

    def __init__(self, reason: UnreadableImageError, *, position: int) -> None:
        super().__init__(str(reason))
        self.position = position


def same_picture(match: Match) -> bool:
    """Return whether an alignment proves that two pictures are copies.

    The less detail a picture has, the more its look-alikes agree, and the more is asked for: two shirts on a plain
    ground leave a residual of 0.1, two writings of one character, which have detail, 0.37 and more.
    """
    return (
        match.residual <= float(np.interp(match.fineness, FINENESS, (0.08, 0.28)))
        and match.detail >= float(np.interp(match.fineness, FINENESS, (0.985, 0.92)))
        and match.worst <= float(np.interp(match.fineness, FINENESS, (0.12, 0.6)))
        and match.colour <= 8
        and 0.85 <= match.gain <= 1.18
        and abs(match.offset) <= 10
    )


def _equal(images: Images, facts: NDArray[np.void]) -> Positions:
    """Return for each picture the first one with equal bytes or pixels, itself where there is none."""
    exact = _equal_bytes(facts)
    firsts = np.flatnonzero(facts["readable"] & (exact == np.arange(len(exact))))
    groups = groups_of(first_of_equal(_pixel_keys(facts, firsts)))
    return _equal_pixels(images, firsts, groups, into=np.arange(len(exact)))[exact]


def _equal_bytes(facts: NDArray[np.void]) -> Positions:
    exact = np.arange(len(facts))
    readable = np.flatnonzero(facts["readable"])
    digests = facts["digest"][readable].view(np.uint64).reshape(-1, 2)
    exact[readable] = readable[first_of_equal(digests[:, 0], digests[:, 1])]
    return exact


def _pixel_keys(facts: NDArray[np.void], firsts: Positions) -> NDArray[np.uint64]:
    """Return a number for each of some pictures, equal where their pixels are: of sizes and small pictures."""
    keys = np.zeros(len(firsts), dtype=np.uint64)
    factors = np.random.default_rng(0).integers(1, 2**63, 258, dtype=np.uint64) | np.uint64(1)
    for start in range(0, len(firsts), 1024):
        rows = facts[firsts[start : start + 1024]]  # copies of a few whole rows, 308 bytes each
        numbers = np.column_stack([rows["small"].reshape(len(rows), -1), rows["width"], rows["height"]])
        keys[start : start + 1024] = (numbers.astype(np.uint64) * factors).sum(axis=1, dtype=np.uint64)
    return keys


def _equal_pixels(images: Images, firsts: Positions, groups: Groups, *, into: Positions) -> Positions:
    """Join pictures whose bytes differ and whose pixels do not: the same picture saved losslessly in two ways."""
    for group in groups:
        seen: dict[bytes, int] = {}
        for position in firsts[group].tolist():
            pixels = _load(images, position)
            if pixels is not None:
                into[position] = seen.setdefault(_pixel_digest(pixels), position)
    return into


def _pixel_digest(pixels: NDArray[np.uint8]) -> bytes:
    if pixels.shape[2] == 3 and (pixels[..., :1] == pixels).all():
        pixels = pixels[..., :1]
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(pixels.tobytes())
    return digest.digest()


def _near_pairs(
    images: Images, facts: NDArray[np.void], firsts: Positions, sides: Positions | None, progress: Progress
) -> Positions:
    if len(firsts) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    descriptors = describe(Smalls(facts, firsts), reach=_tiny_reach(facts, firsts))
    return_free_memory()  # of fitting them: the most memory is needed next
    look = functools.partial(_copies_among, images, facts, progress=progress)
    pairs = look(firsts, descriptors, sides=None if sides is None else sides[firsts])
    # Many copies of one picture are each other's nearest, and chains need not join them: families that are larger than
    # a picture's candidates are compared with one another.
    for _ in range(ROUNDS if sides is None else 0):
        members, family = _crowds(pairs)
        if len(np.unique(family)) < 2:
            break
        found = look(members, descriptors.select(np.searchsorted(firsts, members)), sides=family)
        if not len(found):
            break
        pairs = np.unique(np.concatenate([pairs, found]), axis=0)
    return pairs


def _tiny_reach(facts: NDArray[np.void], rows: Positions) -> NDArray[np.float32]:
    """Return how far a copy of a tiny picture may lie; 0 for others, whose own gradients say it."""
    out = np.zeros(len(rows), dtype=np.float32)
    for some, longest in _longest_sides(facts, rows):
        out[some] = np.where(longest <= TINY, TINY_REACH * TINY / longest, 0)
    return out


def _are_tiny(facts: NDArray[np.void], rows: Positions) -> NDArray[np.bool_]:
    """Return which pictures show too little for anything but all but equal pixels to prove a copy."""
    out = np.zeros(len(rows), dtype=bool)
    for some, longest in _longest_sides(facts, rows):
        out[some] = longest <= TINY
    return out


def _longest_sides(facts: NDArray[np.void], rows: Positions) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """Yield the longer side of some pictures, a part of them at a time: memory is needed most in what follows."""
    for start in range(0, len(rows), POSITIONS_AT_ONCE):
        some = slice(start, start + POSITIONS_AT_ONCE)
        yield some, np.maximum(facts["width"][rows[some]], facts["height"][rows[some]])


def _copies_among(
    images: Images,
    facts: NDArray[np.void],
    rows: Positions,
    descriptors: Descriptors,
    *,
    sides: Positions | None,
    progress: Progress,
) -> Positions:
    """Return pairs of positions, (P, 2), that are copies, among some pictures: candidates, then the pixels' verdict."""
    small = _are_tiny(facts, rows)
    proposed = propose(descriptors, judge=Sieve(facts, rows, small), sides=sides, progress=progress)
    pairs = rows[proposed]
    tiny: NDArray[np.bool_] = np.asarray(small[proposed].all(axis=1), dtype=bool)
    with progress.task("comparing look-alikes", total=len(pairs), unit="pairs"):
        area = 3 * facts["width"][pairs].astype(np.int64) * facts["height"][pairs]
        together = _batches(area.sum(axis=1))
        verdicts = np.fromiter(
            _decide(images, pairs, tiny=tiny, together=together, progress=progress), dtype=bool, count=len(pairs)
        )
    out: Positions = pairs[verdicts]
    return out


def _crowds(pairs: Positions) -> tuple[Positions, Positions]:
    """Return the pictures, sorted, of families with more members than a picture has candidates, and their families."""
    if not len(pairs):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    nodes, family = _chained(pairs)
    large = np.bincount(family)[family] > NEAREST
    return nodes[large], family[large]


def _batches(needed: Positions) -> list[slice]:
    """Return which pairs are held together: up to ``BATCH``, of large pictures fewer, by the bytes that each needs.

    Example:
        >>> _batches(np.array([1, 1, HELD, 1]))
        [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    out, start, held = [], 0, 0
    for at, size in enumerate(needed.tolist()):
        if at > start and (at - start == BATCH or held + size > HELD):
            out.append(slice(start, at))
            start, held = at, 0
        held += size
    return [*out, slice(start, len(needed))] if len(needed) else out


def _decide(
    images: Images, pairs: Positions, *, tiny: NDArray[np.bool_], together: list[slice], progress: Progress
) -> Iterator[bool]:
    # Threads decode. To lay one over the other is many short steps, in which they would only wait for one another.
    with ThreadPoolExecutor(usable_processors()) as pool:
        for some in together:
            batch = pairs[some]
            loaded = pool.map(lambda position: _load(images, position), batch.ravel().tolist())
            for first, second, is_tiny in zip(loaded, loaded, tiny[some], strict=True):
                yield _is_copy(first, second, tiny=is_tiny)
            progress.advance(len(batch))


def _is_copy(first: NDArray[np.uint8] | None, second: NDArray[np.uint8] | None, *, tiny: bool) -> bool:
    if first is None or second is None:
        return False
    return _all_but_equal(first, second) if tiny else same_picture(align(first, second))


def _all_but_equal(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    difference = first.astype(np.float32) - second.astype(np.float32)
    rms, largest = TINY_LEVELS
    return bool(np.sqrt((difference**2).mean()) <= rms and np.abs(difference).max() <= largest)


def _load(images: Images, position: int) -> NDArray[np.uint8] | None:
    """Return the pixels, or None where they have become unreadable since the scan, which lists what is unreadable.

    Raises:
        _Lost: the system cannot read them now.
    """
    try:
        return images.load(position).pixels
    except UnreadableImageError as error:
        if may_pass(error):
            raise _Lost(error, position=position) from error
        return None


def _joined(exact: Positions, pairs: Positions) -> Positions:
    """Return (N,) the first position of each picture's family: what any chain of equal pictures and pairs joins."""
    if not len(pairs):
        return exact
    nodes, labels = _chained(exact[pairs])  # of each exact group the first
    _, leaders, inverse = np.unique(labels, return_index=True, return_inverse=True)
    into = np.arange(len(exact))
    into[nodes] = nodes[leaders[inverse]]
    out: Positions = into[exact]
    return out


def _chained(pairs: Positions) -> tuple[Positions, Positions]:
    """Return the positions in pairs, sorted, and a number for each, equal for those that a chain of pairs joins."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes, numbers = np.unique(pairs, return_inverse=True)
    first, second = numbers.reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (first, second)), shape=(len(nodes), len(nodes)))
    return nodes, connected_components(graph, directed=False)[1].astype(np.int64)
