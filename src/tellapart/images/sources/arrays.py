"""NumPy files: an ``.npz`` with pictures and labels, or ``X.npy`` with ``y.npy`` beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ...files import ARRAY_DAMAGE
from ..dataset import Dataset, strings
from .base import Place, source
from .classes import labels_of
from .labelled import Part, Stamped, before_reading, from_parts
from .tree import SPELLINGS

IMAGES = ("x", "images", "image", "data", "pixels", "pictures", "imgs", "features", "arr_0")
LABELS = ("y", "labels", "label", "targets", "target", "classes", "class", "arr_1")
GROUPS = ("groups", "group")
SPLITS = {split: (*words, split[:2]) for split, words in SPELLINGS.items()}
CLASS_NAMES = ("class_names", "label_names", "target_names", "classnames")

AS_NUMBERS, AS_TEXT = "np.stack({})", "{}.astype(str)"
"""What pictures, and labels or names, are to be saved as where they are an array of Python objects."""

_OBJECTS = re.compile("Object arrays cannot be loaded|Python objects in dtype")
"""How NumPy says that of an array, and of one that is memory-mapped."""


def _claims(place: Place) -> bool:
    return not place.is_folder and (place.head[:6] == b"\x93NUMPY" or place.suffix in (".npz", ".npy"))


@source("arrays", summary=".npz, or X.npy with y.npy beside it", claims=_claims, order=10)
def arrays(
    place: Place,
    *,
    images_key: str | None = None,
    labels_key: str | None = None,
    groups_key: str | None = None,
    sample_axis: int | None = None,
) -> Dataset:
    """Open NumPy arrays; nothing pickled is ever loaded.

    Raises:
        SourceError: the keys are unknown, or pictures and labels do not fit together.
    """
    where = str(place.path)
    if place.head[:6] == b"\x93NUMPY" or place.suffix == ".npy":
        for key, value in (("images_key", images_key), ("labels_key", labels_key), ("groups_key", groups_key)):
            if value is not None:
                raise SourceError(f"{key} names an array in an .npz, but {where!r} is a single array: leave it out")
        beside = _labels_beside(place.path)
        files = before_reading(place.path, beside)
        found = Part(load(place.path), load(beside, advice=AS_TEXT), files=files)
        return from_parts([found], name=place.name, where=where, sample_axis=sample_axis)
    files = before_reading(place.path)
    try:
        with place.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            given = _Keys(images_key or "", labels_key or "", groups_key or "")
            found_keys, notes = _found(archive, given, place.path, guess_groups=groups_key is None)
            parts, names = _parts(archive, found_keys, files)
    except ARRAY_DAMAGE as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{where!r} cannot be read as NumPy arrays: {error}") from error
    notes += [
        f"the array {one.groups!r} was taken for the groups: --source-option groups_key= takes none"
        for one in found_keys
        if one.groups and one.groups != groups_key
    ]
    return from_parts(parts, name=place.name, where=where, class_names=names, sample_axis=sample_axis, notes=notes)


def load(path: Path, *, advice: str = AS_NUMBERS) -> NDArray[Any]:
    """Return the array of an ``.npy`` file, memory-mapped; raises SourceError where it is damaged or pickled."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ARRAY_DAMAGE as error:
        if _OBJECTS.search(str(error)):
            raise SourceError(_of_objects(str(path), advice.format(path.stem))) from error
        raise SourceError(f"{str(path)!r} cannot be read as a NumPy array: {error}") from error
    return array


def _array(archive: Mapping[str, NDArray[Any]], key: str, *, path: Path, advice: str) -> NDArray[Any]:
    """Return an array of an ``.npz``; raises SourceError where it is pickled."""
    try:
        return archive[key]
    except ValueError as error:
        if _OBJECTS.search(str(error)):
            raise SourceError(f"{str(path)!r}: {_of_objects(key, advice.format(key))}") from error
        raise


def _of_objects(name: str, advice: str) -> str:
    return f"the array {name!r} holds pickled Python objects, which are never loaded: save it as {advice}"


def _labels_beside(path: Path) -> Path:
    """Return the labels' file: ``y.npy`` beside ``X.npy``, ``train_labels.npy`` beside ``train_images.npy``, ..."""
    stem = path.stem
    beside = {
        other.stem.casefold().replace("-", "_"): other
        for other in path.parent.iterdir()
        if other != path and other.suffix.casefold() == ".npy"
    }
    if any(word in stem.casefold() for word in ("label", "target")) or stem.casefold() in LABELS:
        raise SourceError(f"{str(path)!r} looks like labels: give the file of the pictures")
    wanted = []
    for images in sorted(IMAGES, key=len, reverse=True):
        for labels in LABELS:
            parts = stem.casefold().replace("-", "_").split("_")
            if images in parts:
                wanted.append("_".join(labels if part == images else part for part in parts))
    for name in (*wanted, *LABELS, f"{stem.casefold().replace('-', '_')}_labels"):
        if name in beside:
            return beside[name]
    expected = wanted[0] if wanted else "labels"
    raise SourceError(f"{str(path)!r} has no labels beside it: save them as {expected + '.npy'!r} in the same folder")


class _Keys(NamedTuple):
    """The keys of one split's arrays in an ``.npz``, or those that a person gave; "" for none."""

    images: str
    labels: str
    groups: str
    split: str = ""


def _parts(
    archive: Mapping[str, NDArray[Any]], found: list[_Keys], files: tuple[Stamped, ...]
) -> tuple[list[Part], list[str] | None]:
    path = files[0].path
    keys = {key.casefold(): key for key in archive}
    parts = [
        Part(
            _array(archive, one.images, path=path, advice=AS_NUMBERS),
            _array(archive, one.labels, path=path, advice=AS_TEXT),
            split=one.split,
            files=files if i == 0 else (),
            key=one.images,
            groups=_groups(archive, one, path) if one.groups else None,
        )
        for i, one in enumerate(found)
    ]
    named = (_array(archive, keys[key], path=path, advice=AS_TEXT) for key in CLASS_NAMES if key in keys)
    names = next((names.astype(str).ravel().tolist() for names in named), None)
    if names is not None and any(part.labels.dtype.kind not in "biuf" for part in parts):
        names = None
    return parts, None if names is None else [normalize("NFC", name) for name in names]


def _groups(archive: Mapping[str, NDArray[Any]], keys: _Keys, path: Path) -> NDArray[Any]:
    """Return the name of each picture's group, StringDType (N,)."""
    where, count = str(path), len(np.atleast_1d(archive[keys.labels]))
    otherwise = "to take none: --source-option groups_key="
    try:
        values = archive[keys.groups]
    except ValueError as error:  # pickled objects
        reason = f"the array {keys.groups!r}, cannot be read: {error}"
        raise SourceError(f"groups in {where!r}, {reason}; {otherwise}") from error
    if values.shape not in ((count,), (count, 1)):
        found = f"got {values.shape} for {count}"
        raise SourceError(f"groups in {where!r} must have one entry per picture, {found}; {otherwise}")
    try:
        numbers, names = labels_of(values, where=where, what="groups")
    except SourceError as error:
        raise SourceError(f"{error}; {otherwise}") from None
    return strings(names)[numbers]


def _found(
    archive: Mapping[str, NDArray[Any]], given: _Keys, path: Path, *, guess_groups: bool
) -> tuple[list[_Keys], list[str]]:
    """Return the keys of each split's arrays, or of the only ones, in an ``.npz``, and what is left out."""
    keys = {key.casefold(): key for key in archive}
    kinds = (IMAGES, LABELS, GROUPS if guess_groups else ())
    listed = ", ".join(keys.values())
    if bool(given.images) != bool(given.labels) or (given.groups and not given.images):
        raise SourceError("images_key and labels_key belong together, and groups_key to both: give the others, too")
    for key in given[:3]:
        if key and key not in keys.values():
            raise SourceError(f"{str(path)!r} has no array {key!r}: it has {listed}")
    if given.images:
        return [given], []
    seen = [
        _Keys(*(_first(keys, _spelt(names, word)) for names in kinds))._replace(split=split)
        for split, spellings in SPLITS.items()
        for word in spellings
    ]
    alone = _Keys(*(_first(keys, names) for names in kinds))
    found: dict[str, _Keys] = {}
    for one in (*seen, alone._replace(split="train" if any(one.images and one.labels for one in seen) else "")):
        if one.images and one.labels:
            found.setdefault(one.split, one)
    if found:
        used = {one.images for one in found.values()}
        return list(found.values()), [
            f"the array {one.images!r} is left out: "
            + (f"{found[one.split].images!r} has its split" if one.labels else "it has no labels")
            for one in (*seen, *([alone._replace(split="train")] if alone.labels else []))
            if one.images and one.images not in used
        ]
    raise SourceError(
        f"{str(path)!r} has the arrays {listed}, and it cannot be told which are pictures and labels: name them with "
        "images_key and labels_key, or save them as x_train, y_train, x_test, y_test, or as X and y"
    )


def _spelt(names: tuple[str, ...], word: str) -> list[str]:
    """Return the names that an array of one split may have: ``x_train``, ``train_x``, ``xtrain``."""
    joined = [name + word for name in names[:1]]
    return [f"{name}_{word}" for name in names] + [f"{word}_{name}" for name in names] + joined


def _first(keys: Mapping[str, str], names: Iterable[str]) -> str:
    return next((keys[name] for name in names if name in keys), "")
