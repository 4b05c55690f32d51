"""Results as tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..evaluation import Evaluation, Figure, Predictions, compare
from ..run import Run

SHOWN = ("accuracy", "top_5", "macro_f1", "loss", "calibration_error")


def show_run(run: Run) -> None:
    """Print a run's figures beside its baselines', and where its report lies."""
    console = Console(soft_wrap=True, highlight=False, emoji=False)
    document = run.load("evaluation")
    split = "test" if "test" in document["splits"] else "validation"
    own, net = Evaluation.from_dict(document["splits"][split]), run.recipe.net.name
    found = [(net, own)]
    for name, splits in document["baselines"].items():
        found.append((f"baseline {name}" if name == net else name, Evaluation.from_dict(splits[split])))
    console.print(figures_table(found, title=f"{split}, {own.count:,} pictures, with 95% intervals"))
    if better := better_baselines(run, split, list(document["baselines"])):
        what = (
            f"{net} is worse than {' and '.join(better)}: more time or epochs may help; the report shows how it learnt"
        )
        console.print(f"[yellow]{escape(what)}[/]")
    if run.has("folds.json"):
        _show_folds(console, run.load("folds"))
    console.print(f"model   {run.path / 'model.safetensors'}", markup=False)
    console.print(f"report  {run.path / 'report.html'}", markup=False)


def better_baselines(run: Run, split: str, baselines: Sequence[str]) -> list[str]:
    """Return which baselines are better than the network on the same pictures, by more than chance."""
    if not baselines or not run.has(f"predictions/{split}.npz"):
        return []
    own = Predictions.load(run.path / "predictions" / f"{split}.npz")
    files = {name: run.path / "baselines" / name / "predictions" / f"{split}.npz" for name in baselines}
    return [
        name
        for name, file in files.items()
        if file.is_file() and compare(Predictions.load(file), own, names=(name, "")).better == name
    ]


def _show_folds(console: Console, document: dict[str, Any]) -> None:
    """Print the cross-validation: means over the folds with their intervals."""
    head = f"cross-validation, {document['folds']} folds, {document['pictures']:,} pictures held out once each"
    console.print(f"[bold]{head}[/]")
    for key in SHOWN:
        if key in document["figures"]:
            one = document["figures"][key]
            mean = Figure(one["mean"], one["low"], one["high"], unit=one["unit"])
            spread = [Figure(value, unit=one["unit"]).short() for value in (min(one["values"]), max(one["values"]))]
            interval = f" ({100 * document['level']:g}% interval {mean.interval()})" if mean.interval() else ""
            console.print(f"  {key.replace('_', ' ')}  {mean.short()}{interval}, folds {' to '.join(spread)}")


def figures_table(found: Sequence[tuple[str, Evaluation]], *, title: str) -> Table:
    """Return a table with a column for each classifier, by name, and the majority class."""
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for name in [*(escape(name) for name, _ in found), "majority class"]:
        table.add_column(name, justify="right", overflow="fold")  # on more lines, not cut off
    _, first = found[0]
    for key in SHOWN:
        if not any(key in one.figures for _, one in found):
            continue
        cells = [_cell(one, key) for _, one in found]
        majority = first["majority_accuracy"].short() if key == "accuracy" else ""
        table.add_row(key.replace("_", " "), *cells, majority)
    return table


def _cell(found: Evaluation, key: str) -> str:
    """Return a figure with its 95% interval, short enough for three columns on a narrow terminal."""
    if key not in found.figures:
        return "–"
    return f"{found[key].short()} {found[key].interval().replace(' to ', '–')}".strip()
