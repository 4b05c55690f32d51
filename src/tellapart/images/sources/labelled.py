"""Data sets of arrays: pictures in whatever layout and range become uint8, labels in whatever form become names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ...wording import counted
from ..arrays import ArrayImages
from ..dataset import Dataset, strings
from ..decode import as_pixels
from ..pixels import scaled_to_8
from ..stored import stamp, stat_fingerprint
from .classes import labels_of, sort_classes


class Stamped(NamedTuple):
    """A file, and by what one sees whether its content has changed: its size and its time."""

    path: Path
    stamp: tuple[int, int]


def before_reading(*paths: Path) -> tuple[Stamped, ...]:
    """Return files as they are now. A Part's files are made before its pixels: what changes meanwhile is refused."""
    return tuple(Stamped(path, stamp(path)[:2]) for path in paths)


@dataclasses.dataclass(frozen=True)
class Part:
    """Arrays of one split, or of all.

    Attributes:
        pixels: pictures, in any layout that ``as_pictures`` knows.
        labels: one a picture, in any form that ``labels_of`` knows.
        split: one of SPLIT_NAMES, or "".
        files: what they were read from, as ``before_reading`` gave it.
        key: which of the files' arrays the pixels are.
        groups: the name of each picture's, StringDType (N,); None where nothing is known of them.
    """

    pixels: NDArray[Any]
    labels: NDArray[Any]
    split: str = ""
    files: tuple[Stamped, ...] = ()
    key: str = ""
    groups: NDArray[Any] | None = None


def from_parts(
    parts: Sequence[Part],
    *,
    name: str,
    where: str,
    class_names: Sequence[str] | None = None,
    sample_axis: int | None = None,
    notes: Sequence[str] = (),
) -> Dataset:
    """Return the data set of one or several parts; an id is the index, after the split where there are splits.

    Args:
        parts: at least one.
        name: what the data set is called.
        where: what it is called in messages.
        class_names: what whole-number labels mean; the numbers themselves where None.
        sample_axis: the axis of the pixels that counts pictures; guessed where None.
        notes: what the source did.

    Raises:
        SourceError: pictures and labels do not fit together, or a file has changed while it was read.

    Example:
        >>> pixels = np.zeros((3, 8, 8), dtype=np.uint8)
        >>> from_parts([Part(pixels, np.array([0, 1, 1]), split="train")], name="x", where="x").ids.tolist()
        ['train/0', 'train/1', 'train/2']
    """
    _check_splits(parts, where)
    fingerprint = _fingerprint(parts, also=f"{sample_axis} {[(part.split, part.key) for part in parts]}")
    said: list[str] = list(notes)
    ends = {
        scale: _ends([_without_alpha(part) for part in parts if _scale(part) == scale])
        for scale in dict.fromkeys(map(_scale, parts))
    }
    pictures, labels, names, ids, splits, groups = [], [], [], [], [], []
    for part in parts:
        found, class_names_here = _named_labels(part.labels, class_names, where)
        end = ends[_scale(part)]
        array, more = as_pictures(part.pixels, len(found), where=where, sample_axis=sample_axis, ends=end)
        said += [note for note in more if note not in said]
        pictures.append(array)
        labels.append(found)
        names.append(class_names_here)
        ids.append(_numbered(len(found), f"{part.split}/" if part.split else ""))
        splits.append(np.full(len(found), part.split, dtype="U10"))
        groups.append(strings([""] * len(found)) if part.groups is None else part.groups)
    if len({array.shape[1:] for array in pictures}) > 1:
        shapes = ", ".join(str(array.shape) for array in pictures)
        raise SourceError(f"{where!r} has pictures of different shapes in its splits: {shapes}")
    classes = list(class_names) if class_names else sort_classes({n for some in names for n in some})
    if len(classes) < 2:
        raise SourceError(f"{where!r} has one class only, {classes}: at least two are needed")
    position = {n: i for i, n in enumerate(classes)}
    merged = [np.array([position[n] for n in some])[found] for some, found in zip(names, labels, strict=True)]
    has_files = any(part.files for part in parts)
    return Dataset(
        np.concatenate(ids),
        ArrayImages(_joined(pictures), fingerprint=fingerprint if has_files else None, over_white=OVER_WHITE in said),
        np.concatenate(merged),
        tuple(classes),
        groups=np.concatenate(groups) if any(part.groups is not None for part in parts) else None,
        given_split=np.concatenate(splits) if any(part.split for part in parts) else None,
        name=name,
        notes=tuple(said),
    )


def _fingerprint(parts: Sequence[Part], *, also: str) -> str:
    """Return the hash by which these pixels are cached; raises SourceError where a file is not what was read."""
    files = [file for part in parts for file in part.files]
    fingerprint = stat_fingerprint([file.path for file in files], also=also)
    for file in files:
        if stamp(file.path)[:2] != file.stamp:
            raise SourceError(f"{str(file.path)!r} changed while it was read: try again when it is whole")
    return fingerprint


def _check_splits(parts: Sequence[Part], where: str) -> None:
    """Raise SourceError where two parts are of one split: they are two data sets, whose ids would be the same."""
    first: dict[str, Part] = {}
    for part in parts:
        other = first.setdefault(part.split, part)
        if other is not part:
            shown = " and ".join(repr(one.files[0].path.name if one.files else one.key) for one in (other, part))
            raise SourceError(
                f"{where!r} seems to hold several data sets, such as {shown}: give one file, or put each set into a "
                "folder of its own"
            )


def _scale(part: Part) -> str:
    """Return what the scale of a part's numbers goes by: their type, or floats of any precision."""
    kind = part.pixels.dtype
    return "float" if kind.kind == "f" else kind.str


def _without_alpha(part: Part) -> NDArray[Any]:
    """Return a part's pixels, of four channels the first three: alpha is no brightness, and has a range of its own."""
    samples_first = part.pixels.shape[:1] == part.labels.shape[:1]  # labels may be a single number, which is said later
    has_alpha = part.pixels.ndim == 4 and part.pixels.shape[3] == 4 and samples_first
    return part.pixels[..., :3] if has_alpha else part.pixels


def _ends(arrays: Sequence[NDArray[Any]]) -> tuple[float, float] | None:
    """Return the lowest and the highest finite value of all arrays, so that each split is scaled alike."""
    low, high = math.inf, -math.inf
    for values in arrays:
        if values.size and values.dtype.kind in "buif":
            lowest, highest = float(values.min()), float(values.max())
            if not (math.isfinite(lowest) and math.isfinite(highest)):
                finite = np.isfinite(values)
                lowest = float(np.min(values, where=finite, initial=math.inf))
                highest = float(np.max(values, where=finite, initial=-math.inf))
            low, high = min(low, lowest), max(high, highest)
    return (low, high) if low <= high else None


def _joined(arrays: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _numbered(count: int, prefix: str) -> NDArray[Any]:
    numbers = strings(np.arange(count).astype("U12"))
    return np.array([prefix], dtype=np.dtypes.StringDType()) + numbers if prefix else numbers


def _named_labels(
    values: NDArray[Any], class_names: Sequence[str] | None, where: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    labels, names = labels_of(values, where=where)
    if nameless := [at for at, name in enumerate(names) if not name.strip()]:
        empty = counted(int(np.isin(labels, nameless).sum()), "is empty", plural="are empty")
        raise SourceError(f"labels in {where!r} must be names, and {empty}: take those pictures out, or name them")
    if class_names is None:
        return labels, names
    numbers = [int(n) for n in names]
    if numbers and not 0 <= min(numbers) <= max(numbers) < len(class_names):
        raise SourceError(
            f"labels in {where!r} must be 0 to {len(class_names) - 1}, one of {len(class_names)} class names, "
            f"got {min(numbers)} to {max(numbers)}"
        )
    return labels, tuple(class_names[n] for n in numbers)


def as_pictures(
    values: NDArray[Any],
    count: int,
    *,
    where: str,
    sample_axis: int | None = None,
    ends: tuple[float, float] | None = None,
) -> tuple[NDArray[np.uint8], list[str]]:
    """Return pictures as uint8 (N, H, W) or (N, H, W, 1 or 3), and what was done.

    Args:
        values: N pictures along the first or the last axis; flattened to squares, with channels first or last;
            of any range that ``scaled_to_8`` knows.
        count: how many labels there are, which tells the axis.
        where: what the file is called in messages.
        sample_axis: the axis that counts pictures; guessed where None.
        ends: the lowest and the highest value of the whole data set; of these pictures where None.

    Raises:
        SourceError: the shape is none of those.

    Example:
        >>> pixels, notes = as_pictures(np.zeros((64, 5), dtype=np.uint8), 5, where="X.npy")
        >>> pixels.shape, notes
        ((5, 8, 8), ['pictures lie along the last axis of (64, 5)', 'rows of 64 values are squares of 8x8'])
    """
    notes: list[str] = []
    if values.dtype.kind not in "buif" or values.ndim < 2:
        raise SourceError(
            f"pictures in {where!r} must be numbers of shape (N, height, width), (N, height, width, channels) or "
            f"(N, height·width), got {values.dtype} of shape {values.shape}"
        )
    values = _samples_first(values, count, where, sample_axis, notes)
    if values.ndim == 2:
        values = _unflattened(values, where, notes)
    values = _channels_last(values, where, notes)
    return _as_uint8(values, ends or _ends([values]) or (0.0, 0.0), notes), notes


def _samples_first(
    values: NDArray[Any], count: int, where: str, sample_axis: int | None, notes: list[str]
) -> NDArray[Any]:
    axes = [axis for axis in (0, values.ndim - 1) if values.shape[axis] == count]
    if sample_axis is not None:
        if not -values.ndim <= sample_axis < values.ndim or values.shape[sample_axis] != count:
            raise SourceError(
                f"sample_axis {sample_axis} of shape {values.shape} in {where!r} does not count {count} labels"
            )
        axes = [sample_axis % values.ndim]
    if not axes:
        raise SourceError(
            f"{where!r} has {count} labels for pictures of shape {values.shape}: one label per picture is needed"
        )
    if axes[0] == 0:
        return values
    notes.append(f"pictures lie along the last axis of {values.shape}")
    return np.moveaxis(values, axes[0], 0)


ROWS = 64
"""Pictures by which it is told how rows of colours are laid out."""


def _unflattened(values: NDArray[Any], where: str, notes: list[str]) -> NDArray[Any]:
    length = values.shape[1]
    side = math.isqrt(length)
    if side * side == length:
        notes.append(f"rows of {length} values are squares of {side}x{side}")
        return values.reshape(len(values), side, side)
    side = math.isqrt(length // 3)
    if 3 * side * side == length:
        planes, mixed = values.reshape(-1, 3, side, side), values.reshape(-1, side, side, 3)
        if _roughness(np.moveaxis(planes[:ROWS], 1, 3)) < _roughness(mixed[:ROWS]):
            notes.append(f"rows of {length} values are squares of {side}x{side}, one for each colour, as CIFAR's are")
            return np.moveaxis(planes, 1, 3)
        notes.append(f"rows of {length} values are colour squares of {side}x{side}x3")
        return mixed
    raise SourceError(
        f"pictures in {where!r} are flattened to {length} values, which is no square: save them as (N, height, width)"
    )


def _roughness(pictures: NDArray[Any]) -> float:
    """Return how much neighbouring pixels differ, on average: least where pictures are taken as they are."""
    numbers = pictures.astype(np.float64)
    return float(sum(np.abs(np.diff(numbers, axis=axis)).sum() for axis in (1, 2)))


def _channels_last(values: NDArray[Any], where: str, notes: list[str]) -> NDArray[Any]:
    if values.ndim == 4 and values.shape[3] not in (1, 3) and values.shape[1] in (1, 3):
        notes.append(f"channels lie first in {values.shape}")
        values = np.moveaxis(values, 1, 3)
    if values.ndim == 4 and values.shape[3] == 4:
        values = _over_white(values, notes)
    if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[3] not in (1, 3)) or 0 in values.shape:
        raise SourceError(
            f"pictures in {where!r} must be (N, height, width) or (N, height, width, 1 or 3 channels), "
            f"got {values.shape}"
        )
    return values


OVER_WHITE = "transparency laid over 255"
"""The note of an array whose fourth channel was taken so."""


def _over_white(values: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """Return pictures of four channels in three: bytes over white, as a classifier lays one of them, others without."""
    if values.dtype != np.uint8 or bool((values[..., 3] == 255).all()):
        notes.append("the fourth channel (alpha) is left out")
        return values[..., :3]
    notes.append(OVER_WHITE)
    out = np.empty((*values.shape[:3], 3), dtype=np.uint8)
    for at, picture in enumerate(values):
        out[at] = as_pixels(np.ascontiguousarray(picture))
    return out


def _as_uint8(values: NDArray[Any], ends: tuple[float, float], notes: list[str]) -> NDArray[np.uint8]:
    if values.dtype == bool or (values.dtype.kind in "ui" and ends[0] >= 0 and ends[1] == 1):
        notes.append("values of 0 and 1 scaled to 0 and 255")
        return np.asarray(values.astype(np.uint8) * np.uint8(255))
    if values.dtype == np.uint8:
        return values
    out = np.empty(values.shape, dtype=np.uint8)
    for start in range(0, len(values), 1024):
        out[start : start + 1024], note = scaled_to_8(values[start : start + 1024], ends=ends)
        if note not in notes:
            notes.append(note)
    return out
