"""Class names: one order for all, and labels that count in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError


def sort_classes(names: Iterable[str]) -> list[str]:
    """Return class names sorted: whole numbers first, as numbers; then the rest by code point.

    Example:
        >>> sort_classes({"10", "9", "cat", "-1"}), sort_classes({"b", "B", "a"})
        (['-1', '9', '10', 'cat'], ['B', 'a', 'b'])
    """
    return sorted(names, key=_key)


def twins_of(names: Iterable[str]) -> list[list[str]]:
    """Return the names that differ in case or spaces alone, those that are alike together.

    Single signs are left out: in writing, a large letter and a small one are two classes.

    Example:
        >>> twins_of(["Cat", "dog", "cat ", "A", "a"])
        [['Cat', 'cat ']]
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault("".join(name.split()).casefold(), []).append(name)
    return [several for plain, several in alike.items() if len(several) > 1 and len(plain) > 1]


def _key(name: str) -> tuple[bool, int, str]:
    digits = name.removeprefix("-")
    # A longer run of digits is a code, not a number; Python also refuses to convert thousands of them.
    number = digits.isascii() and digits.isdigit() and len(digits) <= 18
    return (not number, int(name) if number else 0, name)


def labels_of(values: NDArray[Any], *, where: str, what: str = "labels") -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return (labels, class names) of whatever a file calls labels.

    Args:
        values: (N,) or (N, 1) whole numbers, strings or bytes; or (N, classes) one-hot.
        where: what the file is called in messages.
        what: what the values are called in messages.

    Raises:
        SourceError: they are no labels.

    Example:
        >>> labels_of(np.array([[0, 1], [1, 0]]), where="y.npy")
        (array([1, 0]), ('0', '1'))
        >>> labels_of(np.array(["dog", "cat"]), where="y.npy")
        (array([1, 0]), ('cat', 'dog'))
    """
    values = np.asarray(values)
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.ndim == 2:
        return _one_hot(values, where, what)
    if values.ndim != 1:
        raise SourceError(f"{what} in {where} must have one entry per picture, got shape {values.shape}")
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.round(values)) & (np.abs(values.astype(np.float64)) < 2.0**63)
        if not whole.all():
            raise SourceError(
                f"{what} in {where} must be whole numbers or names, got {values.dtype} such as {values[~whole][0]}"
            )
        values = values.astype(np.int64)
    if values.dtype.kind == "S":
        values = _decoded(values, where, what)
    if values.dtype.kind not in "biuUT":
        raise SourceError(f"{what} in {where} must be whole numbers, names or one-hot, got {values.dtype}")
    found, positions = np.unique(values.astype(np.int64) if values.dtype.kind == "b" else values, return_inverse=True)
    names = [unicodedata.normalize("NFC", str(name)) for name in found.tolist()]
    ordered = sort_classes(set(names))
    rank = {name: i for i, name in enumerate(ordered)}
    table = np.array([rank[name] for name in names], dtype=np.int64)
    return table[positions], tuple(ordered)


def _decoded(values: NDArray[Any], where: str, what: str) -> NDArray[Any]:
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{what} in {where} are bytes that are no UTF-8 ({error}): save them as text") from error


def _one_hot(values: NDArray[Any], where: str, what: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if values.dtype.kind not in "biuf" or not (
        ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
    ):
        raise SourceError(f"{what} in {where} of shape {values.shape} must be one-hot: a single 1 in each row, else 0")
    return values.argmax(axis=1).astype(np.int64), tuple(str(i) for i in range(values.shape[1]))
