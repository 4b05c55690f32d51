"""Features: what a pretrained network's last layer sees of each picture, computed once and kept beside the pixels."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..files import whole
from ..images.cache_folder import mark_used
from ..images.kept import keep_newest
from ..images.preprocessing import Preprocessing
from ..nets import Net
from ..progress import TO_LOG, Progress
from ..version import __version__
from .lanes import Lanes

KEPT = 8
"""Networks, or versions of one, whose features of the same pictures stay."""


def embed_pixels(
    net: Net,
    pixels: NDArray[np.uint8],
    preprocessing: Preprocessing,
    *,
    rows: NDArray[np.int64] | None = None,
    cache: Path | None = None,
    threads: int | None = None,
    progress: Progress = TO_LOG,
) -> NDArray[np.float32]:
    """Return what the network's last layer sees of each picture, float32 (N, D), memory-mapped where it is kept.

    Args:
        net: left as it is, and used on its device.
        pixels: uint8 (N, H, W, C), resized.
        preprocessing: from them to the network's input.
        rows: which pictures are looked at; all N where None. The rows of others are not numbers, or what the cache has.
        cache: a file that keeps what was computed; its name must tell weights and pictures apart. None for no cache.
        threads: CPU threads; all usable processors where None.
        progress: is told of each batch.
    """
    wanted = np.arange(len(pixels)) if rows is None else rows
    features = None if cache is None else kept_features(cache, len(pixels))
    missing = wanted if features is None else wanted[np.isnan(features[wanted, 0])]
    if len(missing):
        features = None if features is None else np.array(features)  # the file's own are not to be written to
        done = 0
        try:
            for part in _embed(net, pixels, preprocessing, rows=missing, threads=threads, progress=progress):
                if features is None:
                    features = np.full((len(pixels), part.shape[1]), np.nan, dtype=np.float32)
                features[missing[done : done + len(part)]] = part
                done += len(part)
        finally:  # what a person stopped, or an error, goes on from here the next time
            if cache is not None and features is not None and done:
                features = keep_features(cache, features)
    return np.zeros((len(pixels), 0), dtype=np.float32) if features is None else features


def _embed(
    net: Net,
    pixels: NDArray[np.uint8],
    preprocessing: Preprocessing,
    *,
    rows: NDArray[np.int64],
    threads: int | None,
    progress: Progress,
) -> Iterator[NDArray[np.float32]]:
    with progress.task("looking at the pictures", total=len(rows)), Lanes(net, preprocessing, threads=threads) as lanes:
        for part in lanes.over(pixels, rows):
            yield part
            progress.advance(len(part))


def kept_features(file: Path, n: int) -> NDArray[np.float32] | None:
    """Return the features (n, D) that a file keeps, memory-mapped; not numbers where none was computed.

    None where there is no such file, or not of so many pictures.
    """
    try:
        features: NDArray[np.float32] = np.load(file, mmap_mode="r")
    except (OSError, EOFError, ValueError):
        return None
    if features.ndim != 2 or len(features) != n or not features.shape[1]:
        return None
    mark_used(file)
    return features


def keep_features(file: Path, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Write features to a file, whole or not at all; not numbers stand for pictures that were not looked at.

    Where nothing can be written, as in another person's cache or on a full disk, they are computed anew the next time.

    Returns:
        the same, memory-mapped where they are kept.
    """
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as beside, beside.open("wb") as opened:
            np.save(opened, features)
        keep_newest(file.parent, "features-*.npy", count=KEPT)
        kept = kept_features(file, len(features))
        return features if kept is None else kept
    return features


def keep_more(file: Path, parts: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]], *, pictures: int) -> None:
    """Put the features of some pictures into a file, beside those that it keeps of the others.

    Args:
        file: it need not be there.
        parts: which pictures (n,), and the features of them (n, D); taken one by one.
        pictures: how many there are in all.
    """
    kept, more = kept_features(file, pictures), False
    for rows, features in parts:
        if kept is None:
            kept = np.full((pictures, features.shape[1]), np.nan, dtype=np.float32)
        elif not more:
            kept = np.array(kept)  # the file's own are not to be written to
        kept[rows], more = features, True
    if kept is not None and more:
        keep_features(file, kept)


def weights_digest(net: Net, preprocessing: Preprocessing) -> str:
    """Return a hex string that changes with the body's code and weights and with the preprocessing, not with the heads.

    Of our own networks the version of tellapart stands for the code, of another one its file.
    """
    made = f"{net.made_as} {preprocessing.model_dump_json()} torch {torch.__version__} {_code(net)}"
    digest = hashlib.blake2b(made.encode(), digest_size=12)
    stages = net.stages()
    heads = [stages[name] for name in ("auxiliary", "head") if name in stages]
    head = {id(tensor) for stage in heads for tensor in stage.state_dict(keep_vars=True).values()}
    for name, tensor in sorted(net.state_dict(keep_vars=True).items()):
        if id(tensor) not in head:
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _code(net: Net) -> str:
    if type(net).__module__.startswith("tellapart."):
        return __version__
    with contextlib.suppress(OSError, TypeError):  # typed at a prompt
        return hashlib.blake2b(Path(inspect.getfile(type(net))).read_bytes(), digest_size=16).hexdigest()
    return ""


def features_file(folder: Path, digest: str) -> Path:
    """Return where a network's features of a folder's pixels are kept, by its ``weights_digest``."""
    return folder / f"features-{digest}.npy"
