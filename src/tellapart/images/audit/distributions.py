"""Distributions: how many pictures each class has, and how large, bright and varied they are."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from ..dataset import BLOCK, Dataset, Splits

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
    columns = ((name, facts[name][seen].astype(np.float64)) for name in MEASURES)
    return {name: _distribution(values, MEASURES[name]) for name, values in columns} if seen.any() else {}


def _distribution(values: NDArray[np.float64], unit: str) -> Distribution:
    """Return the distribution of values; their order is lost."""
    counts, edges = np.histogram(values, bins=BINS)
    levels = np.quantile(values, QUANTILES, overwrite_input=True)
    return Distribution(unit, dict(zip(QUANTILES, levels.tolist(), strict=True)), edges, counts.astype(np.int64))


def modes(facts: NDArray[np.void]) -> dict[str, int]:
    """Return how many pictures are stored in each of Pillow's modes, the most frequent first."""
    counts: Counter[str] = Counter()
    for start in range(0, len(facts), BLOCK):
        rows = slice(start, start + BLOCK)
        names, some = np.unique(facts["mode"][rows][facts["readable"][rows]], return_counts=True)
        counts.update({name.decode(): count for name, count in zip(names.tolist(), some.tolist(), strict=True)})
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def class_counts(dataset: Dataset, splits: Splits | None) -> dict[str, dict[str, int]]:
    """Return pictures a split and a class, zero included; ``"all"`` counts every labelled picture."""
    size = len(dataset.class_names)
    parts = {"all": dataset.labels}
    if splits is not None:
        parts |= {name: dataset.labels[positions] for name, positions in dict(splits).items()}
    counts = {name: np.bincount(labels + 1, minlength=size + 1)[1:] for name, labels in parts.items()}
    return {name: dict(zip(dataset.class_names, some.tolist(), strict=True)) for name, some in counts.items()}
