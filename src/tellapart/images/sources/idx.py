"""IDX files, the format of MNIST: a folder of them, or one file of pictures with its labels beside it.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..dataset import Dataset
from ..folders import is_clutter
from .base import Place, source
from .labelled import Part, before_reading, from_parts
from .tree import split_in

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_IMAGES = re.compile(r"(?P<split>.*?)[-_.]?images[-_.]?(?:idx3)?(?P<rest>.*)", re.IGNORECASE)
MAX_BYTES = 2**35


def _claims(place: Place) -> bool:
    if place.is_folder:
        return bool(_images_in(place))
    if place.head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(place.path) as file:
                return _is_magic(file.read(4))
        except (OSError, EOFError, zlib.error):
            return "idx" in place.path.name.lower()
    return _is_magic(place.head[:4])


def _is_magic(start: bytes) -> bool:
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in _TYPES and 1 <= start[3] <= 4


def _is_images_name(name: str) -> bool:
    lower = name.lower().removesuffix(".gz")
    return "images" in lower and (lower.endswith(("ubyte", ".idx", ".idx3")) or "idx3" in lower)


def _images_in(place: Place) -> list[Path]:
    """Return the files of pictures in a folder, or in folders there that are named as the file in them (Kaggle)."""
    named = [place.path / name for name in sorted(place.entries) if _is_images_name(name) and not is_clutter(name)]
    return [path for one in named for path in (one, one / one.name) if path.is_file()]


@source("idx", summary="IDX files as MNIST has them, gzipped or not", claims=_claims, order=30)
def idx(place: Place) -> Dataset:
    """Open a folder with the IDX files of one or both splits, or one pair given by its file of pictures."""
    if place.is_folder:
        # Once where it lies there gzipped and not, or under two spellings.
        pairs = {re.sub(r"[._]", "-", images.name.removesuffix(".gz")): images for images in _images_in(place)}
        parts = [_pair(images, place) for images in pairs.values()]
    else:
        if not _is_images_name(place.path.name):
            raise SourceError(
                f"{str(place.path)!r} is an IDX file, but its name does not say that it holds images: give the file "
                "named …images-idx3-ubyte or the folder that holds it and its labels"
            )
        parts = [_pair(place.path, place)]
    return from_parts(parts, name=place.name, where=str(place.path))


def _pair(images: Path, place: Place) -> Part:
    said = _IMAGES.match(images.name)
    prefix = said["split"] if said else ""
    split = "test" if prefix.lower() == "t10k" else split_in(prefix)
    labels = _labels_beside(images)
    files = before_reading(images, labels)
    return Part(read_idx(images), read_idx(labels), split=split, files=files)


def _labels_beside(images: Path) -> Path:
    plain = re.sub("images", lambda m: "labels" if m[0].islower() else "Labels", images.name, flags=re.IGNORECASE)
    plain = plain.replace("idx3", "idx1").removesuffix(".gz")
    for name in (plain, plain + ".gz"):
        for beside in (Path(name), Path(name, name), Path("..", name, name)):
            if (images.parent / beside).is_file():
                return images.parent / beside
    raise SourceError(f"{str(images)!r} has no labels beside it: expected {plain!r} or {plain + '.gz'!r}")


def read_idx(path: Path) -> NDArray[Any]:
    """Return the array of an IDX file, gzipped or not.

    Raises:
        SourceError: it is damaged, cut, or says more than it holds.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            start = file.read(4)
            if not _is_magic(start):
                raise SourceError(f"{str(path)!r} is no IDX file: it begins with the bytes {start.hex(' ')}")
            sizes = file.read(4 * start[3])
            shape = tuple(int(n) for n in np.frombuffer(sizes[: len(sizes) // 4 * 4], dtype=">u4"))
            dtype = np.dtype(_TYPES[start[2]])
            wanted = dtype.itemsize * int(np.prod([float(n) for n in shape]))
            if len(shape) != start[3] or wanted > MAX_BYTES:
                raise SourceError(f"{str(path)!r} is a damaged IDX file: its header claims the shape {shape}")
            data = file.read(wanted + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{str(path)!r} is a damaged or cut gzip file: {error}") from error
    if len(data) != wanted:
        more = "more" if len(data) > wanted else "fewer"
        raise SourceError(f"{str(path)!r} holds {more} bytes than the {wanted:,} of its shape {shape}: it is damaged")
    array = np.frombuffer(data, dtype=dtype).reshape(shape)
    return array if dtype.itemsize == 1 else array.astype(dtype.newbyteorder("="))
