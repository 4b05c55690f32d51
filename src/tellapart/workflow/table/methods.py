"""Methods: what a row of the table is learnt by, and the names by which a person asks for one."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from ...defaults.pretrained import BACKBONE
from ...errors import DataError, RecipeError
from ...features import build_pipeline, classifiers, extract, features, split_name
from ...nets import nets
from ...registry import typed_value

Transfer = Literal["features", "frozen", "finetune"]

MAJORITY = "majority-class"

CLASSICAL = (
    "colour-histogram/random-forest",
    "pixels/logistic-regression",
    "pixels/nearest-neighbours",
    "pixels/random-forest",
    "pixels+pca/svm-rbf",
    "gabor/svm-rbf",
    "hog/svm-linear",
    "hog+pca/svm-rbf",
)
"""The classical rows of a table for which no rows were named: every feature, and every classifier, at least once."""

BLANK = np.zeros((1, 64, 64, 3), dtype=np.uint8)
"""A picture on which options are tried."""

WITH_PCA = ("pixels", "pooled-pixels", "colour-histogram", "hog", "gabor")

QUADRATIC = ("svm-rbf", "nearest-neighbours")
"""Classifiers whose time grows with the square of the pictures."""

TOO_MANY = 20_000
"""Training pictures above which those are left out unless asked for."""

TOO_MANY_TO_TRANSFER = 5_000
"""Pictures above which transfer is left out unless asked for, where they are no photographs."""


@dataclasses.dataclass(frozen=True)
class Method:
    """What a row is learnt by.

    Attributes:
        name: as a person writes it: ``"hog+pca/svm-rbf"``, ``"compact"``, ``"efficientnet_lite0:features"``.
        kind: "majority class", "classical", "from scratch" or "transfer".
        feature: of a classical row, with ``+pca`` where it has that.
        classifier: of a classical row.
        feature_options: what that feature alone understands.
        classifier_options: likewise.
        net: of a network's row.
        transfer: "none", or the way of transfer.
    """

    name: str
    kind: Literal["majority class", "classical", "from scratch", "transfer"]
    feature: str = ""
    classifier: str = ""
    feature_options: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    classifier_options: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    net: str = ""
    transfer: Literal["none"] | Transfer = "none"

    @property
    def slug(self) -> str:
        """The name as a folder may be called."""
        return re.sub(r"[^\w+=.]+", "-", self.name).strip("-.")


def parse_method(text: str) -> Method:
    """Read a row's name.

    Args:
        text: ``FEATURE/CLASSIFIER``, ``FEATURE+pca/CLASSIFIER``, a network (trained from scratch),
            ``NETWORK:features``, ``:frozen`` or ``:finetune`` (transfer), or ``majority-class``. Options of a feature
            or a classifier stand behind a colon: ``colour-histogram:bins=8/svm-rbf``.

    Raises:
        UnknownNameError: no such feature, classifier or network.
        RecipeError: it is none of these, or there is no such option, or its value is out of range.

    Example:
        >>> parse_method("hog+pca/svm-rbf").kind, parse_method("efficientnet_lite0:features").transfer
        ('classical', 'features')
        >>> parse_method("colour-histogram:bins=8/svm-rbf").feature_options
        {'bins': 8}
    """
    if text == MAJORITY:
        return Method(text, "majority class")
    feature, slash, classifier = text.partition("/")
    if slash:
        return _classical(text, feature, classifier)
    if split_name(text)[0] in features:
        raise RecipeError(f"a feature needs a classifier behind a slash, such as '{text}/svm-rbf', got {text!r}")
    net, colon, transfer = text.partition(":")
    spec = nets.get(net)
    if not colon:
        return Method(text, "from scratch", net=net)
    for known in get_args(Transfer):
        if transfer == known:
            if spec.published is None:
                raise RecipeError(f"the net {net!r} has no published weights to transfer: ask for {net!r} alone")
            return Method(text, "transfer", net=net, transfer=known)
    raise RecipeError(f"behind a network stands :features, :frozen or :finetune, got {text!r}")


def _classical(text: str, feature: str, classifier: str) -> Method:
    described, with_pca = split_name(feature)
    feature, feature_options = _with_options(described)
    classifier, classifier_options = _with_options(classifier)
    features.get(feature)
    classifiers.get(classifier)
    if feature_options or classifier_options:  # values, too: a table is stopped before its first row, not at its last
        build_pipeline(feature, classifier, feature_options=feature_options, classifier_options=classifier_options)
        with contextlib.suppress(DataError):  # whether the pictures are large enough is seen when they are read
            extract(BLANK, feature, options=feature_options)
    return Method(
        text,
        "classical",
        feature=f"{feature}+pca" if with_pca else feature,
        classifier=classifier,
        feature_options=feature_options,
        classifier_options=classifier_options,
    )


def _with_options(text: str) -> tuple[str, dict[str, Any]]:
    """Return a name and the options behind its colon."""
    name, colon, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in rest.split(",") if colon else ():
        key, _, value = part.partition("=")
        if not key or not value:
            raise RecipeError(f"behind {name!r} and a colon stands NAME=VALUE, several with commas, got {rest!r}")
        options[key] = typed_value(value)
    return name, options


def default_methods(*, scratch: str, pictures: int, training: int, photographs: bool) -> tuple[list[Method], list[str]]:
    """Return the rows of a table for which none were named, and what was left out and why.

    Args:
        scratch: the network that is trained from scratch.
        pictures: how many there are in all.
        training: how many train.
        photographs: whether they look like photographs.
    """
    names, notes = [MAJORITY, *CLASSICAL, scratch], []
    if training > TOO_MANY:
        names = [name for name in names if not name.endswith(QUADRATIC)]
        notes.append(
            f"rows with {' and '.join(QUADRATIC)} are left out: their time grows with the square of the {training:,} "
            "training pictures; ask for them with --row"
        )
    if photographs or pictures <= TOO_MANY_TO_TRANSFER:
        names.append(f"{BACKBONE}:features")
    else:
        notes.append(
            f"transfer is left out: {pictures:,} pictures that are no photographs take it long; ask for it with "
            f"--row {BACKBONE}:features"
        )
    return [parse_method(name) for name in names], notes


def every_method(*, scratch: str) -> list[Method]:
    """Return every registered feature, alone and with PCA, with every classifier; then the networks of the defaults."""
    pairs = [
        f"{feature}{pca}/{classifier}"
        for feature in features.names()
        for pca in (("", "+pca") if feature in WITH_PCA else ("",))
        for classifier in classifiers.names()
    ]
    return [parse_method(name) for name in (MAJORITY, *pairs, scratch, f"{BACKBONE}:features")]
