"""Fashion-MNIST as Debian packages it: 70,000 articles of clothing, 28×28 grey.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset", 2017.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import SourceNotFoundError
from ..dataset import Dataset
from .base import source
from .idx import read_idx
from .labelled import Part, before_reading, from_parts

FOLDER = Path("/usr/share/datasets/fashion-mnist")
CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@source("fashion-mnist", summary="70,000 articles of clothing of 28×28, from Debian's dataset-fashion-mnist")
def fashion_mnist() -> Dataset:
    """Open Fashion-MNIST with its class names; raises SourceNotFoundError where it is not installed."""
    parts = []
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = (_file(f"{prefix}-{name}-ubyte") for name in ("images-idx3", "labels-idx1"))
        files = before_reading(images, labels)
        parts.append(Part(read_idx(images), read_idx(labels), split=split, files=files))
    return from_parts(parts, name="fashion-mnist", where=str(FOLDER), class_names=CLASS_NAMES)


def _file(name: str) -> Path:
    for path in (FOLDER / f"{name}.gz", FOLDER / name):
        if path.is_file():
            return path
    raise SourceNotFoundError(
        f"Fashion-MNIST is not installed: {str(FOLDER / name)!r} does not exist: run 'apt-get install "
        "dataset-fashion-mnist', or give the folder that holds its four IDX files"
    )
