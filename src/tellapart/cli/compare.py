"""``tellapart compare``: what differs between runs, and whether it matters."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..errors import RecipeError, RunCorruptError

NAME = "compare"


def command(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders on the same pictures.")],
    split: Annotated[
        str, typer.Option("--split", help="test, validation, or the name of a set from elsewhere.")
    ] = "test",
) -> None:
    """Compare runs: their recipes, their figures, and paired tests of the difference on the same pictures."""
    from ..evaluation import Evaluation, Predictions, compare
    from ..recipe import differences
    from ..run import Run
    from .show import figures_table

    if len(runs) < 2:
        raise RecipeError(f"compare needs two runs or more, got {len(runs)}")
    opened = [Run.open(path) for path in runs]
    names = _names(runs)
    for run in opened:
        if split not in run.load("evaluation")["splits"]:
            there = ", ".join(run.load("evaluation")["splits"])
            raise RunCorruptError(f"{run.name!r} has no figures for {split!r}: it has {there}; choose one with --split")
    found = [Evaluation.from_dict(run.load("evaluation")["splits"][split]) for run in opened]
    console = Console(soft_wrap=True, highlight=False)
    table = Table("setting", *names, title="What differs in the recipes", title_justify="left")
    for setting, values in differences(*(run.recipe for run in opened)).items():
        table.add_row(setting, *(str(value) for value in values))
    console.print(table)
    console.print(figures_table(dict(zip(names, found, strict=True)), title=f"{split}, {found[0].count:,} pictures"))
    said = [Predictions.load(run.path / "predictions" / f"{split}.npz") for run in opened]
    for first, second in combinations(range(len(opened)), 2):
        console.print(str(compare(said[first], said[second], names=(names[first], names[second]))))


def _names(paths: list[Path]) -> list[str]:
    """Return the folders' names; whole paths where two are the same."""
    short = [path.resolve().name for path in paths]
    return [str(path) if short.count(name) > 1 else name for path, name in zip(paths, short, strict=True)]
