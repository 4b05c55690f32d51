"""Dataset: which pictures there are, what they show, and where they come from; Splits: who trains and who tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SplitError
from .picture import Picture

SPLIT_NAMES = ("train", "validation", "test")
"""The three splits, in the order in which they are used."""


@runtime_checkable
class Images(Protocol):
    """Pictures by position, decoded on demand. Small, picklable, safe to read from several processes at once."""

    def __len__(self) -> int:
        """Return how many pictures there are."""

    def load(self, index: int) -> Picture:
        """Decode one picture; raises UnreadableImageError with the reason alone."""

    def select(self, indices: NDArray[np.int64]) -> Images:
        """Return those pictures, in that order, without reading any."""

    def with_background(self, background: int | tuple[int, int, int]) -> Images:
        """Return the same pictures with another grey value, or (red, green, blue), 0 to 255, under transparency."""

    def fingerprint(self) -> str:
        """Return a hex string that changes whenever any picture may have changed; quick, decodes nothing."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Labelled pictures: immutable, decoded on demand.

    Attributes:
        ids: (N,) unique strings (NumPy's StringDType): the path inside the source with ``/``, or the index. Stable:
            the same picture has the same id however the source is packed.
        images: the pictures, N of them.
        labels: (N,) int64, a position in ``class_names``; −1 where the label is unknown.
        class_names: the classes' names. A class is its name, on every split and in every other data set.
        groups: (N,) strings, or None: who wrote it, which patient, which video. A group is never split.
        given_split: (N,) strings of SPLIT_NAMES or "" where the source says nothing; None where it never does.
        name: what a person calls it: ``"hwdb55"``.
        notes: what the source did that a person should know.

    Example:
        >>> import numpy as np
        >>> from tellapart.images.arrays import ArrayImages
        >>> pixels = np.zeros((3, 8, 8), dtype=np.uint8)
        >>> data = Dataset(["a", "b", "c"], ArrayImages(pixels), [0, 1, 0], class_names=("cat", "dog"))
        >>> len(data), data.counts()
        (3, {'cat': 2, 'dog': 1})
        >>> data.select([1]).ids.tolist()
        ['b']
    """

    ids: NDArray[Any]
    images: Images
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    groups: NDArray[Any] | None = None
    given_split: NDArray[Any] | None = None
    name: str = "pictures"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _set(self, "ids", strings(self.ids))
        _set(self, "labels", np.asarray(self.labels, dtype=np.int64))
        _set(self, "class_names", tuple(self.class_names))
        for field in ("groups", "given_split"):
            if getattr(self, field) is not None:
                _set(self, field, strings(getattr(self, field)))
        self._check()

    def _check(self) -> None:
        n = len(self.ids)
        for field in ("images", "labels", "groups", "given_split"):
            value = getattr(self, field)
            if value is not None and len(value) != n:
                raise DataError(f"{field} must have one entry an id, got {len(value)} for {n} ids")
        if len(set(self.class_names)) != len(self.class_names):
            raise DataError(f"class names must differ, got {list(self.class_names)}")
        if n and (self.labels.min() < -1 or self.labels.max() >= len(self.class_names)):
            raise DataError(
                f"labels must be positions in class_names, 0 to {len(self.class_names) - 1} (−1 where unknown), "
                f"got {int(self.labels.min())} to {int(self.labels.max())}"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, indices: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Dataset:
        """Return the pictures at ``indices`` (positions or a mask), in that order, with the same class names."""
        where = np.asarray(indices)
        where = np.flatnonzero(where) if where.dtype == bool else where.astype(np.int64)
        return dataclasses.replace(
            self,
            ids=self.ids[where],
            images=self.images.select(where),
            labels=self.labels[where],
            groups=None if self.groups is None else self.groups[where],
            given_split=None if self.given_split is None else self.given_split[where],
        )

    def with_class_names(self, class_names: Sequence[str]) -> Dataset:
        """Return the same pictures with labels that count in ``class_names``; −1 where a class is not among them."""
        position = {name: i for i, name in enumerate(class_names)}
        table = np.array([position.get(name, -1) for name in self.class_names] + [-1], dtype=np.int64)
        return dataclasses.replace(self, labels=table[self.labels], class_names=tuple(class_names))

    def counts(self, indices: NDArray[np.int64] | None = None) -> dict[str, int]:
        """Return how many pictures each class has, by name, zero included: of all, or of those at ``indices``."""
        labels = self.labels if indices is None else self.labels[indices]
        count = np.bincount(labels[labels >= 0], minlength=len(self.class_names))
        return dict(zip(self.class_names, count.tolist(), strict=True))

    def label_name(self, index: int) -> str | None:
        """Return the class name of one picture, None where it is unknown."""
        label = int(self.labels[index])
        return None if label < 0 else self.class_names[label]

    def __repr__(self) -> str:
        given = "" if self.given_split is None else ", given splits"
        groups = "" if self.groups is None else f", {len(np.unique(self.groups[self.groups != '']))} groups"
        return f"Dataset({self.name!r}: {len(self)} pictures, {len(self.class_names)} classes{groups}{given})"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(f"<tr><td>{escape(c)}</td><td>{n}</td></tr>" for c, n in list(self.counts().items())[:60])
        return f"<b>{escape(repr(self))}</b><table><tr><th>class</th><th>pictures</th></tr>{rows}</table>"


@dataclasses.dataclass(frozen=True)
class Splits(Mapping[str, NDArray[np.int64]]):
    """Which pictures train, validate and test: positions in one data set, none twice.

    Attributes:
        train: (n,) int64 positions, sorted.
        validation: likewise; every choice looks here.
        test: likewise; measured once, after every choice is made.
        notes: how each was made: ``"test: given by the source"``.

    Example:
        >>> splits = Splits(train=[0, 1], validation=[2], test=[3])
        >>> {name: len(indices) for name, indices in splits.items()}
        {'train': 2, 'validation': 1, 'test': 1}
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in SPLIT_NAMES:
            _set(self, name, np.sort(np.asarray(getattr(self, name), dtype=np.int64)))
        everything = np.concatenate([self.train, self.validation, self.test])
        if len(np.unique(everything)) != len(everything):
            raise SplitError("a picture stands in two splits: each may stand in one")

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        if name not in SPLIT_NAMES:
            raise KeyError(name)
        indices: NDArray[np.int64] = getattr(self, name)
        return indices

    def __iter__(self) -> Iterator[str]:
        return iter(SPLIT_NAMES)

    def __len__(self) -> int:
        return len(SPLIT_NAMES)

    def names(self, size: int) -> NDArray[Any]:
        """Return (size,) strings: the split of each picture, "" where it is in none."""
        out = np.full(size, "", dtype="U10")
        for name, indices in self.items():
            out[indices] = name
        return strings(out)

    def without(self, dropped: NDArray[np.int64]) -> Splits:
        """Return the same splits less some pictures."""
        train, validation, test = (np.setdiff1d(indices, dropped) for indices in self.values())
        return Splits(train, validation, test, notes=self.notes)


def strings(values: Any) -> NDArray[Any]:
    """Return values as NumPy's variable-width strings, 16 bytes and the text each, no Python objects."""
    array = np.asarray(values)
    return array if isinstance(array.dtype, np.dtypes.StringDType) else array.astype(np.dtypes.StringDType())


def positions_of(ids: NDArray[Any], wanted: Any) -> NDArray[np.int64]:
    """Return (n,) where each wanted string stands in (N,) unique ids, −1 where it does not.

    Strings are found by their hashes, 8 bytes each: a dictionary of a million ids takes 200 MB.

    Example:
        >>> positions_of(strings(["a", "b", "c"]), ["c", "x", "a"]).tolist()
        [2, -1, 0]
    """
    ids, wanted = strings(ids), strings(wanted)
    if not len(ids):
        return np.full(len(wanted), -1, dtype=np.int64)
    hashes = _hashes(ids)
    order = np.argsort(hashes)
    hashes = hashes[order]
    out = np.empty(len(wanted), dtype=np.int64)
    for start in range(0, len(wanted), BLOCK):
        some = wanted[start : start + BLOCK]
        out[start : start + BLOCK] = order[np.minimum(np.searchsorted(hashes, _hashes(some)), len(ids) - 1)]
    if (hashes[1:] == hashes[:-1]).any():  # two ids share a hash: once in some hundred million such data sets
        position = dict(zip(ids.tolist(), range(len(ids)), strict=True))
        return np.fromiter((position.get(one, -1) for one in wanted.tolist()), dtype=np.int64, count=len(wanted))
    return np.where(np.asarray(ids[out] == wanted, dtype=bool), out, -1)


def repeated(ids: NDArray[Any]) -> str | None:
    """Return one of (N,) ids that stands twice, None where all differ.

    Example:
        >>> repeated(strings(["a", "b", "a"])), repeated(strings(["a", "b"]))
        ('a', None)
    """
    hashes = _hashes(ids)
    order = np.argsort(hashes)
    hashes = hashes[order]
    alike = np.flatnonzero(np.isin(hashes, hashes[1:][hashes[1:] == hashes[:-1]]))
    seen: set[str] = set()
    for one in ids[order[alike]].tolist():  # few: those that share a hash
        if one in seen:
            return str(one)
        seen.add(one)
    return None


BLOCK = 65_536
"""Strings that are Python objects at once."""


def _hashes(values: NDArray[Any]) -> NDArray[np.int64]:
    out = np.empty(len(values), dtype=np.int64)
    for start in range(0, len(values), BLOCK):
        out[start : start + BLOCK] = [hash(value) for value in values[start : start + BLOCK].tolist()]
    return out


def _set(instance: object, field: str, value: Any) -> None:
    object.__setattr__(instance, field, value)
