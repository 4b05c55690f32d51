"""Distributions: how many pictures each class has, and how large, bright and varied they are."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset, Splits

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BINS = 30
MEASURES = {"width": "pixels", "height": "pixels", "brightness": "grey levels", "contrast": "grey levels"}


@dataclasses.dataclass(frozen=True)
class Distribution:
    """How one measure is distributed over the readable pictures.

    Attributes:
        unit: of the values.
        quantiles: the value at each of 0, 5, 25, 50, 75, 95 and 100%, by share.
        edges: (B + 1,) limits of the histogram's bins.
        counts: (B,) pictures in each bin.
    """

    unit: str
    quantiles: dict[float, float]
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "unit": self.unit,
            "quantiles": {f"{share:g}": round(value, 3) for share, value in self.quantiles.items()},
            "edges": [round(float(edge), 3) for edge in self.edges],
            "counts": self.counts.tolist(),
        }


def distributions(facts: NDArray[np.void]) -> dict[str, Distribution]:
    """Return the distribution of each measure, by name; empty where no picture can be read."""
    seen = facts["readable"]
    # A column at a time: a copy of all the rows would be 308 bytes a picture.
    return {name: _distribution(facts[name][seen], unit) for name, unit in MEASURES.items()} if seen.any() else {}


def _distribution(values: NDArray[np.generic], unit: str) -> Distribution:
    numbers = values.astype(np.float64)
    counts, edges = np.histogram(numbers, bins=BINS)
    levels = np.quantile(numbers, QUANTILES)
    return Distribution(unit, dict(zip(QUANTILES, levels.tolist(), strict=True)), edges, counts.astype(np.int64))


def modes(facts: NDArray[np.void]) -> dict[str, int]:
    """Return how many pictures are stored in each of Pillow's modes, the most frequent first."""
    names, counts = np.unique(facts["mode"][facts["readable"]], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {names[i].decode(): int(counts[i]) for i in order}


def class_counts(dataset: Dataset, splits: Splits | None) -> dict[str, dict[str, int]]:
    """Return pictures a split and a class, zero included; ``"all"`` counts every labelled picture."""
    size = len(dataset.class_names)
    parts = {"all": np.flatnonzero(dataset.labels >= 0)} | (dict(splits) if splits is not None else {})
    out = {}
    for name, positions in parts.items():
        labels = dataset.labels[positions]
        counts = np.bincount(labels[labels >= 0], minlength=size)
        out[name] = dict(zip(dataset.class_names, counts.tolist(), strict=True))
    return out
