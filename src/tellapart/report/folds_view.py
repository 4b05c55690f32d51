"""The cross-validation of a run, as the report shows it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..errors import RunCorruptError
from ..evaluation import Figure
from ..run import Run

SHOWN = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "macro_f1": "F1", "loss": "Loss"}


@dataclasses.dataclass(frozen=True)
class FoldsView:
    """What the section shows.

    Attributes:
        folds: how many.
        pictures: held out in all.
        headings: of the figures.
        means: one a figure, with its interval.
        deviations: likewise, as text.
        each: a fold a row: pictures trained on, validated on, held out, and its figures.
    """

    folds: int
    pictures: int
    headings: tuple[str, ...]
    means: tuple[Figure, ...]
    deviations: tuple[str, ...]
    each: tuple[tuple[tuple[int, int, int], tuple[Figure, ...]], ...]


def read_folds(run: Run) -> FoldsView | None:
    """Return the cross-validation of a run; None where it has none.

    Raises:
        RunCorruptError: folds.json does not hold what it should.
    """
    if not run.has("folds.json"):
        return None
    document = run.load("folds")
    try:
        keys = [key for key in SHOWN if key in document["figures"]]
        summaries = [document["figures"][key] for key in keys]
        return FoldsView(
            int(document["folds"]), int(document["pictures"]), tuple(SHOWN[key] for key in keys),
            tuple(_mean(one) for one in summaries), tuple(_deviation(one) for one in summaries),
            tuple(
                (
                    (int(one["train"]), int(one["validation"]), int(one["held_out"])),
                    tuple(Figure.from_dict(one["figures"][key]) for key in keys),
                )
                for one in document["each"]
            ),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise RunCorruptError(f"folds.json does not hold what it should: {error!r}: train again") from error


def _mean(summary: dict[str, Any]) -> Figure:
    return Figure(
        summary["mean"], summary["low"], summary["high"], summary["count"], summary["name"], summary["unit"]
    )  # fmt: skip


def _deviation(summary: dict[str, Any]) -> str:
    if summary["deviation"] is None:
        return "–"
    return f"± {100 * summary['deviation']:.1f}" if summary["unit"] == "%" else f"± {summary['deviation']:.3f}"
