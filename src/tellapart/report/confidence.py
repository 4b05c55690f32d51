"""Confidence in the report: how sure it is where right and where wrong, for every set that was measured."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from markupsafe import Markup

from ..evaluation import Figure, Predictions, reliability
from ..evaluation.calibration import BINS, bin_of
from ..wording import counted, percent
from .charts import histogram_chart, reliability_chart
from .contents import Contents

KEYS = ("calibration_error", "calibration_error_by_chance", "brier", "loss")


@dataclasses.dataclass(frozen=True)
class ConfidenceView:
    """How sure the classifier is on one set, ready to be set.

    Attributes:
        name: of the set.
        count: its pictures.
        figures: calibration error, what chance makes of it, Brier score and negative log-likelihood.
        charts: (caption, chart): reliability diagram, histograms where right and where wrong.
        bins: (from, to, right, wrong, share right, lower end, upper end), as text, of the bins with pictures.
    """

    name: str
    count: int
    figures: tuple[Figure, ...]
    charts: tuple[tuple[str, Markup], ...]
    bins: tuple[tuple[str, ...], ...]


def confidence_views(contents: Contents) -> list[ConfidenceView]:
    """Return one view a set whose predictions were kept, that of the main set first."""
    return [
        _view(name, predictions, contents) for name, predictions in contents.predictions.items() if len(predictions)
    ]


def _view(name: str, predictions: Predictions, contents: Contents) -> ConfidenceView:
    diagram = reliability(predictions, temperature=contents.temperature)
    bins: list[dict[str, Any]] = diagram.to_dict()["bins"]
    where = bin_of(predictions.confidence(contents.temperature))
    right = predictions.correct()
    tally = {
        "right": np.bincount(where[right], minlength=BINS),
        "wrong": np.bincount(where[~right], minlength=BINS),
    }
    on = f"{name}, {counted(len(predictions), 'picture')}"
    said = f"Accuracy by confidence on {on}; calibration error {percent(diagram.error)}"
    charts = [("Accuracy by confidence", reliability_chart(bins, title="Reliability diagram", description=said))]
    for kind, counts in tally.items():
        caption = f"Confidence where it is {kind}"
        chart = histogram_chart(
            counts.tolist(), edges=np.linspace(0, 1, BINS + 1).tolist(), kind=kind, title=caption,
            description=f"{counted(int(counts.sum()), 'picture')} of {name}", x_label="confidence",
            x_format=percent,
        )  # fmt: skip
        charts.append((caption, chart))
    figures = contents.evaluations[name].figures
    rows = [
        (
            percent(one["from"]), percent(one["to"]), f"{tally['right'][at]:,}", f"{tally['wrong'][at]:,}",
            percent(one["accuracy"]), percent(one["low"]), percent(one["high"]),
        )
        for at, one in enumerate(bins)
        if one["count"]
    ]  # fmt: skip
    return ConfidenceView(
        name, len(predictions), tuple(figures[key] for key in KEYS if key in figures), tuple(charts), tuple(rows)
    )
