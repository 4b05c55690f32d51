"""Novelty: a score for pictures unlike anything in training, small enough to live in the model file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .images.stratify import balanced_sample

REFERENCES = 1024
"""Training pictures that are kept at most."""

SHARE, LEAST_BYTES = 8, 1 << 16
"""They may take an eighth of the network's bytes, or 64 KiB where that is more."""

FALSE_ALARMS = 0.01
"""The share of pictures of the known kind that may be called unlike anything in training."""

QUANTILES = 201
"""Numbers that the scores of held-out pictures are kept in, where there are more."""

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Novelty:
    """What the last layer saw of some training pictures; how far away a picture lies from them is its score.

    Only directions count: the score is the distance between vectors of length 1 to the nearest training picture, 0
    (the same) to 2 (opposite).

    Attributes:
        references: (R, D) int8, directions of training pictures.
        held_out: (Q,) float32, rising: the scores of validation pictures, or 201 quantiles of more.
        count: how many validation pictures those are.

    Source: Y. Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022.

    Example:
        >>> train, validation = np.eye(3), np.array([[1.0, 0.1, 0.0], [0.0, 1.0, 0.2]])
        >>> novelty = Novelty.fit(train, [0, 1, 2], held_out=validation)
        >>> (novelty.relative([[1.0, 0.0, 0.05], [1.0, 1.0, 1.0]]) > 1).tolist()
        [False, True]
    """

    references: NDArray[np.int8]
    held_out: NDArray[np.float32]
    count: int

    def __post_init__(self) -> None:
        fits = self.references.ndim == 2 and self.references.size and self.references.dtype == np.int8
        kept = self.held_out.ndim == 1 and self.held_out.size and bool((np.diff(self.held_out) >= 0).all())
        if not fits or not kept or not np.isfinite(self.held_out).all() or self.count < 1:
            raise DataError(
                "a novelty score needs int8 references (R, D), rising finite scores and a count, got "
                f"{self.references.dtype} {self.references.shape}, {self.held_out.shape} and {self.count}"
            )

    @classmethod
    def fit(
        cls, train: Any, labels: Any, *, held_out: Any, network_bytes: int = 0, seed: int = 0
    ) -> Novelty:  # fmt: skip
        """Keep the directions of some training pictures, as many of each class as there is room for.

        Args:
            train: (N, D) floats, what the last layer sees of the training pictures.
            labels: (N,) their classes.
            held_out: (M, D) likewise, of validation pictures.
            network_bytes: the size of the network, which the room depends on.
            seed: of the choice.

        Raises:
            DataError: there are no pictures of one of the two.
        """
        train = np.asarray(train, dtype=np.float32)
        if not len(train):
            raise DataError("a novelty score needs training pictures, got none")
        room = max(LEAST_BYTES, network_bytes // SHARE) // max(1, train.shape[1])
        chosen = balanced_sample(np.asarray(labels), min(REFERENCES, max(1, room)), seed=seed)
        directions = unit(train[chosen])
        largest = np.maximum(np.abs(directions).max(axis=1, keepdims=True), 1e-30)
        references = np.rint(directions * (127 / largest)).astype(np.int8)
        scores = _nearest(references, held_out)
        if not len(scores):
            raise DataError("a novelty score needs held-out pictures, got none: give validation pictures")
        kept = np.sort(scores)
        if len(kept) > QUANTILES:
            kept = np.quantile(kept, np.linspace(0, 1, QUANTILES), method="higher")
        return cls(references, kept.astype(np.float32), len(scores))

    @property
    def limit(self) -> float:
        """The score that about one in a hundred pictures of the known kind exceeds.

        Fewer than a hundred held-out pictures cannot show that: it is then their largest score and the distance
        between their quartiles above it.
        """
        if self.count < 1 / FALSE_ALARMS:
            low, high = np.quantile(self.held_out, [0.25, 0.75])
            return float(self.held_out[-1] + high - low)
        return float(np.quantile(self.held_out, 1 - FALSE_ALARMS, method="higher"))

    def scores(self, embeddings: Any) -> Floats:
        """Return (N,) scores of (N, D) embeddings: the larger, the stranger.

        Raises:
            DataError: the embeddings have other columns than the references.
        """
        return _nearest(self.references, embeddings)

    def relative(self, embeddings: Any) -> Floats:
        """Return (N,) scores in units of ``limit``: above 1 is unlike anything in training."""
        return self.in_limits(self.scores(embeddings))

    def in_limits(self, scores: Floats) -> Floats:
        """Return scores in units of ``limit``."""
        out: Floats = scores / max(self.limit, 1e-6)
        return out

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a model file keeps; ``from_arrays`` gives the same back."""
        return {"references": self.references, "held_out": self.held_out, "count": np.array([self.count])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Novelty:
        """Return what ``to_arrays`` gave.

        Raises:
            DataError: a part is missing, or not what it should be.
        """
        if set(arrays) != {"references", "held_out", "count"} or arrays["count"].shape != (1,):
            raise DataError(f"a novelty score needs references, held_out and count, got {', '.join(sorted(arrays))}")
        return cls(arrays["references"], arrays["held_out"], int(arrays["count"][0]))


def unit(table: Any) -> NDArray[np.float32]:
    """Return the rows at length 1; a row of zeros stays so."""
    rows = np.asarray(table, dtype=np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    out: NDArray[np.float32] = (rows / np.maximum(lengths, 1e-30)[:, None]).astype(np.float32)
    return out


def _nearest(references: NDArray[np.int8], embeddings: Any) -> Floats:
    asked = np.asarray(embeddings, dtype=np.float32)
    if asked.ndim != 2 or asked.shape[1] != references.shape[1]:
        raise DataError(f"embeddings must have {references.shape[1]} columns, as the references, got {asked.shape}")
    known = unit(references).T
    step = max(1, (1 << 22) // known.shape[1])
    cosines = [(unit(asked[start : start + step]) @ known).max(axis=1) for start in range(0, len(asked), step)]
    cosine = np.concatenate(cosines).astype(np.float64) if cosines else np.zeros(0)
    out: Floats = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    return out
