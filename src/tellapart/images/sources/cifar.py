"""CIFAR-10 and CIFAR-100, in the batches pickled by Python and in the binary format.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..dataset import Dataset
from .base import Place, source
from .labelled import Part, before_reading, from_parts

PIXELS = 3 * 32 * 32
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_TRAIN10 = tuple(f"data_batch_{i}" for i in range(1, 6))
_FILES = {
    "python": {"train": (*_TRAIN10, "train"), "test": ("test_batch", "test")},
    "binary": {"train": (*(f"{name}.bin" for name in _TRAIN10), "train.bin"), "test": ("test_batch.bin", "test.bin")},
}
_MARKS = frozenset({"data_batch_1", "test_batch", "data_batch_1.bin", "test_batch.bin"})
_NAMES = _MARKS | {"train", "meta", "train.bin", "fine_label_names.txt"}


def _claims(place: Place) -> bool:
    if not place.is_folder:
        return False
    names = {name for name in place.entries & _NAMES if (place.path / name).is_file()}
    return bool(_MARKS & names) or {"train", "meta"} <= names or {"train.bin", "fine_label_names.txt"} <= names


@source("cifar", summary="CIFAR-10 and CIFAR-100, pickled batches or binary", claims=_claims, order=31)
def cifar(place: Place) -> Dataset:
    """Open a folder with CIFAR's batches; CIFAR-100 gets its 100 fine classes."""
    pickled = any((place.path / name).is_file() for names in _FILES["python"].values() for name in names)
    binary = not pickled
    parts = []
    for split, names in _FILES["binary" if binary else "python"].items():
        for name in names:
            if (place.path / name).is_file():
                parts.append(_part(place.path / name, split, binary, place))
    batches = _FILES["binary" if binary else "python"]["train"][: len(_TRAIN10)]
    missing = [name for name in batches if not (place.path / name).is_file()]
    notes = [f"{', '.join(missing)} of the five batches are not there"] if 0 < len(missing) < len(batches) else []
    merged = [_merged([part for part in parts if part.split == split]) for split in ("train", "test")]
    names100 = _names(place.path, binary)
    found = [part for part in merged if part]
    return from_parts(found, name=place.name, where=str(place.path), class_names=names100, notes=notes)


def _merged(parts: list[Part]) -> Part | None:
    if not parts:
        return None
    files = tuple(file for part in parts for file in part.files)
    pixels = np.concatenate([part.pixels for part in parts])
    return Part(pixels, np.concatenate([part.labels for part in parts]), split=parts[0].split, files=files)


def _part(path: Path, split: str, binary: bool, place: Place) -> Part:
    files = before_reading(path)
    if binary:
        pixels, labels = _binary(path, two_labels="fine_label_names.txt" in place.entries)
    else:
        pixels, labels = _pickled(path)
    return Part(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels, split=split, files=files)


def _binary(path: Path, *, two_labels: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the rows of a binary batch; CIFAR-100 has a coarse and a fine label before each picture."""
    lead = 2 if two_labels else 1
    data = np.fromfile(path, dtype=np.uint8)
    if len(data) == 0 or len(data) % (PIXELS + lead):
        raise SourceError(f"{str(path)!r} is damaged or cut: {len(data):,} bytes are no multiple of {PIXELS + lead}")
    rows = data.reshape(-1, PIXELS + lead)
    return rows[:, lead:], rows[:, lead - 1].astype(np.int64)


def _pickled(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    batch = load_pickle(path)
    pixels = batch.get("data")
    labels = batch.get("labels", batch.get("fine_labels"))
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != 2
        or pixels.shape[1] != PIXELS
        or not isinstance(labels, list)
        or len(labels) != len(pixels)
        or not all(isinstance(label, int) for label in labels)
    ):
        raise SourceError(f"{str(path)!r} is no CIFAR batch: it must hold 'data' (N, 3072) of bytes and N 'labels'")
    return pixels, np.array(labels, dtype=np.int64)


def _names(folder: Path, binary: bool) -> tuple[str, ...]:
    texts = [folder / name for name in ("fine_label_names.txt", "batches.meta.txt")]
    for path in texts if binary else []:
        if path.is_file():
            try:
                return tuple(path.read_text(encoding="utf-8").split())
            except UnicodeDecodeError as error:
                raise SourceError(f"{str(path)!r} is damaged: its class names are no text in UTF-8: {error}") from error
    for name, key in () if binary else (("batches.meta", "label_names"), ("meta", "fine_label_names")):
        if (folder / name).is_file():
            names = load_pickle(folder / name).get(key)
            if isinstance(names, list) and all(isinstance(n, str) for n in names):
                return tuple(names)
    return CIFAR10


class _Restricted(pickle.Unpickler):
    """An unpickler that can make dicts, lists, strings, bytes, numbers and NumPy arrays, and call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        found = _ALLOWED.get((module, name))
        if found is None:
            raise SourceError(f"it asks for {module}.{name}, which CIFAR's batches never do: refused, nothing was run")
        return found


class _Type:
    """Stands in for a NumPy type, whose own state could be made to lie about its size."""

    def __init__(self, code: object, *_: object) -> None:
        plain = code.decode("ascii", "replace") if isinstance(code, bytes) else code
        if plain not in ("u1", "i4", "i8", "f4", "f8"):
            raise SourceError(f"it asks for an array of {plain!r}: only plain numbers are read")
        self.code = f"<{plain}"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in (">", b">"):
            self.code = ">" + self.code[1:]


class _Array:
    """Stands in for a NumPy array until its bytes are known, and are checked against its shape."""

    def __init__(self, *_: object) -> None:
        self.values: NDArray[Any] = np.empty(0, dtype=np.uint8)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Type):
            raise SourceError("it holds an array of an unknown kind: refused")
        _, shape, kind, fortran, data = state
        stored = data.encode("latin1") if isinstance(data, str) else data
        self.values = np.frombuffer(stored, dtype=kind.code).reshape(shape, order="F" if fortran else "C")


def _encode(text: object, encoding: object) -> bytes:
    # Bytes as pickle protocol 2 writes them: text in Latin-1.
    if not isinstance(text, str) or encoding != "latin1":
        raise SourceError("it asks for an unusual encoding: refused")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
}


def load_pickle(path: Path) -> dict[str, Any]:
    """Return the dict of a pickled batch with its keys as strings; no code of the file's can run.

    Raises:
        SourceError: it is damaged, or asks for more than dicts, lists, strings, bytes, numbers and arrays.
    """
    try:
        loaded = _Restricted(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except SourceError as error:
        raise SourceError(f"{str(path)!r} is no CIFAR batch: {error}") from error
    except Exception as error:  # a damaged pickle raises whatever its opcodes lead to
        raise SourceError(f"{str(path)!r} is a damaged CIFAR batch: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, dict):
        raise SourceError(f"{str(path)!r} is no CIFAR batch: it holds {type(loaded).__name__}, not a dict")
    return {_text(key): value.values if isinstance(value, _Array) else value for key, value in loaded.items()}


def _text(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)
