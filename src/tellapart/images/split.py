"""Train, validation and test: what the source brings is kept, what is missing is made."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from ..errors import SplitError
from ..wording import counted
from .dataset import SPLIT_NAMES, Dataset, Splits
from .stratify import pick, pick_groups

Codes = NDArray[np.int8]
"""(N,) the split of each picture: a position in SPLIT_NAMES, −1 where it is in none."""

TRAIN, VALIDATION, TEST = range(3)
NONE = -1
UNSAID = -2

VALIDATION_FRACTION, TEST_FRACTION = 0.2, 0.15
"""Of the pictures that are left for training, and of all of them, where nobody says otherwise."""

LARGE_FAMILY = 3
"""With more copies of one picture than these, and than a hundredth of all pictures, a family is weighed by its size."""


def split(
    dataset: Dataset,
    *,
    validation_fraction: float = VALIDATION_FRACTION,
    test_fraction: float = TEST_FRACTION,
    seed: int = 0,
    together: NDArray[np.int64] | None = None,
) -> Splits:
    """Split a data set: given splits are kept, missing ones are taken from the training pictures.

    Each class gives the same share, exact to rounding, and keeps at least one picture to train. Where the data set
    has groups or copies, these are taken whole, and the shares are met as closely as they allow. Pictures without a
    label are in no split. Pictures of which the source says nothing, while it says something of others, train.

    Args:
        dataset: N pictures.
        validation_fraction: the share, 0 to 1, of the training pictures that remain after the test set is taken.
        test_fraction: the share, 0 to 1, of the training pictures; 0 for no test set.
        seed: the same seed and pictures give the same splits.
        together: (N,) numbers, equal for pictures that must not be parted, such as copies of one picture
            (``Audit.repeats.family``); beside the groups.

    Returns:
        positions, and notes that say how each split was made and what is odd; those begin with ``"warning: "``.

    Raises:
        SplitError: a fraction is out of range, or there are too few classes, pictures or groups.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> data = Dataset(range(40), ArrayImages(np.zeros((40, 2, 2), np.uint8)), [0, 1] * 20, class_names=("a", "b"))
        >>> splits = split(data, test_fraction=0.25)
        >>> {name: len(positions) for name, positions in splits.items()}
        {'train': 24, 'validation': 6, 'test': 10}
        >>> splits.notes[0]
        'test: 10 of 40 training pictures (25.0%), stratified by class, seed 0'
    """
    for name, value in (("validation_fraction", validation_fraction), ("test_fraction", test_fraction)):
        if not 0 <= value < 1:
            raise SplitError(f"{name} must be at least 0 and below 1, got {value}")
    groups = _group_numbers(dataset, together)
    codes, notes = _given(dataset, groups)
    _check_classes(dataset, codes)
    for code, fraction in ((TEST, test_fraction), (VALIDATION, validation_fraction)):
        if not (codes == code).any() and fraction > 0:
            notes.append(_make(dataset, codes, groups, code=code, fraction=fraction, seed=seed))
    notes.extend(_warnings(dataset, codes))
    train, validation, test = (np.flatnonzero(codes == code) for code in (TRAIN, VALIDATION, TEST))
    return Splits(train, validation, test, notes=tuple(notes))


def given_splits(dataset: Dataset) -> Splits | None:
    """Return the splits that the source brings, None where it brings none; none of them need have pictures."""
    if dataset.given_split is None:
        return None
    codes, notes = _given(dataset, _group_numbers(dataset, None))
    train, validation, test = (np.flatnonzero(codes == code) for code in (TRAIN, VALIDATION, TEST))
    return Splits(train, validation, test, notes=tuple(notes))


def belonging(dataset: Dataset, *, together: NDArray[np.int64] | None = None) -> NDArray[np.int64] | None:
    """Return (N,) numbers, equal for pictures that must stay on one side of a split; None where each stands for itself.

    Args:
        dataset: its groups count; a picture without a group is one by itself.
        together: as for ``split``.

    Example:
        >>> from tellapart.images.arrays import ArrayImages
        >>> pixels = ArrayImages(np.zeros((3, 2, 2), np.uint8))
        >>> data = Dataset(list("abc"), pixels, [0, 1, 0], class_names=("x", "y"), groups=["Ann", "Ann", "Bob"])
        >>> belonging(data).tolist()
        [0, 0, 1]
    """
    groups = _group_numbers(dataset, together)
    return None if groups is None else groups.numbers


@dataclasses.dataclass(frozen=True)
class _Groups:
    """Group numbers, 0 to ``count`` − 1, one a picture; a picture without a group is one by itself.

    Not ``by_name`` where they are families of copies alone: nearly all of one picture.
    """

    numbers: NDArray[np.int64]
    count: int
    by_name: bool = True


def _group_numbers(dataset: Dataset, together: NDArray[np.int64] | None) -> _Groups | None:
    """Return which pictures belong together; None where each stands for itself."""
    named = _named_groups(dataset)
    if together is None or len(np.unique(together)) == len(together):
        return named
    families = np.unique(together, return_inverse=True)[1]
    if named is None:
        return _Groups(families, int(families.max()) + 1, by_name=False)
    return _joined(named, families)


def _named_groups(dataset: Dataset) -> _Groups | None:
    if dataset.groups is None:
        return None
    empty = np.asarray(dataset.groups == "", dtype=bool)
    if empty.all():
        return None
    numbers = np.empty(len(dataset), dtype=np.int64)
    names, numbers[~empty] = np.unique(dataset.groups[~empty], return_inverse=True)
    alone = int(empty.sum())
    numbers[empty] = len(names) + np.arange(alone)
    return _Groups(numbers, len(names) + alone)


def _joined(groups: _Groups, families: NDArray[np.int64]) -> _Groups:
    """Return groups that hold every group and every family whole."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = groups.count + int(families.max()) + 1
    ones = np.ones(len(families), dtype=np.int8)
    graph = coo_array((ones, (groups.numbers, groups.count + families)), shape=(size, size))
    count, labels = connected_components(graph, directed=False)
    return _Groups(labels[groups.numbers].astype(np.int64), int(count))


def _given(dataset: Dataset, groups: _Groups | None) -> tuple[Codes, list[str]]:
    """Return the splits that the source brings, and notes about them."""
    notes: list[str] = []
    codes = np.full(len(dataset), UNSAID, dtype=np.int8)
    if dataset.given_split is not None:
        for code, name in enumerate(SPLIT_NAMES):
            codes[np.asarray(dataset.given_split == name, dtype=bool)] = code
        if unknown := sorted(set(dataset.given_split[codes == UNSAID].tolist()) - {""}):
            raise SplitError(f"given splits must be among {list(SPLIT_NAMES)} or empty, got {unknown[:5]}")
    unlabelled = dataset.labels < 0
    codes[unlabelled] = NONE
    for code in (TRAIN, VALIDATION, TEST):
        if given := int((codes == code).sum()):
            notes.append(f"{SPLIT_NAMES[code]}: given by the source, {counted(given, 'picture')}")
    if groups is not None and groups.by_name:
        notes.extend(_follow_groups(codes, groups))
    if notes and (unsaid := int((codes == UNSAID).sum())):
        notes.append(f"train: {counted(unsaid, 'picture')} of which the source does not say where it belongs")
    codes[codes == UNSAID] = TRAIN
    if unlabelled.any():
        notes.append(f"{counted(int(unlabelled.sum()), 'picture')} without a label, in no split")
    return codes, notes


def _follow_groups(codes: Codes, groups: _Groups) -> list[str]:
    """Put pictures of which nothing is said where the source puts their group; say which groups stand on two sides."""
    notes = []
    stands = np.zeros((3, groups.count), dtype=bool)
    for code in (TRAIN, VALIDATION, TEST):
        stands[code, groups.numbers[codes == code]] = True
    trains = stands[TRAIN, groups.numbers]  # what was trained on tests nothing
    for code in (TEST, VALIDATION):
        follow = (codes == UNSAID) & stands[code, groups.numbers] & ~trains
        codes[follow] = code
        if follow.any():
            notes.append(
                f"{SPLIT_NAMES[code]}: {int(follow.sum()):,} more pictures, whose groups the source puts there"
            )
    if both := int((stands.sum(axis=0) > 1).sum()):
        notes.append(
            f"warning: {both:,} of {groups.count:,} groups stand in more than one of the splits that the source gives: "
            "figures on those splits may flatter"
        )
    return notes


def _check_classes(dataset: Dataset, codes: Codes) -> None:
    counts = np.bincount(dataset.labels[codes == TRAIN], minlength=len(dataset.class_names))
    present = [dataset.class_names[c] for c in np.flatnonzero(counts)[:2]]
    held_out = [f"{int((codes == code).sum()):,} of {SPLIT_NAMES[code]}" for code in (VALIDATION, TEST)
                if (codes == code).any()]  # fmt: skip
    if not present and held_out:
        raise SplitError(
            f"{dataset.name!r} has no pictures to train on: by the names of its folders, or by its column for the "
            f"split, all labelled ones are {' and '.join(held_out)}: rename the folder, or give the one below it"
        )
    if not present:
        raise SplitError(
            f"{dataset.name!r} has no labelled pictures to train on: at least two classes with pictures are needed"
        )
    if len(present) == 1:
        raise SplitError(
            f"{dataset.name!r} has one class to train on, {present[0]!r}: at least two are needed; add a folder with "
            "pictures of what it shall be told apart from"
        )


def _make(dataset: Dataset, codes: Codes, groups: _Groups | None, *, code: int, fraction: float, seed: int) -> str:
    """Move pictures from training to a split that is missing; return how that was done."""
    rng = np.random.default_rng([seed % 2**64, code])
    pool = np.flatnonzero(codes == TRAIN)
    labels = dataset.labels[pool]
    classes = len(dataset.class_names)
    by_groups = ""
    if groups is None:
        mask = pick(labels, fraction, classes=classes, rng=rng)
    else:
        names, numbers = np.unique(groups.numbers[pool], return_inverse=True)
        taken_before = np.zeros(groups.count, dtype=bool)
        taken_before[groups.numbers[(codes == VALIDATION) | (codes == TEST)]] = True
        choose = pick_groups if groups.by_name else _pick_families
        mask = choose(labels, numbers, fraction, classes=classes, rng=rng, locked=taken_before[names])
        held = f"{len(np.unique(numbers[mask])):,} of {len(names):,}"
        by_groups = f" in whole groups ({held})" if groups.by_name else ", copies together"
    if not mask.any():
        raise SplitError(_why_none(dataset, labels, code=code, grouped=groups is not None and groups.by_name))
    codes[pool[mask]] = code
    name, taken = SPLIT_NAMES[code], int(mask.sum())
    share = f"{taken:,} of {len(pool):,} training pictures ({taken / len(pool):.1%})"
    return f"{name}: {share}, stratified by class{by_groups}, seed {seed}"


def _pick_families(
    labels: NDArray[np.int64],
    families: NDArray[np.int64],
    fraction: float,
    *,
    classes: int,
    rng: np.random.Generator,
    locked: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return a mask of pictures to hold out, whole families.

    Families of a picture or a few are picked by the first picture of each; large ones by their size, so that a picture
    that stands hundreds of times swamps no split. A family in which a class has its last pictures trains.
    """
    sizes = np.bincount(families)
    large = sizes > max(LARGE_FAMILY, len(labels) // 100)
    mask = np.zeros(len(labels), dtype=bool)
    for among, choose in ((~large, _pick_few), (large, functools.partial(pick_groups, at_least_one=bool(large.all())))):
        rows = np.flatnonzero(among[families])
        if len(rows):
            mask[rows] = choose(
                labels[rows], (np.cumsum(among) - 1)[families[rows]], fraction, classes=classes, rng=rng,
                locked=locked[among],
            )  # fmt: skip
    return mask


def _pick_few(
    labels: NDArray[np.int64],
    families: NDArray[np.int64],
    fraction: float,
    *,
    classes: int,
    rng: np.random.Generator,
    locked: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return a mask of pictures to hold out: families are picked by the first picture of each."""
    _, first = np.unique(families, return_index=True)
    free = np.flatnonzero(~locked)
    chosen = np.zeros(len(first), dtype=bool)
    chosen[free] = pick(labels[first[free]], fraction, classes=classes, rng=rng)
    left = np.bincount(labels[~chosen[families]], minlength=classes)
    for lost in np.setdiff1d(labels, np.flatnonzero(left)).tolist():
        if chosen[families[labels == lost]].all():  # not yet back with a family of another such class
            chosen[families[labels == lost][0]] = False
    return chosen[families]


def _why_none(dataset: Dataset, labels: NDArray[np.int64], *, code: int, grouped: bool) -> str:
    name, classes = SPLIT_NAMES[code], len(np.unique(labels))
    if grouped:
        return (
            f"no {name} split can be taken from the {len(labels):,} training pictures of {dataset.name!r}: each group "
            "is needed to train, for without it some class has no pictures left; add groups, or split without groups"
        )
    return (
        f"no {name} split can be taken from the {len(labels):,} training pictures of {dataset.name!r}: each of the "
        f"{classes} classes has one picture left, or copies of one, which must train; add pictures"
        + (", or set test_fraction to 0" if name == "test" else "")
    )


def _warnings(dataset: Dataset, codes: Codes) -> list[str]:
    """Say what a person should know of classes that some split lacks."""
    size = len(dataset.class_names)
    train, validation, test = (
        np.bincount(dataset.labels[codes == c], minlength=size) for c in (TRAIN, VALIDATION, TEST)
    )
    total = train + validation + test
    single = (total == 1) & (train == 1)
    notes = [
        _named(dataset, single, "has a single picture: it can only train", "have a single picture: they can only train")
    ]
    notes.append(_named(dataset, (total > 0) & (train == 0), "has no training pictures", "have no training pictures"))
    for name, counts in (("validation", validation), ("test", test)):
        if counts.any():
            lacking = (train > 0) & (counts == 0) & ~single
            notes.append(_named(dataset, lacking, f"has no {name} pictures", f"have no {name} pictures"))
    return [note for note in notes if note]


def _named(dataset: Dataset, mask: NDArray[np.bool_], one: str, many: str) -> str:
    where = np.flatnonzero(mask)
    if not len(where):
        return ""
    if len(where) == 1:
        return f"warning: class {dataset.class_names[where[0]]!r} {one}"
    shown = ", ".join(repr(dataset.class_names[c]) for c in where[:5])
    return f"warning: {len(where)} classes {many}: {shown}{', ...' if len(where) > 5 else ''}"
