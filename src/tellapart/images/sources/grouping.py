"""Groups by a rule on the pictures' ids."""

from __future__ import annotations

import dataclasses
import re

from ...errors import RecipeError, SourceError
from ..dataset import Dataset
from .columns import Column


def with_groups(dataset: Dataset, rule: str) -> Dataset:
    r"""Return the data set with the group that ``rule`` finds in each id.

    Args:
        dataset: N pictures.
        rule: a regular expression with one group in parentheses, searched in each id.

    Raises:
        RecipeError: the rule is no regular expression, or has no group.
        SourceError: it does not match some ids.

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
    groups = Column()
    misses: list[str] = []
    splits = dataset.given_split
    for start in range(0, len(dataset), 65536):
        some = slice(start, start + 65536)
        prefixes = splits[some].tolist() if splits is not None else None
        for i, id_ in enumerate(dataset.ids[some].tolist()):
            found = pattern.search(id_)
            group = found.group(1) if found else None
            if not group:
                misses.append(id_) if len(misses) < 3 else None
                continue
            # The same number in two given splits is another writer: else the given splits could not be kept.
            groups.append(f"{prefixes[i]}/{group}" if prefixes and prefixes[i] else group)
    if len(groups) < len(dataset):
        raise SourceError(
            f"group_by {rule!r} finds no group in {len(dataset) - len(groups)} of {len(dataset)} ids, such as "
            f"{', '.join(repr(m) for m in misses)}: change the rule so that it matches each id"
        )
    return dataclasses.replace(dataset, groups=groups.array())
