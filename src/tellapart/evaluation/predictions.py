"""Predictions: what a classifier said of each picture, beside what the picture's label says."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ClassMismatchError, DataError, RunCorruptError
from ..files import ARRAY_DAMAGE, expanded, writing_whole
from ..images.dataset import BLOCK, strings
from ..wording import listed

_FORMAT = 1

AT_ONCE = 2**22
"""Probabilities that are held at once where a figure takes one number of each picture: 32 MiB."""


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What a classifier said of N pictures: the one thing that every evaluation takes.

    Attributes:
        ids: (N,) strings (NumPy's StringDType), as in the data set.
        logits: (N, K) float32, finite: log-probabilities up to a constant in each row. One column for two classes (one
            sigmoid) becomes two: 0 and the logit of the second class.
        labels: (N,) int64, positions in ``class_names``; −1 where the label is unknown.
        class_names: the K classes' names.
        groups: (N,) strings: pictures of one group (a writer, a claim, a video) belong together, and intervals take
            account of it. A picture whose group is "" stands alone; None where all do.

    Raises:
        DataError: the parts do not fit together, or a logit is not finite.

    Example:
        >>> said = Predictions(["a", "b"], [[2.0, 0.0], [0.0, 1.0]], [0, 0], class_names=("cat", "dog"))
        >>> said.predicted().tolist(), said.confidence().round(2).tolist()
        ([0, 1], [0.88, 0.73])
    """

    ids: NDArray[Any]
    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    groups: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.class_names)
        logits = np.asarray(self.logits, dtype=np.float32)
        if logits.ndim == 2 and logits.shape[1] == 1 and len(names) == 2:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        for field, value in {
            "ids": strings(self.ids),
            "logits": logits,
            "labels": np.asarray(self.labels, dtype=np.int64),
            "class_names": names,
            "groups": None if self.groups is None else strings(self.groups),
        }.items():
            object.__setattr__(self, field, value)
        self._check()

    def _check(self) -> None:
        count, classes = len(self.ids), len(self.class_names)
        if self.logits.shape != (count, classes):
            raise DataError(
                f"logits must have the shape (ids, classes) = ({count}, {classes}), got {self.logits.shape}"
            )
        if self.labels.shape != (count,):
            raise DataError(f"labels must have one entry an id, got {self.labels.shape} for {count} ids")
        if self.groups is not None and self.groups.shape != (count,):
            raise DataError(f"groups must have one entry an id, got {self.groups.shape} for {count} ids")
        if len(set(self.class_names)) != classes:
            raise DataError(f"class names must differ, got {list(self.class_names)}")
        if count and (self.labels.min() < -1 or self.labels.max() >= classes):
            raise DataError(
                f"labels must be positions in class_names, 0 to {classes - 1} (−1 where unknown), "
                f"got {int(self.labels.min())} to {int(self.labels.max())}"
            )
        if not np.isfinite(self.logits).all():
            bad = int((~np.isfinite(self.logits).all(axis=1)).sum())
            raise DataError(f"logits must be finite, {bad:,} of {count:,} pictures have others: the training diverged")

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[slice]:
        """Yield slices of the pictures, so few that a table of their probabilities has ``AT_ONCE`` numbers at most."""
        step = max(1, AT_ONCE // max(1, len(self.class_names)))
        for start in range(0, len(self), step):
            yield slice(start, start + step)

    def probabilities(self, temperature: float = 1.0, *, rows: slice = slice(None)) -> NDArray[np.float64]:
        """Return (N, K) float64 probabilities, each row summing to 1: the softmax of the logits over ``temperature``.

        Args:
            temperature: above 0; above 1 makes the classifier less sure, below 1 surer.
            rows: of which pictures; of all where none are named.

        Raises:
            DataError: the temperature is not a positive number.
        """
        out: NDArray[np.float64] = np.exp(self.log_probabilities(temperature, rows=rows))
        out /= out.sum(axis=1, keepdims=True)
        return out

    def log_probabilities(self, temperature: float = 1.0, *, rows: slice = slice(None)) -> NDArray[np.float64]:
        """Return (N, K) float64: the logarithms of ``probabilities``, exact where those are next to 0."""
        if not (np.isfinite(temperature) and temperature > 0):
            raise DataError(f"temperature must be a number above 0, got {temperature}")
        scaled = self.logits[rows].astype(np.float64)
        scaled /= temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return scaled

    def predicted(self) -> NDArray[np.int64]:
        """Return (N,) int64: the class with the largest logit, the first of several that are equal."""
        out: NDArray[np.int64] = self.logits.argmax(axis=1).astype(np.int64)
        return out

    def confidence(self, temperature: float = 1.0) -> NDArray[np.float64]:
        """Return (N,) float64: the probability of the predicted class."""
        out: NDArray[np.float64] = np.empty(len(self))
        for rows in self.blocks():
            out[rows] = self.probabilities(temperature, rows=rows).max(axis=1)
        return out

    def correct(self) -> NDArray[np.bool_]:
        """Return (N,) bool: whether the predicted class is the label's; False where the label is unknown."""
        out: NDArray[np.bool_] = self.predicted() == self.labels
        return out

    def labelled(self) -> Predictions:
        """Return the pictures whose label is known."""
        return self if bool((self.labels >= 0).all()) else self.select(self.labels >= 0)

    def select(self, indices: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Predictions:
        """Return the pictures at ``indices`` (positions or a mask), in that order."""
        where = np.asarray(indices)
        where = np.flatnonzero(where) if where.dtype == bool else where.astype(np.int64)
        groups = None if self.groups is None else self.groups[where]
        return Predictions(self.ids[where], self.logits[where], self.labels[where], self.class_names, groups)

    def among(self, class_names: Sequence[str]) -> Predictions:
        """Return the pictures of some of the classes, with these alone as answers.

        Example:
            >>> said = Predictions(["1", "2"], [[0.0, 3.0, 1.0], [4.0, 0.0, 2.0]], [0, 1], class_names=("a", "b", "c"))
            >>> said.among(["c", "a"]).logits.tolist()
            [[1.0, 0.0]]
        """
        columns = [self.class_names.index(name) for name in class_names]
        renumbered = np.full(len(self.class_names) + 1, -1, dtype=np.int64)  # the last: of an unknown label, −1
        renumbered[columns] = np.arange(len(columns))
        labels = renumbered[self.labels]
        kept = Predictions(self.ids, self.logits[:, columns], labels, tuple(class_names), self.groups)
        return kept.select(labels >= 0)

    def group_numbers(self) -> NDArray[np.int64] | None:
        """Return (N,) int64: the number of each picture's group, 0 to G − 1; None where each stands alone."""
        return self._group_numbers

    @property
    def group_count(self) -> int | None:
        """G, how many groups there are; None where each picture stands alone."""
        return None if self._group_numbers is None else int(self._group_numbers.max()) + 1

    @functools.cached_property
    def _group_numbers(self) -> NDArray[np.int64] | None:
        if self.groups is None:
            return None
        found: NDArray[np.int64] = np.unique(self.groups, return_inverse=True)[1].astype(np.int64)
        alone = np.flatnonzero(self.groups == "")
        found[alone] = len(self) + np.arange(len(alone))
        found = np.unique(found, return_inverse=True)[1].astype(np.int64)
        return found if len(found) and int(found.max()) + 1 < len(found) else None

    def calibrated(self, temperature: float) -> Predictions:
        """Return the same predictions with a temperature, above 0, applied: their own is 1."""
        return dataclasses.replace(self, logits=self.logits / np.float32(temperature))

    def with_class_names(self, class_names: Sequence[str]) -> Predictions:
        """Return the same predictions with the classes in another order.

        Raises:
            ClassMismatchError: the names are not the same ones.
        """
        names = tuple(class_names)
        if names == self.class_names:
            return self
        if sorted(names) != sorted(self.class_names):
            raise ClassMismatchError(
                "the classes must be the same ones, in any order: "
                f"only here {listed(sorted(set(self.class_names) - set(names)))}, only there "
                f"{listed(sorted(set(names) - set(self.class_names)))}"
            )
        order = np.array([self.class_names.index(name) for name in names], dtype=np.int64)
        back = np.append(np.argsort(order), -1)
        return Predictions(self.ids, self.logits[:, order], back[self.labels], names, self.groups)

    def always(self, class_name: str) -> Predictions:
        """Return what a classifier says of the same pictures that names them all alike.

        Example:
            >>> said = Predictions(list("ab"), [[3, 0], [0, 3]], [0, 1], class_names=("cat", "dog"))
            >>> said.always("dog").predicted().tolist()
            [1, 1]
        """
        logits = np.zeros(self.logits.shape, dtype=np.float32)
        logits[:, self.class_names.index(class_name)] = 1.0
        return dataclasses.replace(self, logits=logits)

    @classmethod
    def join(cls, parts: Sequence[Predictions]) -> Predictions:
        """Return several predictions as one, such as the held-out parts of all folds; classes are matched by name.

        Where some parts have groups, a picture of a part without any stands alone.

        Raises:
            DataError: there are no parts.
            ClassMismatchError: their classes differ.
        """
        if not parts:
            raise DataError("there must be at least one part to join, got none")
        parts = [part.with_class_names(parts[0].class_names) for part in parts]
        grouped = any(part.groups is not None for part in parts)
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.labels for part in parts]),
            parts[0].class_names,
            np.concatenate([strings([""] * len(part)) if part.groups is None else part.groups for part in parts])
            if grouped
            else None,
        )

    def save(self, path: Path | str) -> None:
        """Write an ``.npz`` file with all of it, whole or not at all.

        Raises:
            DataError: an id or a group ends in a NUL character, which NumPy's files cannot keep.
            UnwritableError: permissions, or a full disk.
        """
        names = np.array(self.class_names, dtype=np.str_)
        groups: dict[str, Any] = {} if self.groups is None else {"groups": _fixed(self.groups)}
        parts = {"ids": _fixed(self.ids), "logits": self.logits, "labels": self.labels, "class_names": names, **groups}
        with writing_whole(path) as beside, beside.open("wb") as file:  # an open file's name gets no .npz
            np.savez(file, format=_FORMAT, **parts)

    @classmethod
    def load(cls, path: Path | str) -> Predictions:
        """Read what ``save`` wrote; no file can run code.

        Raises:
            RunCorruptError: the file is missing, damaged or not of this kind.
        """
        try:
            with expanded(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                if int(file["format"]) != _FORMAT:
                    raise ValueError(f"its format is {int(file['format'])}, this tellapart reads {_FORMAT}")
                groups = file.get("groups")
                names = tuple(file["class_names"].tolist())
                return cls(file["ids"], file["logits"], file["labels"], names, groups)
        except ARRAY_DAMAGE as error:
            if isinstance(error, FileNotFoundError):
                reason = "there is no such file"
            else:
                reason = str(error) or type(error).__name__
            raise RunCorruptError(
                f"the predictions {str(path)!r} cannot be read: {reason}: tellapart train --resume makes a run's "
                "own again, tellapart evaluate those of other pictures"
            ) from error

    @classmethod
    def from_table(cls, path: Path | str, *, class_names: Sequence[str] | None = None) -> Predictions:
        """Read predictions that were made elsewhere: see ``prediction_table.read_predictions``."""
        from .prediction_table import read_predictions

        return read_predictions(path, class_names=class_names)

    def __repr__(self) -> str:
        unknown = int((self.labels < 0).sum())
        rest = f", {unknown:,} without a label" if unknown else ""
        return f"Predictions({len(self):,} pictures, {len(self.class_names)} classes{rest})"


def _fixed(texts: NDArray[Any]) -> NDArray[np.str_]:
    """Return strings as NumPy's files keep them, all as wide as the longest; none is a Python object meanwhile."""
    wide: NDArray[np.str_] = texts.astype(f"U{max(1, int(np.strings.str_len(texts).max(initial=0)))}")
    for start in range(0, len(texts), BLOCK):
        some = slice(start, start + BLOCK)
        if (strings(wide[some]) != texts[some]).any():
            raise DataError("ids and groups must not end in a NUL character: rename those pictures")
    return wide
