"""A quick look whether a pretrained network knows the pictures: some training pictures, cross-validated."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..defaults.preprocessing import preprocessing_of
from ..defaults.pretrained import Probed
from ..errors import DataError, UnreadableImageError
from ..features import extract
from ..images.dataset import Dataset, Images
from ..images.preprocessing import Preprocessing
from ..images.split import belonging
from ..images.stratify import balanced_sample
from ..machine import usable_processors
from ..nets import Net, build_net
from ..nets.weights import load_weights
from ..progress import TO_LOG, Progress, Quiet
from ..recipe import Recipe, TrainingRecipe
from ..runtime import choose_device
from ..training.devices import on_device
from ..training.features import embed_pixels, features_file, keep_features, keep_more, kept_features, weights_digest
from ..training.last_layer import Head, fit_head

PICTURES = 320
"""Training pictures that are looked at, at most: some seconds."""

CLASSES = 20
"""Classes that they are taken from, at most, the largest: with one picture per class nothing can be cross-validated."""

LEAST = 5
"""Training pictures that a class needs for that: one a fold."""

PLAIN = Preprocessing(image_size=(64, 64), channels=1)
"""The size at which plain edges are looked at."""


@dataclasses.dataclass(frozen=True)
class Probe:
    """What a probe found, and the features that it had computed for it.

    Attributes:
        figures: None where there are too few training pictures of each class.
        rows: (n,) positions of the pictures in the data set.
        features: float32 (n, D) of the pretrained network.
        digest: that network's ``weights_digest``.
    """

    figures: Probed | None
    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    digest: str = ""

    def keep(self, folder: Path, *, pictures: int) -> None:
        """Put the features where the training will look for those of all pictures.

        Args:
            folder: of the pixels at the pretrained network's size.
            pictures: how many the data set has.
        """
        if len(self.rows):
            keep_more(features_file(folder, self.digest), [(self.rows, self.features)], pictures=pictures)


def probe(
    dataset: Dataset,
    train: NDArray[np.int64],
    *,
    pixels: NDArray[np.uint8],
    recipe: Recipe,
    folder: Path,
    together: NDArray[np.int64] | None = None,
    progress: Progress = TO_LOG,
) -> Probe:
    """Ask how well a pretrained network's features tell training pictures apart, and how well plain edges do.

    Only labels of training pictures are looked at. The same pictures give the same answer, at once where ``folder``
    keeps the features of an earlier time.

    Args:
        dataset: all pictures.
        train: positions of those that train.
        pixels: uint8 (N, H, W, C), resized to any size.
        recipe: with a pretrained network and the data settings that suit it.
        folder: where the features are kept.
        together: (N,) numbers, equal for copies of one picture.
        progress: is told of the pictures.
    """
    rows = probed_rows(dataset.labels, train)
    if not len(rows):
        return Probe(None, rows, np.zeros((0, 0), dtype=np.float32))
    net, spec = pretrained(recipe)
    digest = weights_digest(net, spec)
    key = hashlib.blake2b(digest.encode() + rows.tobytes(), digest_size=12).hexdigest()
    file = folder / f"probe-{key}.npy"
    features = kept_features(file, len(rows))
    if features is None:
        features = _features(dataset, rows, net=net, spec=spec, training=recipe.training, progress=progress)
        keep_features(file, features)
    small = np.stack([PLAIN.resized(np.asarray(pixels[row])) for row in rows])
    edges = extract(small, "hog", jobs=usable_processors())
    classes, labels = np.unique(dataset.labels[rows], return_inverse=True)
    apart = belonging(dataset, together=together)
    groups = None if apart is None else apart[rows]

    def fitted(values: NDArray[np.float32]) -> Head:
        return fit_head(
            values, labels.astype(np.int64), classes=len(classes), groups=groups, threads=recipe.training.threads
        )

    known, plain = fitted(features), fitted(edges)
    figures = None
    if known.log_loss:
        shares = np.bincount(labels) / len(labels)
        figures = Probed(
            len(rows),
            accuracy=known.accuracy[known.penalty],
            log_loss=known.log_loss[known.penalty],
            plain_accuracy=plain.accuracy[plain.penalty],
            plain_log_loss=plain.log_loss[plain.penalty],
            chance_log_loss=-float(shares @ np.log(shares)),
        )
    return Probe(figures, rows, features, digest)


def probed_rows(labels: NDArray[np.int64], train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions of some training pictures, rising: of the largest classes, as alike in number as can be.

    Example:
        >>> labels = np.array([0] * 9 + [1] * 9 + [2])
        >>> probed_rows(labels, np.arange(2, 19))
        array([ 2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17])
    """
    counts = np.bincount(labels[train])
    largest = np.argsort(-counts, kind="stable")[:CLASSES]
    largest = largest[counts[largest] >= LEAST]
    among = np.sort(train[np.isin(labels[train], largest)])
    if len(largest) < 2:
        return among[:0]
    return among[balanced_sample(labels[among], PICTURES, seed=0)]


def pretrained(recipe: Recipe, *, progress: Progress = TO_LOG) -> tuple[Net, Preprocessing]:
    """Return the recipe's network with its published weights, and what pixels they expect."""
    size, channels = recipe.data.image_size or (224, 224), recipe.data.channels or 3
    with torch.random.fork_rng(devices=[]):  # the random weights that are replaced take nothing from the world's
        net = build_net(recipe.net.name, outputs=1000, image_size=size, channels=channels, options=recipe.net.options)
    load_weights(net, recipe.net.name, where=str(recipe.net.weights), progress=Quiet(progress, name="probe"))
    return net, preprocessing_of(recipe.data, net=recipe.net)


def _features(
    dataset: Dataset,
    rows: NDArray[np.int64],
    *,
    net: Net,
    spec: Preprocessing,
    training: TrainingRecipe,
    progress: Progress,
) -> NDArray[np.float32]:
    images = dataset.images.with_background(spec.background)
    resized = np.stack([_resized(images, row, spec=spec, id_=str(dataset.ids[row])) for row in rows.tolist()])
    with on_device(net, choose_device(training.device)):
        return embed_pixels(net, resized, spec, threads=training.threads, progress=progress)


def _resized(images: Images, row: int, *, spec: Preprocessing, id_: str) -> NDArray[np.uint8]:
    """Return one picture at the network's size; raises DataError where it can be read no more."""
    try:
        return spec.resized(images.load(row).image)
    except UnreadableImageError as error:
        raise DataError(
            f"the picture {id_!r}, which was read before, can be read no more: {error}: mend it, and try again"
        ) from error
