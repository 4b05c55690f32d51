"""Label search: for each picture, what pictures like it are labelled, as probabilities that have not seen its label."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from ..images.dataset import strings
from .intervals import Floats
from .label_errors import LabelErrors, find_label_errors
from .neighbours import Neighbour, Neighbours, nearest
from .predictions import Predictions

VOTERS = 25
"""Pictures most like one that say what its label should be."""

SHOWN = 5
"""Of those, how many are kept as evidence."""

DIMENSIONS = 64
"""Principal components of the features between which distances are taken."""


class Components:
    """Principal components of features, found on some of them.

    Args:
        sample: (n, D) floats.
        dimensions: how many at most.

    Example:
        >>> Components([[0.0, 1.0], [0.0, 3.0], [0.1, 2.0]], dimensions=1).project([[0.0, 4.0]]).shape
        (1, 1)
    """

    def __init__(self, sample: ArrayLike, *, dimensions: int = DIMENSIONS) -> None:
        from scipy.linalg import eigh

        table = np.array(sample, dtype=np.float64)
        self.mean = table.mean(axis=0)
        table -= self.mean
        count = min(table.shape)
        # Products of the shorter side, of pictures or of features, have the same components.
        # The largest alone, which come last: all of them would take twice as long.
        wide = table.shape[1] > count
        products = table @ table.T if wide else table.T @ table
        _, vectors = eigh(products, subset_by_index=[max(0, count - dimensions), count - 1], overwrite_a=True)
        axes = table.T @ vectors if wide else vectors
        lengths = np.linalg.norm(axes, axis=0)
        kept = lengths > 1e-6 * max(lengths.max(), 1e-300)  # the others are rounding; of constant features all are
        self.axes = np.ascontiguousarray((axes[:, kept] / lengths[kept])[:, ::-1])

    def project(self, features: ArrayLike) -> NDArray[np.float32]:
        """Return (N, dimensions) float32 of (N, D)."""
        table = np.asarray(features, dtype=np.float64) - self.mean
        out: NDArray[np.float32] = (table @ self.axes).astype(np.float32)
        return out


def vote_of_neighbours(
    features: ArrayLike, labels: NDArray[np.int64], *, ids: ArrayLike, class_names: tuple[str, ...]
) -> tuple[Predictions, Neighbours]:
    """Return what the pictures most like each one are labelled, as predictions, and those pictures.

    Their votes count as far as they are right: a class has the share ``λ · votes + (1 − λ) · its share of all labels``,
    with the λ that makes the pictures' own labels most probable. Where like pictures have like labels λ is nearly 1,
    and a label without a vote is improbable; where the features say nothing it is 0, and every class has its share.

    No picture votes on itself, so that its own label does not speak. That holds where the features know nothing of
    the labels: hand-made ones, or a network that was trained on other pictures. The features of a network that was
    trained on these labels do not qualify: what it has learnt by heart lies among the pictures of its wrong label.

    Args:
        features: (N, D), at least two pictures.
        labels: (N,) int64, 0 to K − 1.
        ids: (N,) strings.
        class_names: the K names.

    Returns:
        predictions, and (N, at most 25) positions and distances, the nearest first.

    Raises:
        DataError: fewer than two pictures.

    Example:
        >>> table = [[0.0, 1.0], [0.1, 1.0], [0.2, 1.0], [1.0, 0.0]]
        >>> said, near = vote_of_neighbours(table, np.array([0, 0, 1, 1]), ids=list("abcd"), class_names=("x", "y"))
        >>> near.indices[0].tolist()
        [1, 2, 3]
    """
    table = np.asarray(features, dtype=np.float32)
    if len(table) < 2:
        raise DataError(f"a vote of neighbours needs at least two pictures, got {len(table)}")
    near = _without_itself(nearest(table, table, k=VOTERS + 1))
    votes = np.zeros((len(table), len(class_names)))
    rows = np.repeat(np.arange(len(table)), near.indices.shape[1])
    np.add.at(votes, (rows, labels[near.indices].ravel()), 1.0 / near.indices.shape[1])
    shares = (np.bincount(labels, minlength=len(class_names)) + 1) / (len(labels) + len(class_names))
    weight = _reliability(votes[np.arange(len(labels)), labels], shares[labels])
    votes *= weight
    votes += (1 - weight) * shares
    return Predictions(strings(ids), np.log(votes).astype(np.float32), labels, class_names), near


def _reliability(votes: Floats, shares: Floats) -> float:
    """Return the weight of the votes beside the classes' shares under which the labels are most probable.

    Args:
        votes: (N,) what each picture's own label has of its neighbours' votes.
        shares: (N,) that label's share of all labels.
    """
    from scipy.optimize import minimize_scalar

    def surprise(weight: float) -> float:
        return -float(np.log(weight * votes + (1 - weight) * shares).sum())

    most = len(votes) / (len(votes) + 1)  # by the rule of succession: no vote is beyond doubt
    return float(minimize_scalar(surprise, bounds=(0.0, most), method="bounded").x)


def _without_itself(near: Neighbours) -> Neighbours:
    """Return the neighbours less the picture itself; among more copies than neighbours, less the last one."""
    count, k = near.indices.shape
    itself = near.indices == np.arange(count)[:, None]
    itself[~itself.any(axis=1), -1] = True
    return Neighbours(near.indices[~itself].reshape(count, k - 1), near.distances[~itself].reshape(count, k - 1))


def search_labels(
    votes: Predictions,
    near: Neighbours,
    *,
    held_out: Mapping[str, Predictions],
    splits: NDArray[Any],
) -> LabelErrors:
    """Return the labels that are likely wrong, with their evidence.

    A picture that a network has predicted without having trained on it has the mean of that network's probabilities
    and the neighbours'; any other has the neighbours' alone.

    Args:
        votes: what ``vote_of_neighbours`` gave.
        near: likewise.
        held_out: by name, predictions of pictures that the network was not trained on, calibrated.
        splits: (N,) strings, the split of each picture.
    """
    probabilities = votes.probabilities()
    least = probabilities.min(initial=1.0)  # no network rules out more than all neighbours do: splits rank alike
    row_of = {one: row for row, one in enumerate(votes.ids.tolist())}
    for said in held_out.values():
        said = said.with_class_names(votes.class_names)
        rows = np.array([row_of.get(one, -1) for one in said.ids.tolist()], dtype=np.int64)
        known = rows >= 0
        word = np.maximum(said.probabilities()[known], least)
        probabilities[rows[known]] = (probabilities[rows[known]] + word) / 2
    both = Predictions(votes.ids, np.log(np.maximum(probabilities, 1e-12)), votes.labels, votes.class_names)
    found = find_label_errors(both)
    ids, names = votes.ids.tolist(), votes.class_names

    def neighbours(row: int) -> tuple[Neighbour, ...]:
        pairs = zip(near.indices[row, :SHOWN].tolist(), near.distances[row, :SHOWN].tolist(), strict=True)
        return tuple(Neighbour(ids[at], names[votes.labels[at]], round(distance, 4)) for at, distance in pairs)

    candidates = tuple(
        dataclasses.replace(one, split=str(splits[row_of[one.id]]), near=neighbours(row_of[one.id]))
        for one in found.candidates
    )
    return dataclasses.replace(found, candidates=candidates)
