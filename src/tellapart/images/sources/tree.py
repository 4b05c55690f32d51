"""Trees of folders, wherever they lie: which folder is a class, which is a split, and the data set that follows."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ...wording import counted, listed
from ..dataset import BLOCK, Dataset, Images, strings
from .classes import sort_classes

SPELLINGS = {
    "train": ("train", "training", "trn", "训练", "训练集"),
    "validation": ("val", "valid", "validation", "validate", "dev", "development", "验证", "验证集"),
    "test": ("test", "testing", "tst", "测试", "测试集"),
}
"""What people call the splits, in small letters."""

# What could be cut up in several ways inside the repetition takes exponentially long: one digit at a time, and no
# "dataset", which is "data" and "set".
_FILLERS = r"(?:data|set|split|images?|imgs?|pictures?|pics?|photos?|samples?|folder|batch|seg|my|the|raw|\d)"
_SPLITS = {name: re.compile(rf"{_FILLERS}*(?:{'|'.join(words)}){_FILLERS}*") for name, words in SPELLINGS.items()}


def split_of(folder: str) -> str:
    """Return the split that a folder's name means: ``"train"``, ``"validation"``, ``"test"``, or "" for none.

    Example:
        >>> [split_of(name) for name in ("Train", "test_data", "VAL", "dev", "seg_train", "cats", "tests")]
        ['train', 'test', 'validation', 'validation', 'train', '', '']
    """
    plain = re.sub(r"[\s_.\-]+", "", folder).casefold()
    return next((name for name, pattern in _SPLITS.items() if pattern.fullmatch(plain)), "")


def split_in(name: str) -> str:
    """Return the split that a name means, as a whole or by one of its words.

    Example:
        >>> [split_in(name) for name in ("HWDB1.1trn_gnt", "emnist-letters-test", "latest")]
        ['train', 'test', '']
    """
    words = [name, *re.split(r"[^A-Za-z]+", name)]
    return next((split for word in words if word and (split := split_of(word))), "")


OPENABLE = frozenset({".csv", ".tsv", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".npz", ".npy", ".mat"})
"""Suffixes of files that are data sets themselves."""


@dataclasses.dataclass(frozen=True)
class Tree:
    """The pictures below a root, in rows: row i is the file ``names[i]`` in ``folders[folder[i]]``.

    Attributes:
        folders: each folder's path below the root, with ``/``; "" is the root. Folders without pictures too.
        folder: (N,) int32 positions in ``folders``.
        names: (N,) strings, the files' names.
        skipped: how many files were passed over, by suffix.
        notes: what was noticed while looking.
        openable: names of files in the root that are data sets themselves, for advice.
        hidden: how many pictures were passed over, by the folder that they lie in, whose name begins with a dot.
    """

    folders: list[str]
    folder: NDArray[np.int32]
    names: NDArray[Any]
    skipped: Counter[str]
    notes: tuple[str, ...] = ()
    openable: tuple[str, ...] = ()
    hidden: Counter[str] = dataclasses.field(default_factory=Counter)

    def paths(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return (n,) strings: the paths below the root of the files in some rows."""
        roots = strings(np.array([f + "/" if f else "" for f in self.folders], dtype=np.dtypes.StringDType()))
        out: NDArray[Any] = roots[self.folder[rows]] + self.names[rows]
        return out


@dataclasses.dataclass(frozen=True)
class _Kept:
    """What each folder means: the path that ids begin with, the split and the class; None where it is left out."""

    meaning: list[tuple[str, str, str] | None]
    notes: list[str]
    has_splits: bool


def dataset_of(tree: Tree, *, images: Callable[[NDArray[np.int64]], Images], name: str, where: str) -> Dataset:
    """Return the data set of a tree: one subfolder per class, below one a split where there are splits.

    Args:
        tree: the pictures found.
        images: makes Images of rows of the tree.
        name: what the data set is called.
        where: what the tree is called in messages.

    Raises:
        SourceError: the folders do not say which class a picture has.
    """
    count = np.bincount(tree.folder, minlength=len(tree.folders))
    kept = _meaning(tree, count, where)
    classes = sort_classes({meant[2] for meant in kept.meaning if meant})
    position = {class_name: i for i, class_name in enumerate(classes)}
    label_of = np.array([position[m[2]] if m else -1 for m in kept.meaning], dtype=np.int64)
    rows = np.flatnonzero(label_of[tree.folder] >= 0)
    prefix = strings(np.array([m[0] + "/" if m else "" for m in kept.meaning], dtype=np.dtypes.StringDType()))
    normal = _normal(prefix[tree.folder[rows]] + tree.names[rows])
    order = np.argsort(normal, kind="stable")
    rows, normal = rows[order], normal[order]
    del order
    repeated = np.asarray(normal[1:] == normal[:-1], dtype=bool)
    notes = [*tree.notes, *kept.notes, *_skipped_note(tree.skipped), *_hidden_note(tree.hidden)]
    for at in np.flatnonzero(repeated).tolist():
        one, other = (str(prefix[tree.folder[rows[i]]] + tree.names[rows[i]]) for i in (at, at + 1))
        if one != other:  # two files of a folder, whose names differ in how a letter is composed: both count
            repeated[at] = False
            normal[at + (one == str(normal[at]))] = other if one == str(normal[at]) else one
    if repeated.any():  # of a zip that holds one name twice, the later one counts, as in every unpacker
        fresh = np.append(~repeated, True)
        rows, normal = rows[fresh], normal[fresh]
        notes.append(f"{int(repeated.sum())} names occur twice: the later one of each counts")
    folder = tree.folder[rows]
    splits = np.array([m[1] if m else "" for m in kept.meaning], dtype=np.dtypes.StringDType())
    return Dataset(
        normal,
        images(rows),
        label_of[folder],
        tuple(classes),
        given_split=splits[folder] if kept.has_splits else None,
        name=name,
        notes=tuple(notes),
    )


def _normal(ids: NDArray[Any]) -> NDArray[Any]:
    """Return ids in NFC, so that macOS' decomposed names are the same as everybody else's."""
    parts, plain = [], True
    for start in range(0, len(ids), BLOCK):
        part = ids[start : start + BLOCK]
        listed = part.tolist()
        if not "".join(listed).isascii():
            plain, part = False, strings([unicodedata.normalize("NFC", id_) for id_ in listed])
        parts.append(part)
    return ids if plain else np.concatenate(parts)


def _meaning(tree: Tree, count: NDArray[np.int64], where: str) -> _Kept:
    paths = [path.split("/") if path else [] for path in tree.folders]
    filled = [i for i in range(len(paths)) if count[i]]
    if not filled:
        raise SourceError(_nothing(tree, where))
    start = _wrapper([paths[i] for i in filled])
    inner = {i: paths[i][start:] for i in filled}
    if all(not parts for parts in inner.values()):
        raise SourceError(_no_classes(tree, where, int(count.sum()), shown="/".join(paths[filled[0]][:start])))
    notes = []
    loose = [i for i, parts in inner.items() if not parts]
    if loose:
        notes.append(
            f"{counted(sum(int(count[i]) for i in loose), 'picture')} left out, being beside the class folders"
        )
    inner = {i: parts for i, parts in inner.items() if parts}
    by_top: dict[str, list[int]] = {}
    for i, parts in inner.items():
        by_top.setdefault(parts[0], []).append(i)
    if _are_splits(by_top, inner):
        kept = _split_folders(by_top, inner, count, notes, where)
    else:
        kept = _class_folders(inner, where)
    meaning = [kept.get(i) for i in range(len(paths))]
    _check_two_classes(meaning, where, tree.hidden)
    notes += _empty_note([folder for folder, n in zip(tree.folders, count, strict=True) if not n], tree.folders, start)
    return _Kept(meaning, notes, has_splits=any(meant[1] for meant in kept.values()))


def _wrapper(paths: Sequence[list[str]], *, inside_split: bool = False) -> int:
    """Return how many leading folders only wrap the rest: the same one everywhere, without pictures, no split."""
    depth, paths = 0, _below_loose(paths)
    while all(len(parts) > depth + 1 for parts in paths):
        tops = {parts[depth] for parts in paths}
        if len(tops) != 1:
            break
        below = {parts[depth + 1] for parts in paths}
        wraps_splits = len(below) > 1 and all(map(split_of, below))
        if not inside_split and not wraps_splits and split_of(tops.pop()):
            break
        depth += 1
    return depth


def _below_loose(paths: Sequence[list[str]]) -> Sequence[list[str]]:
    """Return the folders but for those that hold all others and pictures beside them, which are left out."""
    while len(paths) > 1:
        above = min(paths, key=len)
        below = [parts for parts in paths if parts is not above]
        if any(parts[: len(above)] != above for parts in below):
            break
        paths = below
    return paths


def _are_splits(by_top: dict[str, list[int]], inner: dict[int, list[str]]) -> bool:
    deep = {top for top, members in by_top.items() if any(len(inner[i]) > 1 for i in members)}
    named = {top for top in by_top if split_of(top)}
    if deep & named:
        return True
    # Pictures directly in Train and Test, and nothing else: splits without classes.
    return len(named) == len(by_top) and len({split_of(top) for top in named}) > 1


def _split_folders(
    by_top: dict[str, list[int]], inner: dict[int, list[str]], count: NDArray[np.int64], notes: list[str], where: str
) -> dict[int, tuple[str, str, str]]:
    kept: dict[int, tuple[str, str, str]] = {}
    for top, members in sorted(by_top.items()):
        split = split_of(top)
        if not split:
            raise SourceError(
                f"{where!r} has splits ({', '.join(sorted(t for t in by_top if split_of(t)))}) and beside them the "
                f"folder {top!r} with pictures, which is none: name it train, validation or test, or take it away"
            )
        below = [i for i in members if len(inner[i]) > 1]
        start = 1 + _wrapper([inner[i][1:] for i in below], inside_split=True) if below else 1
        direct = sum(int(count[i]) for i in members if len(inner[i]) <= start)
        if direct:
            lie = counted(direct, f"picture in {top!r} lies", plural=f"pictures in {top!r} lie")
            notes.append(f"{lie} in no class folder: left out")
        below = [i for i in below if len(inner[i]) > start]
        for i in below:
            parts = inner[i]
            if len(parts) != start + 1:
                raise SourceError(_too_deep(where, "/".join(parts), "split/class/picture"))
            kept[i] = (f"{top}/{parts[start]}", split, _class_name(parts[start]))
    if not kept:
        raise SourceError(
            f"{where!r} has the splits {', '.join(sorted(by_top))}, but their pictures lie in no class folders: "
            "make one folder per class inside each, or give a table (CSV) with path, label and split"
        )
    return kept


def _class_folders(inner: dict[int, list[str]], where: str) -> dict[int, tuple[str, str, str]]:
    for parts in inner.values():
        if len(parts) > 1:
            raise SourceError(_too_deep(where, "/".join(parts), "class/picture"))
    return {i: (parts[0], "", _class_name(parts[0])) for i, parts in inner.items()}


def _class_name(folder: str) -> str:
    return unicodedata.normalize("NFC", folder)


def _check_two_classes(meaning: Sequence[tuple[str, str, str] | None], where: str, hidden: Counter[str]) -> None:
    names = {meant[2] for meant in meaning if meant}
    if len(names) == 1:
        more = "".join(f" ({note})" for note in _hidden_note(hidden))
        raise SourceError(
            f"{where!r} has one class only, {names.pop()!r}: at least two are needed, one subfolder each{more}"
        )


def _too_deep(where: str, folder: str, expected: str) -> str:
    return (
        f"{where!r} has pictures deeper than classes lie: in {folder!r}, where {expected} is expected, so it cannot "
        "be told which folder is the class: give the folder that holds the class folders, or a table (CSV)"
    )


def _no_classes(tree: Tree, where: str, pictures: int, shown: str) -> str:
    inside = f" (in {shown!r})" if shown else ""
    advice = "make one subfolder per class"
    if tree.openable:
        advice = f"open {tree.openable[0]!r} beside them instead, or {advice}"
    return f"{where!r} has {pictures} pictures{inside} but no class folders: {advice}"


def _nothing(tree: Tree, where: str) -> str:
    if tree.openable:
        return f"{where!r} has no pictures, but {tree.openable[0]!r} may be a data set: give its path"
    if tree.skipped:
        found = ", ".join(f"{n} {suffix}" for suffix, n in tree.skipped.most_common(4))
        return f"{where!r} has no pictures, only other files ({found}): give one subfolder of pictures a class"
    if len(tree.folders) > 1:
        return f"{where!r} has {len(tree.folders) - 1} folders but no pictures in them: put pictures into each class"
    return f"{where!r} is empty: put one subfolder of pictures a class into it"


def _empty_note(without: list[str], folders: list[str], start: int) -> list[str]:
    parents = {path for folder in folders for path in _above(folder)}
    empty = sorted(folder for folder in without if folder not in parents and folder and folder.count("/") >= start)
    if not empty:
        return []
    return [
        f"{counted(len(empty), 'folder holds', plural='folders hold')} no pictures: {', '.join(empty[:5])}"
        + (", …" if len(empty) > 5 else "")
    ]


def _above(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def _skipped_note(skipped: Counter[str]) -> list[str]:
    if not skipped:
        return []
    shown = ", ".join(
        f"{n} {suffix}" for suffix, n in sorted(skipped.items(), key=lambda item: (-item[1], item[0]))[:6]
    )
    return [f"{counted(sum(skipped.values()), 'file')} left out, being no picture ({shown})"]


def _hidden_note(hidden: Counter[str]) -> list[str]:
    if not hidden:
        return []
    shown = listed(sorted(hidden))
    pictures = counted(sum(hidden.values()), "picture")
    return [f"{pictures} left out, in folders whose names begin with a dot: {shown}; rename those that are classes"]
