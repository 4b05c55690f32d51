"""Features of many pictures: in batches, on several cores, kept on disk where wished."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, RecipeError
from ..files import ARRAY_DAMAGE, whole
from ..images.cache_folder import mark_used
from ..machine import usable_processors
from .base import FeatureSpec, checked_options, features

_BATCH_VALUES = 400_000
_CACHE_VERSION = 2


@dataclasses.dataclass(frozen=True)
class Extracted:
    """A feature of some pictures.

    Attributes:
        values: float32, (N, D).
        seconds: what computing them took, also where they were found in the cache.
    """

    values: NDArray[np.float32]
    seconds: float


def extract(
    pixels: NDArray[np.uint8],
    feature: str,
    *,
    options: Mapping[str, Any] | None = None,
    jobs: int | None = None,
    cache: Path | str | None = None,
) -> NDArray[np.float32]:
    """Return a feature of every picture.

    Beside the result, the memory needed does not grow with the number of pictures; ``pixels`` may be memory-mapped.

    Args:
        pixels: uint8, (N, H, W, 1 or 3).
        feature: a registered name.
        options: what this feature alone understands, such as ``{"bins": 16}``.
        jobs: how many threads compute batches; as many as processors may be used where None.
        cache: a folder where the result is kept, under a name made from the pixels, the feature, its options and
            ``jobs``; not that of a feature that was typed at a prompt.

    Returns:
        float32, (N, D).

    Raises:
        UnknownNameError: no such feature.
        RecipeError: an option that it does not have, or out of range.
        DataError: not uint8 pictures with 1 or 3 channels, or too small for the feature.

    Example:
        >>> extract(np.zeros((3, 8, 8, 1), dtype=np.uint8), "colour-histogram", options={"bins": 4})[0].tolist()
        [1.0, 0.0, 0.0, 0.0]
    """
    return extract_timed(pixels, feature, options=options, jobs=jobs, cache=cache).values


def extract_timed(
    pixels: NDArray[np.uint8],
    feature: str,
    *,
    options: Mapping[str, Any] | None = None,
    jobs: int | None = None,
    cache: Path | str | None = None,
) -> Extracted:
    """Return a feature of every picture, and how long computing it took; the arguments are those of ``extract``.

    Example:
        >>> found = extract_timed(np.zeros((3, 8, 8, 1), dtype=np.uint8), "pixels")
        >>> found.values.shape, found.seconds > 0
        ((3, 64), True)
    """
    spec = features.get(feature)
    chosen = checked_options(spec, options)
    _check_pixels(pixels)
    jobs = usable_processors() if jobs is None else jobs
    if jobs < 1:
        raise RecipeError(f"jobs must be at least 1, got {jobs}")
    code = _code(spec)
    if cache is None or code is None or not len(pixels):
        return _timed(pixels, spec, chosen, jobs)
    # With the number of threads: it has a part in the seconds that are kept.
    path = Path(cache) / f"{feature}-{_key(pixels, spec, chosen, code=code)}-{jobs}.npz"
    kept = _load(path, len(pixels))
    if kept is None:
        kept = _timed(pixels, spec, chosen, jobs)
        _save(path, kept)
    return kept


def _timed(pixels: NDArray[np.uint8], spec: FeatureSpec, options: Mapping[str, Any], jobs: int) -> Extracted:
    started = time.perf_counter()
    values = _computed(pixels, spec, options, jobs)
    return Extracted(values, time.perf_counter() - started)


def _computed(
    pixels: NDArray[np.uint8], spec: FeatureSpec, options: Mapping[str, Any], jobs: int
) -> NDArray[np.float32]:
    # The first picture says how long a row is; without pictures a black one does.
    first = spec.compute(pixels[:1] if len(pixels) else np.zeros((1, *pixels.shape[1:]), np.uint8), **options)
    out = np.empty((len(pixels), first.shape[1]), dtype=np.float32)
    size = max(1, _BATCH_VALUES // max(int(np.prod(pixels.shape[1:])), first.shape[1]))
    starts = range(0, len(pixels), size)

    def fill(start: int) -> None:
        out[start : start + size] = spec.compute(pixels[start : start + size], **options)

    if jobs == 1 or len(starts) < 2:
        for start in starts:
            fill(start)
        return out
    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(fill, starts):
            pass
    return out


def _check_pixels(pixels: NDArray[np.uint8]) -> None:
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 4:
        got = f"{pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise DataError(f"pixels must be uint8 of shape (N, H, W, 1 or 3), got {got}: resize and stack the pictures")
    if pixels.shape[3] not in (1, 3) or 0 in pixels.shape[1:]:
        raise DataError(f"pixels must be uint8 of shape (N, H, W, 1 or 3), got shape {pixels.shape}")


def _key(pixels: NDArray[np.uint8], spec: FeatureSpec, options: Mapping[str, Any], *, code: str) -> str:
    head = json.dumps([_CACHE_VERSION, code, spec.name, sorted(options.items()), pixels.shape], default=str)
    digest = hashlib.blake2b(head.encode(), digest_size=16)
    for start in range(0, len(pixels), 1024):
        digest.update(np.ascontiguousarray(pixels[start : start + 1024]).tobytes())
    return digest.hexdigest()


def _code(spec: FeatureSpec) -> str | None:
    """Return what changes with the code of a feature of one's own; ours are told apart by ``_CACHE_VERSION``.

    None where the code was typed at a prompt: it may be another one at the next call.
    """
    if spec.compute.__module__.split(".")[0] == __name__.split(".")[0]:
        return ""
    try:
        return hashlib.blake2b(Path(inspect.getfile(spec.compute)).read_bytes(), digest_size=16).hexdigest()
    except (OSError, TypeError):
        return None


def _load(path: Path, count: int) -> Extracted | None:
    """Return the kept feature, or None where there is none or the file is damaged: it is computed anew then."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            values, seconds = kept["values"], float(kept["seconds"])
    except ARRAY_DAMAGE:
        return None
    mark_used(path)
    fits = values.ndim == 2 and len(values) == count and values.dtype == np.float32
    return Extracted(values, seconds) if fits else None


def _save(path: Path, kept: Extracted) -> None:
    """Keep a feature; where nothing can be written, as in another person's cache, it is computed anew the next time."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as beside, beside.open("wb") as file:
            np.savez(file, values=kept.values, seconds=np.float64(kept.seconds))
