"""SVHN's cropped digits: ``train_32x32.mat`` and ``test_32x32.mat``, one of them or the folder that holds both.

Source: Y. Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import SourceError
from ..dataset import Dataset
from .base import Place, source
from .labelled import Part, before_reading, from_parts
from .tree import split_in


def _claims(place: Place) -> bool:
    if place.is_folder:
        return any(name.endswith("_32x32.mat") for name in place.entries)
    return place.suffix == ".mat"


@source("svhn", summary="SVHN's cropped digits, *_32x32.mat", claims=_claims, order=32)
def svhn(place: Place) -> Dataset:
    """Open SVHN's MATLAB files; their label 10 is the digit 0."""
    if not place.is_folder:
        paths = [place.path]
    else:
        paths = sorted(place.path / n for n in place.entries if n in ("train_32x32.mat", "test_32x32.mat"))
        paths = paths or sorted(place.path / n for n in place.entries if n.endswith("_32x32.mat"))
    extra = place.path / "extra_32x32.mat"
    left_out = extra.name in place.entries and extra not in paths
    notes = [f"{extra.name} is left out: name it to open it"] if left_out else []
    return from_parts([_part(path) for path in paths], name=place.name, where=str(place.path), notes=notes)


def _part(path: Path) -> Part:
    from scipy.io import loadmat

    files = before_reading(path)
    try:
        found = loadmat(path, variable_names=("X", "y"))
    except Exception as error:  # scipy raises whatever a damaged or newer (HDF5) file leads to
        raise SourceError(
            f"{str(path)!r} cannot be read as a MATLAB file of version 4 to 7.2: {error}: save it by 'save -v7'"
        ) from error
    if "X" not in found or "y" not in found:
        has = ", ".join(key for key in found if not key.startswith("__")) or "nothing of the kind"
        raise SourceError(f"{str(path)!r} must hold X (32, 32, 3, N) and y (N, 1) as SVHN does, got {has}")
    pixels, labels = found["X"], np.asarray(found["y"]).reshape(-1)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != len(labels):
        raise SourceError(
            f"{str(path)!r} must hold X as bytes of shape (32, 32, 3, N) with N labels, got {pixels.dtype} of shape "
            f"{pixels.shape} with {len(labels)} labels"
        )
    from_one_to_ten = labels.min(initial=1) >= 1 and labels.max(initial=0) == 10
    digits = np.where(labels == 10, 0, labels) if from_one_to_ten else labels
    return Part(np.ascontiguousarray(np.moveaxis(pixels, 3, 0)), digits, split_in(path.stem.split("_")[0]), files)
