"""The list of labels that a person has mended, and the same pictures with it."""

from __future__ import annotations

import dataclasses
import difflib
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ..errors import ClassMismatchError, DataError
from ..images.dataset import Dataset, positions_of
from ..wording import counted
from .spreadsheet import read_csv, spreadsheet_plain

REMOVE = "(remove)"
"""In the column ``label``: leave this picture out."""


@dataclasses.dataclass(frozen=True)
class Mended:
    """What a list says of one picture: the label that it shall have, None to leave it out; the one that it had."""

    label: str | None
    given: str | None = None


def read_label_list(path: Path | str) -> dict[str, Mended]:
    """Read a CSV with the columns ``id`` and ``label``; rows with an empty label say nothing and are left out.

    Args:
        path: a list as ``LabelErrors.write`` makes it, filled in; other columns than ``id``, ``label`` and ``given``
            are not read.

    Returns:
        by id, what to do.

    Raises:
        SourceNotFoundError: there is no such file.
        DataError: it is no such list, or says two things of one picture.
    """
    made = "tellapart evaluate RUN --label-errors labels.csv makes one"
    header, rows = read_csv(path, what="list of labels", absent=made)
    header = [name.casefold() for name in header]
    if not {"id", "label"} <= set(header):
        raise DataError(f"the list of labels {str(path)!r} must have the columns 'id' and 'label', it has {header}")
    found: dict[str, Mended] = {}
    for _, row in rows:
        cells = dict(zip(header, row, strict=False))  # a row may be shorter, where its last cells are empty
        one, label, given = (spreadsheet_plain(cells.get(name, "")) for name in ("id", "label", "given"))
        if not label.strip():
            continue
        mended = Mended(None if label.strip() == REMOVE else label, given if given.strip() else None)
        if _as_plain(found.setdefault(one, mended)) != _as_plain(mended):
            raise DataError(f"the list of labels {str(path)!r} says two things of {one!r}: keep one of its rows")
    return found


def as_spelt(dataset: Dataset, mended: Mapping[str, Mended]) -> dict[str, Mended]:
    """Return a list with ids and classes as the data set spells them, where blanks around them or accents differ.

    Raises:
        DataError: two of its ids are of one picture, and it says different things of it.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> pixels = ArrayImages(np.zeros((2, 2, 2), np.uint8))
        >>> data = Dataset(["a b", "c"], pixels, [0, 1], class_names=("cat", "dog "))
        >>> as_spelt(data, {" a b": Mended(" cat", "dog ")})
        {'a b': Mended(label='cat', given='dog ')}
    """
    known = set(dataset.class_names)
    plain = {_plain(name): name for name in dataset.class_names}

    def class_of(name: str | None) -> str | None:
        return name if name is None or name in known else plain.get(_plain(name), name)

    found = {one: Mended(class_of(what.label), class_of(what.given)) for one, what in mended.items()}
    return with_known_ids(dataset, found)


def with_known_ids(dataset: Dataset, mended: Mapping[str, Mended]) -> dict[str, Mended]:
    """Return a list with ids as the data set spells them, its classes left as they are.

    Raises:
        DataError: as ``as_spelt``.
    """
    ids: dict[str, str] = {}
    for form in _SPELLINGS:
        left = [one for one in mended if one not in ids]
        rows = positions_of(dataset.ids, [form(one) for one in left]).tolist()
        ids |= {one: form(one) for one, row in zip(left, rows, strict=True) if row >= 0}
    out: dict[str, Mended] = {}
    for one, what in mended.items():
        if _as_plain(out.setdefault(ids.get(one, one), what)) != _as_plain(what):
            raise DataError(f"the list of labels says two things of {ids.get(one, one)!r}: keep one of its rows")
    return out


def _as_plain(mended: Mended) -> tuple[str | None, str | None]:
    return mended.label and _plain(mended.label), mended.given and _plain(mended.given)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _plain(text: str) -> str:
    return _composed(text.strip())


_SPELLINGS: tuple[Callable[[str], str], ...] = (str, str.strip, _composed, _plain)
"""How a list may write an id: as it is, with blanks around it, with decomposed letters, as macOS names files."""


def relabelled(dataset: Dataset, mended: Mapping[str, Mended], *, name: str = "the list of labels") -> Dataset:
    """Return the pictures with mended labels, those to be left out removed; a class that lost all is gone.

    Args:
        dataset: as its source gives it.
        mended: what ``read_label_list`` gave.
        name: of the list, for messages.

    Raises:
        DataError: a picture is not in the data set, or its label is not the one that the list was made for.
        ClassMismatchError: a label is no class of the data set.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> pixels = np.zeros((3, 2, 2), np.uint8)
        >>> data = Dataset(["a", "b", "c"], ArrayImages(pixels), [0, 1, 1], class_names=("cat", "dog"))
        >>> relabelled(data, {"b": Mended("cat"), "c": Mended(None)}).counts()
        {'cat': 2}
    """
    mended = as_spelt(dataset, mended)
    rows = positions_of(dataset.ids, list(mended)).tolist()
    row_of = {one: row for one, row in zip(mended, rows, strict=True) if row >= 0}
    label_of = {one: label for label, one in enumerate(dataset.class_names)}
    _check(dataset, mended, row_of=row_of, label_of=label_of, name=name)
    labels, kept = dataset.labels.copy(), np.ones(len(dataset), dtype=bool)
    changed = 0
    for one, what in mended.items():
        if what.label is None:
            kept[row_of[one]] = False
        elif labels[row_of[one]] != label_of[what.label]:
            labels[row_of[one]] = label_of[what.label]
            changed += 1
    note = f"{counted(changed, 'label')} changed and {counted(int((~kept).sum()), 'picture')} left out by {name}"
    out = dataclasses.replace(dataset, labels=labels, notes=(*dataset.notes, note))
    out = out if kept.all() else out.select(kept)
    before, after = dataset.counts(), out.counts()
    return out.with_class_names([one for one in dataset.class_names if after[one] or not before[one]])


def _check(
    dataset: Dataset, mended: Mapping[str, Mended], *, row_of: Mapping[str, int], label_of: Mapping[str, int], name: str
) -> None:
    strangers = [one for one in mended if one not in row_of]
    if strangers:
        shown = ", ".join(map(repr, strangers[:3])) + (", ..." if len(strangers) > 3 else "")
        raise DataError(
            f"{counted(len(strangers), f'picture of {name} is', plural=f'pictures of {name} are')} not in "
            f"{dataset.name!r}: {shown}: ids are the paths inside the source, as the list was made with them"
        )
    for one, what in mended.items():
        if what.label is not None and what.label not in label_of:
            near = difflib.get_close_matches(what.label, label_of, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"give one of its classes, or {REMOVE}"
            raise ClassMismatchError(
                f"{name} says {what.label!r} of {one!r}, which is no class of {dataset.name!r}: {hint}"
            )
        label = int(dataset.labels[row_of[one]])
        current = None if label < 0 else dataset.class_names[label]
        if what.given is not None and current not in (what.given, what.label):
            raise DataError(
                f"{name} was made when {one!r} was labelled {what.given!r}, it is {current!r} now: make the list again"
            )
