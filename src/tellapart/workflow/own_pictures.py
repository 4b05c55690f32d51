"""A run's own pictures, and what its network makes of them."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..classifier import Classifier
from ..evaluation import Rows
from ..images.blocks import by_block
from ..images.cache import scan
from ..images.dataset import Dataset, Splits
from ..images.kept import keep_newest, kept_array
from ..images.split_ids import from_ids, read_ids
from ..machine import usable_processors
from ..progress import TO_LOG, Progress
from ..run import Run
from ..runtime import choose_device, tuned
from ..training.devices import on_device
from ..training.features import features_file, kept_features, weights_digest
from .prepare import Prepared, check_same_pictures, open_run_source

KEPT_EMBEDDINGS = 4
"""Networks whose embeddings of the training pictures are kept beside the same pixels."""


@dataclasses.dataclass(frozen=True)
class OwnPictures:
    """The pictures that a run was made from.

    Attributes:
        dataset: all of them.
        splits: positions in it.
        pixels: uint8 (N, H, W, C), resized, memory-mapped.
        facts: (N,) rows of FACTS, memory-mapped.
        folder: where the pixels lie, and what is computed of them may be kept.
        device: to compute on.
        threads: CPU threads that the run computes with; None for all.
    """

    dataset: Dataset
    splits: Splits
    pixels: NDArray[np.uint8]
    facts: NDArray[np.void]
    folder: Path
    device: torch.device
    threads: int | None = None

    @classmethod
    def of(cls, prepared: Prepared) -> OwnPictures:
        """Return those of a run that is being made."""
        return cls(
            prepared.dataset,
            prepared.splits,
            prepared.pixels,
            prepared.facts,
            prepared.pixel_file.parent,
            choose_device(prepared.recipe.training.device),
            prepared.recipe.training.threads,
        )

    @classmethod
    def reopened(cls, run: Run, classifier: Classifier, *, progress: Progress = TO_LOG) -> OwnPictures:
        """Open those of a finished run again.

        Raises:
            DataError: they are not where they were.
            RunCorruptError: they have changed.
        """
        dataset = open_run_source(run)
        scanned = scan(dataset, classifier.preprocessing, retry=False, progress=progress)
        check_same_pictures(run, dataset, scanned)
        splits = from_ids(dataset, read_ids(run.path / "splits.json"))
        device, threads = device_here(run), threads_here(run)
        return cls(dataset, splits, scanned.pixels, scanned.facts, scanned.folder, device, threads)


def device_here(run: Run) -> torch.device:
    """Return where a finished run's network computes: it may be of another machine, with devices that are not here."""
    return choose_device("cpu" if run.recipe.training.device == "cpu" else "auto")


def threads_here(run: Run) -> int | None:
    """Return how many threads a finished run's network takes here: as many as were asked for, else all that there are.

    A run of another machine has that one's number where nobody asked; tiny pictures are the quickest with one.
    """
    threads = run.recipe.training.threads
    there = run.load("environment").get("processors") if run.has("environment.json") else None
    if threads is None or (threads > 1 and threads == there):
        return None
    return min(threads, usable_processors())


def embedded(
    own: OwnPictures,
    classifier: Classifier,
    *,
    pixels: NDArray[np.uint8],
    positions: NDArray[np.int64],
    progress: Progress = TO_LOG,
) -> NDArray[np.float32]:
    """Return what the network's last layer sees of pictures, float32 (n, D), computed where the run's own are.

    Args:
        own: the run's own pictures.
        classifier: its network.
        pixels: uint8 (N, H, W, C), resized: its own, or others.
        positions: (n,) of the pictures in them.
        progress: is told of the pictures.
    """
    out = np.empty((len(positions), _length(classifier, pixels)), dtype=np.float32)
    _embed_into(out, own, classifier, pixels=pixels, positions=positions, progress=progress)
    return out


def own_embeddings(
    own: OwnPictures, classifier: Classifier, positions: NDArray[np.int64], *, progress: Progress = TO_LOG
) -> NDArray[np.float32]:
    """Return the same of some of the run's own pictures; what transfer has kept of them already is not made twice."""
    kept = _kept_features(own, classifier, positions)
    if kept is not None:
        return kept[positions]
    return embedded(own, classifier, pixels=own.pixels, positions=positions, progress=progress)


def _kept_features(
    own: OwnPictures, classifier: Classifier, positions: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """Return a pretrained body's features of all pictures, memory-mapped, where their file has those at positions."""
    file = features_file(own.folder, weights_digest(classifier.net, classifier.preprocessing))
    features = kept_features(file, len(own.pixels))
    return None if features is None or np.isnan(features[positions, 0]).any() else features


def _length(classifier: Classifier, pixels: NDArray[np.uint8]) -> int:
    """Return how many numbers the network's last layer sees of a picture."""
    return int(classifier.embeddings(pixels[:1]).shape[1])


def _embed_into(
    out: NDArray[np.float32],
    own: OwnPictures,
    classifier: Classifier,
    *,
    pixels: NDArray[np.uint8],
    positions: NDArray[np.int64],
    progress: Progress,
) -> None:
    task = progress.task("looking at the pictures", total=len(positions))
    with tuned(own.threads), on_device(classifier.net, own.device), task:
        done = 0
        for some in by_block(pixels, positions):
            out[done : done + len(some)] = classifier.embeddings(some)
            done += len(some)
            progress.advance(len(some))


def train_embeddings(own: OwnPictures, classifier: Classifier, *, progress: Progress = TO_LOG) -> Rows:
    """Return what the network's last layer sees of the training pictures, (n, D), memory-mapped.

    They are computed once for the same weights and pictures, and kept beside the pixels; where nothing can be kept
    there, they are computed each time.
    """
    train = own.splits.train
    if (features := _kept_features(own, classifier, train)) is not None:
        return Rows(features, train)
    digest = hashlib.blake2b(weights_digest(classifier.net, classifier.preprocessing).encode(), digest_size=12)
    digest.update(train.tobytes())

    def embed(out: NDArray[np.float32]) -> None:
        _embed_into(out, own, classifier, pixels=own.pixels, positions=train, progress=progress)

    file, shape = own.folder / f"embeddings-{digest.hexdigest()}.npy", (len(train), _length(classifier, own.pixels))
    if not file.exists():
        keep_newest(own.folder, "embeddings-*.npy", count=KEPT_EMBEDDINGS - 1)
    return Rows(kept_array(file, shape=shape, dtype=np.float32, fill=embed), np.arange(len(train)))
