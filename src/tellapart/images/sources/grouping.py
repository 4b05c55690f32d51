"""Groups by a rule on the pictures' ids."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RecipeError, SourceError
from ...wording import counted
from ..dataset import BLOCK, Dataset
from .columns import Column


def with_groups(dataset: Dataset, rule: str) -> Dataset:
    r"""Return the data set with the group that ``rule`` finds in each id.

    The same group in two given splits is two: else the given splits could not be kept. Pictures without a split belong
    to their group's, to the one that trains where it is in several.

    Args:
        dataset: N pictures.
        rule: a regular expression with one group in parentheses, searched in each id.

    Raises:
        RecipeError: the rule is no regular expression, or has no group; or the source brings groups of its own.
        SourceError: it does not match some ids, or it cannot be told where pictures without a split belong.

    Example:
        >>> import numpy as np
        >>> from tellapart.images.arrays import ArrayImages
        >>> images = ArrayImages(np.zeros((2, 8, 8), dtype=np.uint8))
        >>> data = Dataset(["train/a/7.png", "test/a/7.png"], images, [0, 0], ("a",), given_split=["train", "test"])
        >>> with_groups(data, r"(\d+)\.png").groups.tolist()
        ['train/7', 'test/7']
    """
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise RecipeError(f"group_by must be a regular expression, got {rule!r}: {error}") from error
    if pattern.groups == 0:
        raise RecipeError(f"group_by must have a part in parentheses, which is the group, got {rule!r}: try '({rule})'")
    if dataset.groups is not None and bool((dataset.groups != "").any()):
        raise RecipeError(
            f"group_by would replace the groups that {dataset.name!r} brings: leave it out, or have the source take "
            "none, by --source-option group_column= for a table, groups_key= for an array file, groups=false for .gnt"
        )
    groups = Column()
    misses: list[str] = []
    for start in range(0, len(dataset), BLOCK):
        for id_ in dataset.ids[start : start + BLOCK].tolist():
            found = pattern.search(id_)
            group = found.group(1) if found else None
            if group:
                groups.append(group)
            elif len(misses) < 3:
                misses.append(id_)
    if len(groups) < len(dataset):
        raise SourceError(
            f"group_by {rule!r} finds no group in {len(dataset) - len(groups)} of {len(dataset)} ids, such as "
            f"{', '.join(repr(m) for m in misses)}: change the rule so that it matches each id"
        )
    names, notes = groups.array(), dataset.notes
    if dataset.given_split is not None:
        notes = (*notes, *_namesakes(names, dataset.given_split))
        names = _by_split(names, dataset.given_split)
    return dataclasses.replace(dataset, groups=names, notes=notes)


def _namesakes(names: NDArray[Any], splits: NDArray[Any]) -> list[str]:
    """Return a sentence on the groups whose name stands in several splits; none where each has its own."""
    parts = [np.unique(names[splits == split]) for split in np.unique(splits) if split]
    found, counts = np.unique(np.concatenate(parts), return_counts=True) if parts else (names[:0], np.zeros(0))
    several = found[counts > 1]
    if not len(several):
        return []
    return [
        f"{counted(len(several), 'group name')} ({str(several[0])!r} ...) in several of the source's own splits, taken "
        "for another group in each: if it is the same one, the figures flatter, and a table's column “group” says it"
    ]


def _by_split(names: NDArray[Any], splits: NDArray[Any]) -> NDArray[Any]:
    """Return each picture's group with its split, ``"test/7"``; the group alone where none of its pictures has one."""
    homes, out = _homes(names, splits), Column()
    for start in range(0, len(names), BLOCK):
        some = slice(start, start + BLOCK)
        for name, split in zip(names[some].tolist(), splits[some].tolist(), strict=True):
            home = split or homes.get(name)
            out.append(f"{home}/{name}" if home else name)
    return out.array()


def _homes(names: NDArray[Any], splits: NDArray[Any]) -> dict[str, str]:
    """Return the split of each group of which some pictures have one and others none."""
    unsaid = set(names[splits == ""].tolist())
    found: dict[str, set[str]] = {}
    for start in range(0, len(names), BLOCK) if unsaid else ():
        some = slice(start, start + BLOCK)
        for name, split in zip(names[some].tolist(), splits[some].tolist(), strict=True):
            if split and name in unsaid:
                found.setdefault(name, set()).add(split)
    for name, several in found.items():
        if len(several) > 1 and "train" not in several:
            raise SourceError(
                f"the group {name!r} stands in {' and '.join(sorted(several))}, and some of its pictures in no split, "
                "so that it cannot be told where they belong: give them a split"
            )
    return {name: "train" if "train" in several else several.pop() for name, several in found.items()}
