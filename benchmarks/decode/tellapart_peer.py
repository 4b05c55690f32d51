"""tellapart's decoding, resizing and cache on a folder of pictures; the cache is empty, or full where asked."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.result import say
from tellapart.images import Preprocessing, open_dataset
from tellapart.images.cache import scan
from tellapart.images.sources.base import sources


def decode(folder: Path, cache: Path, resample: str) -> NDArray[np.uint8]:
    """Return all pictures of a folder at 80×60 grey."""
    spec = Preprocessing.model_validate(
        {"image_size": (80, 60), "channels": 1, "resize": "stretch", "resample": resample}
    )
    return scan(open_dataset(str(folder)), spec, folder=cache).pixels


def main() -> None:
    """Decode once, or look the pixels up in a cache that an earlier process filled."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, help="kept between processes; empty and removed at the end where missing")
    parser.add_argument("--resample", default="bilinear", help="the filter; what train takes where nothing is said")
    options = parser.parse_args()
    sources.names()  # imports the formats: what is imported is in the process's time, not in the decoding's
    with tempfile.TemporaryDirectory() as empty:
        start = time.perf_counter()
        pixels = decode(options.folder, options.cache or Path(empty), options.resample)
        seconds = time.perf_counter() - start
        mean = float(pixels.mean())  # of all sides after the clock has stopped
    count = len(pixels)
    figures = {"decode_s": seconds, "images_per_s": count / seconds, "pictures": count, "mean_pixel": mean}
    versions = {name: version(name) for name in ("tellapart", "pillow", "numpy")}
    say(figures=figures, versions=versions, notes=f"{os.cpu_count()} processes at most")


if __name__ == "__main__":
    main()
