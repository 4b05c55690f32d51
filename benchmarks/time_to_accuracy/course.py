"""What the course's scripts for the small grey sets share: files, split, and how long they train."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the files."""

BATCH = {"mnist": 64, "fashion-mnist": 32}
KEPT_BACK = 5_000
"""The last training pictures, kept back for validation."""


def read_idx(folder, name):
    """Return the array, uint8, of an IDX file, gzipped or not; ``name`` is without .gz."""
    path = Path(folder) / name
    content = path.read_bytes() if path.is_file() else gzip.decompress(path.with_name(f"{name}.gz").read_bytes())
    sizes = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(content[3])]
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)


def load(source, name):
    """Return training, validation and test as (pictures uint8 (N, 28, 28), labels int64)."""
    folder = FASHION if name == "fashion-mnist" and not Path(source).is_dir() else Path(source)
    pictures, labels = read_idx(folder, "train-images-idx3-ubyte"), read_idx(folder, "train-labels-idx1-ubyte")
    test = read_idx(folder, "t10k-images-idx3-ubyte"), read_idx(folder, "t10k-labels-idx1-ubyte").astype(np.int64)
    labels = labels.astype(np.int64)
    cut = len(pictures) - KEPT_BACK
    return (pictures[:cut], labels[:cut]), (pictures[cut:], labels[cut:]), test
