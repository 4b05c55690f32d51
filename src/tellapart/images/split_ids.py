"""Splits as ids of pictures: what ``splits.json`` holds, written and read a few at a time."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from ..errors import RunCorruptError, SplitError
from .dataset import BLOCK, SPLIT_NAMES, Dataset, Splits, positions_of, strings

_LIST = re.compile(r' "(\w+)": \[')


def to_ids(dataset: Dataset, splits: Splits) -> dict[str, list[str]]:
    """Return splits as ids: what ``splits.json`` holds.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> data = Dataset(["x", "y"], ArrayImages(np.zeros((2, 2, 2), np.uint8)), [0, 1], class_names=("a", "b"))
        >>> to_ids(data, Splits(train=[1], validation=[0], test=[]))
        {'train': ['y'], 'validation': ['x'], 'test': [], 'notes': []}
    """
    document: dict[str, list[str]] = {name: dataset.ids[positions].tolist() for name, positions in splits.items()}
    return {**document, "notes": list(splits.notes)}


def write_ids(path: Path, dataset: Dataset, splits: Splits) -> None:
    """Write what ``to_ids`` returns as JSON, an id a line, a few ids at a time."""
    with path.open("w", encoding="utf-8") as file:
        file.write("{")
        for name, positions in splits.items():
            starts = range(0, len(positions), BLOCK)
            _write_list(file, name, (dataset.ids[positions[start : start + BLOCK]].tolist() for start in starts))
            file.write(",")
        _write_list(file, "notes", [list(splits.notes)])
        file.write("\n}\n")


def _write_list(file: TextIO, name: str, parts: Iterable[list[str]]) -> None:
    file.write(f'\n "{name}": [')
    comma, end = "", "]"
    for texts in filter(None, parts):
        file.write(comma + ",".join(f"\n  {json.dumps(one, ensure_ascii=False)}" for one in texts))
        comma, end = ",", "\n ]"
    file.write(end)


def read_ids(path: Path) -> dict[str, Any]:
    """Read what ``write_ids`` wrote, a few ids at a time: an array of strings a split, and a list of notes.

    Raises:
        RunCorruptError: the file is damaged.
    """
    found: dict[str, NDArray[Any]] = {}
    name, line = "", ""
    with path.open(encoding="utf-8") as file:
        try:
            for inside, lines in itertools.groupby(file, key=lambda line: line.startswith("  ")):
                if inside:
                    found[name] = _strings_in(lines)
                else:
                    for line in lines:
                        if begins := _LIST.match(line):
                            name = begins[1]
                            found[name] = strings([])
        except ValueError as error:  # no JSON, or no UTF-8
            raise RunCorruptError(f"{path} is damaged ({error}): train again") from None
    if line.rstrip() != "}" or "" in found:
        raise RunCorruptError(f"{path} is damaged (it is cut short, or was written by another program): train again")
    return {name: texts.tolist() if name == "notes" else texts for name, texts in found.items()}


def _strings_in(lines: Iterator[str]) -> NDArray[Any]:
    """Return the JSON strings that stand on a line each, with a comma behind all but the last."""
    parts = []
    while some := "".join(itertools.islice(lines, BLOCK)):
        parts.append(strings(json.loads(f"[{some.rstrip().rstrip(',')}]")))
    return np.concatenate(parts)


def from_ids(dataset: Dataset, document: Mapping[str, Sequence[str] | NDArray[Any]]) -> Splits:
    """Return the splits that a document of ids describes.

    Args:
        dataset: the pictures; more of them than the document names is fine.
        document: the ids of each split, as ``to_ids`` or ``read_ids`` gives them.

    Raises:
        SplitError: the document has no such lists, or names pictures that the data set has not.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> data = Dataset(["x", "y"], ArrayImages(np.zeros((2, 2, 2), np.uint8)), [0, 1], class_names=("a", "b"))
        >>> from_ids(data, {"train": ["y"], "validation": ["x"], "test": []}).train
        array([1])
    """
    found: dict[str, NDArray[np.int64]] = {}
    missing: list[str] = []
    for name in SPLIT_NAMES:
        ids = document.get(name)
        if not isinstance(ids, Sequence | np.ndarray) or isinstance(ids, str):
            raise SplitError(f"splits must have a list of ids for each of {list(SPLIT_NAMES)}, {name!r} has none")
        where = positions_of(dataset.ids, ids)
        missing.extend(str(ids[i]) for i in np.flatnonzero(where < 0).tolist())
        found[name] = where
    if missing:
        total = sum(len(where) for where in found.values())
        shown = ", ".join(repr(i) for i in missing[:3])
        raise SplitError(
            f"{len(missing):,} of the {total:,} pictures that the splits name are not in {dataset.name!r} "
            f"({shown}{', ...' if len(missing) > 3 else ''}): use the pictures that the splits were made from, "
            "or make new splits"
        )
    return Splits(**found, notes=tuple(document.get("notes", ())))
