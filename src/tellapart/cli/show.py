"""Results as tables on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ..evaluation import Evaluation
from ..run import Run

SHOWN = ("accuracy", "top_5", "macro_f1", "loss", "calibration_error")


def show_run(run: Run) -> None:
    """Print a run's figures beside its baselines', and where its report lies."""
    console = Console(soft_wrap=True, highlight=False)
    document = run.load("evaluation")
    split = "test" if "test" in document["splits"] else "validation"
    found = {run.recipe.net.name: Evaluation.from_dict(document["splits"][split])}
    for name, splits in document["baselines"].items():
        found[name] = Evaluation.from_dict(splits[split])
    console.print(figures_table(found, title=f"{split}, {found[run.recipe.net.name].count:,} pictures"))
    console.print(f"model   {run.path / 'model.safetensors'}")
    console.print(f"report  {run.path / 'report.html'}")


def figures_table(found: dict[str, Evaluation], *, title: str) -> Table:
    """Return a table with a column for each classifier and the majority class."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for name in found:
        table.add_column(name, justify="right")
    table.add_column("majority class", justify="right")
    first = next(iter(found.values()))
    for key in SHOWN:
        if not any(key in one.figures for one in found.values()):
            continue
        cells = [one[key].short() + " " + one[key].interval() if key in one.figures else "–" for one in found.values()]
        majority = first["majority_accuracy"].short() if key == "accuracy" else ""
        table.add_row(key.replace("_", " "), *cells, majority)
    return table
