"""Arrays that are made once of the pictures in a cache folder, and kept beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ..files import reserve, whole


def kept_array(
    file: Path, *, shape: tuple[int, ...], dtype: Any, fill: Callable[[NDArray[Any]], object]
) -> NDArray[Any]:
    """Return an array, memory-mapped from the file that keeps it, and made first where there is none that fits.

    Rows go to the file as they are made, so that a million of them do not fill the memory. Where nothing can be
    written, as in another person's cache or on a full disk, the array is made in memory, each time.

    Args:
        file: whose name tells what it was made of.
        shape: of the array.
        dtype: of its numbers.
        fill: writes all of them into an empty array.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "ones.npy"
        >>> made = kept_array(file, shape=(2, 3), dtype=np.uint8, fill=lambda out: out.fill(1))
        >>> int(made.sum()), file.exists()
        (6, True)
    """
    with contextlib.suppress(OSError, EOFError, ValueError):  # none yet, or damaged: made anew
        kept: NDArray[Any] = np.load(file, mmap_mode="r")
        if kept.shape == shape and kept.dtype == dtype:
            return kept
    with contextlib.suppress(OSError):
        with whole(file) as beside:
            out = open_memmap(beside, "w+", dtype=dtype, shape=shape)
            reserve(beside)
            fill(out)
            out.flush()
            del out
        found: NDArray[Any] = np.load(file, mmap_mode="r")
        return found
    in_memory: NDArray[Any] = np.empty(shape, dtype=dtype)
    fill(in_memory)
    return in_memory


def keep_newest(folder: Path, pattern: str, *, count: int) -> None:
    """Remove files of a cache folder whose names fit a pattern, but for those that were written last.

    Args:
        folder: it may be missing, or another person's.
        pattern: as in ``Path.glob``.
        count: how many stay.
    """
    with contextlib.suppress(OSError):
        files = sorted(folder.glob(pattern), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[count:]:
            file.unlink()
