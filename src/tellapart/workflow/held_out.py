"""What a trained network says of the validation and test pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..classifier import Classifier
from ..evaluation import Predictions
from ..images.blocks import by_block
from ..nets import Net
from ..nets.base import two_logits
from ..progress import TO_LOG, Progress
from ..recipe import PRETRAINED
from ..training.lanes import Lanes
from .copies import groups_at
from .novelty import Embedded, looked_at
from .prepare import Prepared

PREDICTED = ("validation", "test")

LogitsOf = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Gives the logits, (n, classes), of the pictures at some positions."""


def predict_splits(prepared: Prepared, wanted: Sequence[str], logits_of: LogitsOf) -> dict[str, Predictions]:
    """Return what is said of the pictures of some splits, by a function from positions to logits."""
    return {
        name: Predictions(
            ids=prepared.dataset.ids[positions],
            logits=logits_of(positions),
            labels=prepared.dataset.labels[positions],
            class_names=prepared.dataset.class_names,
            groups=groups_at(prepared.dataset, positions, family=prepared.audit.repeats.family),
        )
        for name, positions in prepared.splits.items()
        if name in wanted and len(positions)
    }


def predict_held_out(
    classifier: Classifier,
    prepared: Prepared,
    wanted: Sequence[str],
    *,
    novelty: bool = True,
    progress: Progress = TO_LOG,
) -> tuple[dict[str, Predictions], Embedded | None]:
    """Return what a network says of some splits after its training in epochs.

    Args:
        classifier: on the device to compute on.
        prepared: the pictures.
        wanted: the splits' names.
        novelty: whether that is learnt, too.
        progress: is told of the pictures.

    Returns:
        the predictions, and what gives the embeddings that novelty is learnt from, where those were seen in passing.
    """
    if prepared.recipe.training.transfer not in PRETRAINED:
        return predict_splits(prepared, wanted, lambda at: _logits_at(classifier, prepared.pixels, at)), None
    kept = np.unique(np.concatenate(looked_at(prepared))) if novelty else np.zeros(0, dtype=np.int64)
    logits_of, embedded = _looked_at_once(classifier.net, prepared, wanted, kept=kept, progress=progress)
    return predict_splits(prepared, wanted, logits_of), embedded


def _logits_at(classifier: Classifier, pixels: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return a classifier's logits, float32 (n, classes), of the pictures at some positions, read a few at a time."""
    return np.concatenate([classifier.logits(some) for some in by_block(pixels, positions)])


def _looked_at_once(
    net: Net, prepared: Prepared, wanted: Sequence[str], *, kept: NDArray[np.int64], progress: Progress
) -> tuple[LogitsOf, Embedded]:
    """Look at the pictures of some splits, and at those that novelty is learnt from, as features are looked at.

    Args:
        net: of the classifier.
        prepared: the pictures.
        wanted: the splits' names.
        kept: positions, sorted, of the pictures whose embeddings are wanted.
        progress: is told of the pictures.

    Returns:
        what gives the logits of pictures of those splits, and what gives the embeddings.
    """
    rows = np.unique(np.concatenate([kept, *(prepared.splits[name] for name in wanted)]))
    place, logits, embeddings = next(net.parameters()).device, [], []
    threads = prepared.recipe.training.threads
    with (
        progress.task("looking at the pictures", total=len(rows)),
        Lanes(net, prepared.preprocessing, threads=threads) as lanes,
        torch.inference_mode(),
    ):
        done = 0
        for part in lanes.over(prepared.pixels, rows):
            logits.append(two_logits(net.classify(torch.from_numpy(part).to(place))).float().cpu().numpy())
            embeddings.append(part[np.isin(rows[done : done + len(part)], kept)])
            done += len(part)
            progress.advance(len(part))
    said, seen = np.concatenate(logits), np.concatenate(embeddings)
    return lambda at: said[np.searchsorted(rows, at)], lambda at: seen[np.searchsorted(kept, at)]
