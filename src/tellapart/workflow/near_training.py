"""The training pictures nearest to each mistake: found at the end of a training, and for external sets."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..classifier import Classifier
from ..evaluation import Predictions, Rows, find_near_training, nearest
from ..images.dataset import Splits
from ..progress import TO_LOG, Progress
from ..run import Run
from .own_pictures import OwnPictures, embedded, own_embeddings, train_embeddings

SCALE = 1000
"""Held-out pictures whose distance to their nearest training picture says what is usual."""

SAMPLES = (128, 512)
"""Pictures by which the time is estimated: what the second take longer than the first is without what each look costs
once."""

NEAR_MISTAKES = 2000
"""Mistakes of a set whose nearest training pictures are looked for, the surest ones: more than a report shows."""


@dataclasses.dataclass(frozen=True, eq=False)
class EmbeddingSpace:
    """Where a network puts a run's own pictures: what is near to a mistake is looked for in it.

    Attributes:
        own: the run's own pictures.
        classifier: its network.
        known: the embeddings of those that train.
        usual: (n,) distances of held-out pictures to their nearest training picture.
    """

    own: OwnPictures
    classifier: Classifier
    known: Rows
    usual: NDArray[np.float64]

    @classmethod
    def of(cls, own: OwnPictures, classifier: Classifier, *, progress: Progress = TO_LOG) -> EmbeddingSpace:
        """Look at all training pictures, and at some held-out ones."""
        known = train_embeddings(own, classifier, progress=progress)
        held = own.splits.validation
        scale = held[np.linspace(0, len(held) - 1, min(SCALE, len(held))).astype(np.int64)]
        return cls(own, classifier, known, nearest(known, own_embeddings(own, classifier, scale), k=1).distances[:, 0])


def keep_near_training(
    run: Run,
    space: EmbeddingSpace,
    *,
    name: str,
    predictions: Predictions,
    pixels: NDArray[np.uint8],
    positions: NDArray[np.int64],
) -> None:
    """Find the training pictures nearest to each mistake of a set, and keep them in ``near/<name>.npz`` of the run.

    Args:
        run: the run.
        space: of its own pictures.
        name: of the set.
        predictions: n pictures.
        pixels: uint8 (N, H, W, C), resized.
        positions: (n,) of the pictures in ``pixels``.
    """
    own, wrong = space.own, surest_mistakes(predictions, most=NEAR_MISTAKES)
    train = own.splits.train
    found = find_near_training(
        space.known,
        embedded(own, space.classifier, pixels=pixels, positions=positions[wrong]),
        ids=predictions.ids[wrong],
        train_ids=own.dataset.ids[train],
        train_labels=np.asarray(own.dataset.class_names)[own.dataset.labels[train]],
        usual=space.usual,
    )
    run.write(f"near/{name}.npz", found.save)


def near_training_seconds(
    own: OwnPictures, classifier: Classifier, predictions: Mapping[str, Predictions], *, within: float = math.inf
) -> float:
    """Return about how long it takes for what was said of the run's own held-out splits, by some training pictures.

    Args:
        own: the run's own pictures.
        classifier: its network.
        predictions: by split.
        within: the seconds that there are: infinity is returned as soon as these clearly do not suffice.
    """
    few, more = (own.splits.train[:sample] for sample in SAMPLES)
    taken, looks = list[float](), looks_to_explain(own.splits)
    for some in (few, few, more):  # the first warms up, and takes twice as long
        if within <= 0 or (taken and min(taken) * looks / len(few) > 4 * within):
            return math.inf
        started = time.perf_counter()
        own_embeddings(own, classifier, some)
        taken.append(time.perf_counter() - started)
    each = max(0.0, taken[2] - taken[1]) / (len(more) - len(few)) if len(more) > len(few) else taken[1] / len(few)
    return taken[1] + looks * each + pairing_seconds(own, predictions)


def looks_to_explain(splits: Splits) -> int:
    """Return how many pictures the network looks at for it: the training pictures, and held-out ones for the scale."""
    return len(splits.train) + SCALE


def pairing_seconds(own: OwnPictures, predictions: Mapping[str, Predictions] | None = None) -> float:
    """Return about how long the distances take: 11 ns a pair.

    Args:
        own: the run's own pictures.
        predictions: by held-out split; where they are not there yet, a tenth of the pictures is taken to be mistaken.
    """
    held_out = [len(positions) for name, positions in own.splits.items() if name != "train"]
    wrong = [count // 10 for count in held_out]
    if predictions is not None:
        wrong = [int(np.count_nonzero(~said.correct() & (said.labels >= 0))) for said in predictions.values()]
    asked = min(SCALE, max(held_out)) + sum(min(NEAR_MISTAKES, count) for count in wrong)
    return 11e-9 * asked * len(own.splits.train)


def surest_mistakes(predictions: Predictions, *, most: int) -> NDArray[np.int64]:
    """Return the positions of the mistakes, sorted; of more than ``most`` the surest."""
    wrong = np.flatnonzero(~predictions.correct() & (predictions.labels >= 0))
    if len(wrong) <= most:
        return wrong
    confidence = predictions.select(wrong).confidence()
    return np.sort(wrong[np.argsort(-confidence, kind="stable")[:most]])


def keep_own_near_training(
    run: Run,
    own: OwnPictures,
    classifier: Classifier,
    predictions: Mapping[str, Predictions],
    *,
    progress: Progress = TO_LOG,
) -> None:
    """Do so for the run's own held-out splits."""
    space = EmbeddingSpace.of(own, classifier, progress=progress)
    for name, said in predictions.items():
        keep_near_training(run, space, name=name, predictions=said, pixels=own.pixels, positions=own.splits[name])
