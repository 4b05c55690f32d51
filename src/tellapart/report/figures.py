"""Figures for notebooks, drawn by Matplotlib: curves, confusion matrix, reliability diagram.

None of them touches Matplotlib's global state: each is a figure of its own, outside pyplot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, RunCorruptError
from ..evaluation import Evaluation, Predictions, reliability
from ..run import Run
from .fonts import choose_fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, OWN, SECOND, WRONG = "#1f2226", "#565b61", "#1d5f86", "#b07a1a", "#ab3a22"
NUMBERED = 30
"""Classes up to which each cell of the confusion matrix shows its count."""


def curves_figure(run: Run) -> Figure:
    """Draw loss and accuracy by epoch; a dotted line marks the best epoch.

    Args:
        run: with at least one epoch.

    Raises:
        DataError: it was not trained in epochs, as each picture was seen once.
        RunCorruptError: it was not trained yet.
    """
    history = run.history
    if not history and run.has("training.json"):
        diverged = run.load("training").get("stopped") == "diverged"
        why = "diverged in its first epoch" if diverged else "saw each picture once"
        raise DataError(f"the run {str(run.path)!r} {why}, and has no epochs to draw")
    if not history:
        raise RunCorruptError(f"the run {str(run.path)!r} has no epoch to draw: train it first")
    best = run.load("training").get("best_epoch") if run.has("training.json") else None
    epochs = [record["epoch"] for record in history]
    with _style():
        figure = _new_figure((9.0, 3.4))
        for axes, key in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for split, colour in (("train", SECOND), ("validation", OWN)):
                values = [record[f"{split}_{key}"] for record in history]
                axes.plot(epochs, values, color=colour, marker="o", markersize=3, label=split)
            _dress(axes, title=f"{key} by epoch", x="epoch", y=key)
            if best is not None:
                axes.axvline(best, color=INK, linestyle=":", linewidth=1)
                axes.annotate(
                    f" best: {best or 'the start'}", (best, 1), xycoords=("data", "axes fraction"), va="top", fontsize=8
                )
        axes.legend(frameon=False)
    return figure


def confusion_figure(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix, each row as shares of its class; class names in any script.

    Args:
        evaluation: of any set of pictures. A sign of a name that no installed font has is drawn as its code, and said
            in the log.
    """
    fonts = choose_fonts(evaluation.class_names)
    labels = [_shortened(fonts.drawable(name)) for name in evaluation.class_names]
    counts = evaluation.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(labels)
    side = float(np.clip(0.36 * size, 3.2, 14.0))
    text_size = float(np.clip(60 * side / size, 3.0, 10.0))
    with _style():
        figure = _new_figure((side + 1.6, side + 1.2))
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks(range(size), labels, rotation=90)
        axes.set_yticks(range(size), labels)
        for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
            label.set(fontfamily=list(fonts.families), fontsize=text_size, parse_math=False)
        if size <= NUMBERED:
            _numbers(axes, counts, shares=shares, size=text_size)
        axes.tick_params(length=0)
        axes.set(
            xlabel="predicted class", ylabel="true class", title=f"confusion matrix, {evaluation.count:,} pictures"
        )
    return figure


def reliability_figure(predictions: Predictions, *, temperature: float = 1.0) -> Figure:
    """Draw how often a classifier is right, by how sure it is, with 95% intervals; the diagonal is perfect.

    Args:
        predictions: labelled pictures count, others do not.
        temperature: what the logits are divided by.
    """
    diagram = reliability(predictions, temperature=temperature)
    there = diagram.counts > 0
    x, y = diagram.confidence[there], diagram.accuracy[there]
    reach = np.abs(np.stack([y - diagram.low[there], diagram.high[there] - y]))
    with _style():
        figure = _new_figure((4.6, 4.4))
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1)
        axes.errorbar(x, y, yerr=reach, color=OWN, fmt="o", markersize=5, elinewidth=1)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        _dress(axes, title=f"calibration error {diagram.error:.1%}", x="confidence", y="accuracy")
    return figure


def _numbers(axes: Axes, counts: Any, *, shares: Any, size: float) -> None:
    for row, column in np.argwhere(counts > 0):
        colour = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=size * 0.9)


def _shortened(name: str, *, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _dress(axes: Axes, *, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dedad2", linewidth=0.6)
    axes.set_axisbelow(True)


def _new_figure(inches: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def _style() -> Iterator[None]:
    """Span the drawing with our settings; Matplotlib's own come back."""
    import matplotlib

    settings: Any = {
        "font.size": 9, "axes.titlesize": 10, "axes.edgecolor": SOFT, "text.color": INK, "axes.labelcolor": SOFT,
        "xtick.color": SOFT, "ytick.color": SOFT, "text.parse_math": False,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield
