"""Models that other programs made, as classifiers."""

from __future__ import annotations

from pathlib import Path

from ..classifier import Classifier, Description
from ..files import expanded
from ..images.preprocessing import Preprocessing
from ..nets.weights.teachable_machine import read_export
from ..version import __version__


def import_model(path: str | Path) -> Classifier:
    """Return a Teachable Machine image model as a classifier that gives the same probabilities.

    Pictures are prepared as in the program that comes with the export: the middle square, resized to 224×224 by
    Lanczos' filter, and x / 127.5 − 1.

    Args:
        path: the folder or the zip that Teachable Machine exports as "Tensorflow, Keras", or its ``keras_model.h5``
            with ``labels.txt`` beside it.

    Raises:
        ModelFileError: a file is missing or damaged, the network is another one, or labels and classes do not match.

    Example:
        >>> import_model("keras_export.zip")
        Traceback (most recent call last):
        tellapart.errors.ModelFileError: there is no export at 'keras_export.zip': give the folder or the zip
    """
    export = read_export(expanded(path))
    half = (0.5, 0.5, 0.5)
    description = Description(
        net="teachable_machine",
        options=export.options,
        class_names=export.class_names,
        preprocessing=Preprocessing(image_size=(224, 224), resize="crop", resample="lanczos", mean=half, std=half),
        trained_with=f"Teachable Machine, read by tellapart {__version__}",
    )
    net = description.build()
    net.load_state_dict(export.tensors)
    return Classifier(net, description)
