"""What networks trained on ImageNet see in a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..classifier import Classifier, Description
from ..defaults.pretrained import BACKBONE
from ..errors import RecipeError, SourceNotFoundError
from ..files import expanded
from ..images.decode import as_pixels
from ..images.preprocessing import Preprocessing
from ..images.stored import read_whole
from ..nets import nets
from ..nets.weights import imagenet_classes, load_weights
from ..progress import TO_LOG, Progress
from ..runtime import tuned
from ..version import __version__
from .prediction import FileAnswer, files_of, read_in_batches

SAMPLES = (
    "astronaut", "brick", "camera", "cat", "cell", "chelsea", "clock", "coffee", "coins", "grass", "gravel", "horse",
    "hubble_deep_field", "immunohistochemistry", "logo", "microaneurysms", "moon", "page", "retina", "rocket",
    "stereo_motorcycle", "text",
)  # fmt: skip
"""Pictures that come with scikit-image and need no download, by name."""


def imagenet_classifier(name: str, *, offline: bool | None = None, progress: Progress = TO_LOG) -> Classifier:
    """Return a network with its published weights, which names 1,000 things.

    Args:
        name: a registered network with published weights.
        offline: whether a download is forbidden; ``efficientnet_lite0`` needs none. As ``TELLAPART_OFFLINE`` has it
            where None.
        progress: is told of a download.

    Raises:
        RecipeError: it has no published weights.
        ModelFileError: they cannot be had.
    """
    spec = nets.get(name)
    if spec.published is None:
        having = ", ".join(other for other, its in nets if its.published is not None)
        raise RecipeError(f"the net {name!r} has no published weights; these have: {having}")
    height, width, _ = spec.made_for
    description = Description(
        net=name,
        class_names=imagenet_classes(),
        preprocessing=Preprocessing.model_validate(
            {
                "image_size": (height, width),
                "resize": "crop",
                "resample": spec.published.resample,
                "mean": spec.published.mean,
                "std": spec.published.std,
            }
        ),
        trained_with=__version__,
    )
    net = description.build()
    load_weights(net, name, where="imagenet", offline=offline, exact=True, progress=progress)
    return Classifier(net, description)


def classify_pictures(
    pictures: Sequence[str | Path],
    *,
    names: Sequence[str] = (BACKBONE,),
    top: int = 3,
    offline: bool | None = None,
    progress: Progress = TO_LOG,
) -> Iterator[tuple[str, FileAnswer]]:
    """Name what ImageNet networks see in some pictures, network by network; one that cannot be read is passed on.

    Args:
        pictures: files, folders, or the name of a picture that comes with scikit-image: ``"chelsea"``.
        names: registered networks with published weights; all are there before any is asked.
        top: classes in each answer.
        offline: whether downloads are forbidden.
        progress: is told of downloads.

    Yields:
        the network, and what it says of a picture.

    Raises:
        SourceNotFoundError: a picture is neither.

    Example:
        >>> ((_, found),) = classify_pictures(["chelsea"], offline=True)
        >>> any("cat" in name for name, _ in found.answer.ranking)
        True
    """
    asked = [str(expanded(name)) for name in pictures]
    for name in asked:
        if name not in SAMPLES and not os.path.exists(name):  # noqa: PTH110 (a name that no system takes is none)
            raise SourceNotFoundError(
                f"there is no picture at {name!r}: give a file, a folder, or one of scikit-image's: "
                f"{', '.join(SAMPLES)}"
            )
    files = list(files_of(asked))
    nets_asked = dict.fromkeys(names)
    classifiers = {name: imagenet_classifier(name, offline=offline, progress=progress) for name in nets_asked}
    for batch in read_in_batches(files, _read):
        pictures_read = [one.pixels for one in batch if one.pixels is not None]
        for name, classifier in classifiers.items():
            with tuned():
                answers = iter(classifier.classify_all(pictures_read, top=top))
            for one in batch:
                yield name, FileAnswer(one.file, None if one.pixels is None else next(answers), one.problem)


def _read(file: str) -> NDArray[np.uint8]:
    own = file not in SAMPLES or os.path.exists(file)  # noqa: PTH110
    return as_pixels(read_whole(file) if own else sample(file))


def sample(name: str) -> NDArray[np.uint8]:
    """Return one of scikit-image's pictures, uint8 (H, W) or (H, W, 3 or 4); of two for both eyes the left one.

    Example:
        >>> sample("horse").dtype, sample("stereo_motorcycle").shape
        (dtype('uint8'), (500, 741, 3))
    """
    import skimage.data

    picture = getattr(skimage.data, name)()
    pixels = np.asarray(picture[0] if isinstance(picture, tuple) else picture)
    return 255 * pixels.astype(np.uint8) if pixels.dtype == bool else pixels
