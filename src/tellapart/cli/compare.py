"""``tellapart compare``: what differs between runs; or every method on the same pictures, one row each."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import RecipeError, RunNotFoundError
from ..files import expanded, is_file
from ..wording import quoted
from .options import given, image_size, leaks_answer, option, pairs, recipe_of, spread

if TYPE_CHECKING:
    from ..run import Run
    from ..workflow.table import ExternalSource

NAME = "compare"

RUNS, ROWS, PICTURES, FOLDER = "Runs", "Rows of a table", "Pictures of a table", "Folder of a table"


def command(
    things: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN RUN ... | DATA", help="Two or more run folders; or one set of pictures.", show_default=False
        ),
    ] = None,
    split: Annotated[
        str | None,
        option("--split", "test, validation, out-of-fold, or an external set [test].", RUNS),
    ] = None,
    row: Annotated[
        list[str] | None,
        option("--row", "FEATURE/CLASSIFIER, FEATURE:NAME=VALUE+pca/CLASSIFIER, NET, NET:features; repeat it.", ROWS),
    ] = None,
    every: Annotated[bool, option("--every", "Every feature with every classifier.", ROWS)] = False,
    noise: Annotated[float | None, option("--noise", "Each row again with noise, such as 0.1.", ROWS)] = None,
    changed_copies: Annotated[
        int | None,
        option("--changed-copies", "Each row again with so many changed copies to train on.", ROWS, metavar="N"),
    ] = None,
    shuffled_pixels: Annotated[
        bool, option("--shuffled-pixels", "Each row again, all pixels moved by one permutation.", ROWS)
    ] = False,
    external: Annotated[
        str | None, option("--external", "An external test set: labelled pictures from elsewhere.", PICTURES)
    ] = None,
    external_group_by: Annotated[
        str | None, option("--external-group-by", "As --group-by, of the external pictures.", PICTURES)
    ] = None,
    external_option: Annotated[
        list[str] | None, option("--external-option", "As --source-option, of the external pictures.", PICTURES)
    ] = None,
    recipe: Annotated[Path | None, option("--recipe", "Start from a .toml or .json recipe.", PICTURES)] = None,
    size: Annotated[
        str | None,
        option("--image-size", "HEIGHTxWIDTH of all rows but transfer, whose networks have their own.", PICTURES),
    ] = None,
    group_by: Annotated[str | None, option("--group-by", "As in train.", PICTURES)] = None,
    source_option: Annotated[list[str] | None, option("--source-option", "As in train.", PICTURES)] = None,
    drop_leaks: Annotated[bool, option("--drop-leaks", "Take copies out of train.", PICTURES)] = False,
    allow_leaks: Annotated[bool, option("--allow-leaks", "Keep copies.", PICTURES)] = False,
    epochs: Annotated[
        int | None, option("--epochs", "At most so many for networks that train in epochs.", ROWS)
    ] = None,
    seed: Annotated[int | None, option("--seed", "Of everything random but the split [0].", ROWS)] = None,
    threads: Annotated[int | None, option("--threads", "CPU threads.", ROWS)] = None,
    out: Annotated[Path | None, option("--out", "[default: a new one below runs/]", FOLDER)] = None,
    resume: Annotated[Path | None, option("--resume", "Go on with this table.", FOLDER, metavar="TABLE")] = None,
) -> None:
    """Compare runs, with paired tests; or baselines, networks and transfer on the same pictures, one row each.

    [bold]tellapart compare RUN RUN[/] says what differs in recipes and figures.
    [bold]tellapart compare DATA[/] trains and measures a table of methods.
    """
    asked = given(
        row=row or None, every=every or None, noise=noise, changed_copies=changed_copies,
        shuffled_pixels=shuffled_pixels or None,
        external=external, external_group_by=external_group_by, external_option=external_option or None,
        recipe=recipe, image_size=size, group_by=group_by, source_option=source_option or None,
        drop_leaks=drop_leaks or None, allow_leaks=allow_leaks or None, epochs=epochs, seed=seed, threads=threads,
        out=out,
    )  # fmt: skip
    things = spread(things or [])  # a Windows shell leaves * to programs
    if resume is not None:
        _go_on(resume, [*things, *asked, *(["split"] if split is not None else [])])
    elif _are_runs(things):
        if asked:
            raise RecipeError(f"{_flags(asked)} would be ignored: that is for one set of pictures, and these are runs")
        compare_runs([expanded(thing) for thing in things], split="test" if split is None else split)
    else:
        if split is not None:
            raise RecipeError(f"--split would be ignored: it is for runs, and {things[0]!r} is none")
        _make_table(things[0], asked)


def _are_runs(things: list[str]) -> bool:
    """Say whether these are runs, not one set of pictures.

    Raises:
        RecipeError: there is nothing to compare, or runs and pictures are mixed.
        RunNotFoundError: several were given, and one is no run.
    """
    if not things:
        raise RecipeError("say what to compare: tellapart compare RUN RUN, or tellapart compare photos/")
    runs = [is_file(expanded(thing) / "recipe.json") for thing in things]
    tables = [thing for thing in things if is_file(expanded(thing) / "plan.json")]
    if tables:
        raise RecipeError(
            f"{tables[0]!r} is a table: go on with it by --resume {quoted(tables[0])}, open its table.html, or compare "
            "runs in its rows/"
        )
    if len(things) == 1:
        if runs[0]:
            raise RecipeError(
                f"{things[0]!r} is one run, and comparing needs two or more: name another run; for baselines and other "
                "networks on its pictures, name the pictures"
            )
        return False
    if not all(runs):
        stranger = things[runs.index(False)]
        if any(runs):
            raise RunNotFoundError(
                f"{stranger!r} is no run, and {things[runs.index(True)]!r} is one: give run folders alone, or one set "
                "of pictures alone"
            )
        raise RecipeError(
            f"{stranger!r} is no run, and a table is of one set of pictures: name one, with external pictures "
            "behind --external"
        )
    return True


def _flags(names: Any) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _go_on(resume: Path, others: list[str]) -> None:
    if others:
        raise RecipeError("--resume goes on with the table's own plan: give no other choices beside it")
    from ..workflow.table import resume_table
    from .progress import TerminalProgress

    show_table(*resume_table(resume, progress=TerminalProgress()))


def _make_table(source: str, asked: dict[str, Any]) -> None:
    from ..recipe import Recipe
    from ..workflow.table import TablePlan, make_table
    from .progress import TerminalProgress

    base = recipe_of(asked["recipe"]) if "recipe" in asked else Recipe()
    size, options = asked.get("image_size"), pairs(asked.get("source_option"), "--source-option", typed=False)
    leaks = leaks_answer(drop="drop_leaks" in asked, allow="allow_leaks" in asked)
    full = base.changed(
        data=given(
            source=source, image_size=None if size is None else image_size(size), group_by=asked.get("group_by"),
            source_options=options or None, leaks=leaks,
        ),
        training=given(epochs=asked.get("epochs"), seed=asked.get("seed"), threads=asked.get("threads")),
    )  # fmt: skip
    plan = TablePlan(
        full, tuple(asked.get("row", ())), every=asked.get("every", False), external=_external(asked),
        noise=asked.get("noise", 0.0), copies=asked.get("changed_copies", 0),
        shuffled_pixels=asked.get("shuffled_pixels", False),
    )  # fmt: skip
    show_table(*make_table(plan, out=asked.get("out"), progress=TerminalProgress()))


def _external(asked: dict[str, Any]) -> ExternalSource | None:
    """Return the external pictures that were asked for.

    Raises:
        RecipeError: how to read them is said, and not which they are.
    """
    from ..workflow.table import ExternalSource

    own = given(group_by=asked.get("external_group_by"), source_options=asked.get("external_option"))
    if "external" not in asked:
        if own:
            raise RecipeError("--external-group-by and --external-option are of external pictures: give --external")
        return None
    options = pairs(own.pop("source_options", None), "--external-option", typed=False)
    return ExternalSource(asked["external"], **own, source_options=options or {})


def show_table(table: Any, folder: Path) -> None:
    """Print a table and where it lies; the exit status is 1 where not one row could be made."""
    console = Console(soft_wrap=True, highlight=False, emoji=False)
    external = table.facts.get("external pictures")
    measured = table.facts["validated on"] + (f"; external pictures {external}" if external else "")
    console.print(f"[bold]macro F1 with 95% intervals, validated on {escape(measured)}[/]")
    typer.echo(str(table))
    for row in table.rows:
        if row.failed:
            console.print(f"[bold yellow]![/] {escape(row.title)} is left out: {escape(row.failed)}")
    for name in ("table.html", "table.csv", "table.json"):
        console.print(f"{name.partition('.')[2]:<6}{folder / name}", markup=False)
    if all(row.failed for row in table.rows):
        raise typer.Exit(1)


def compare_runs(runs: list[Path], *, split: str) -> None:
    """Print what differs between runs, and paired tests of the difference on the same pictures."""
    from ..evaluation import Evaluation, Predictions, compare
    from ..recipe import differences
    from ..report.contents import as_text
    from ..run import Run
    from .show import figures_table

    opened = [Run.open(path) for path in runs]
    names = _names(runs)
    documents = [_evaluations_by_split(run) for run in opened]
    for run, document in zip(opened, documents, strict=True):
        if split not in document:
            there = ", ".join(document)
            raise RecipeError(f"{run.name!r} has no figures for {split!r}: it has {there}; choose one with --split")
    found = [Evaluation.from_dict(document[split]) for document in documents]
    said = [Predictions.load(run.path / "predictions" / f"{split}.npz") for run in opened]
    compared = [  # before anything is printed: runs on other pictures cannot be compared
        compare(said[first], said[second], names=(names[first], names[second]))
        for first, second in combinations(range(len(opened)), 2)
    ]
    console = Console(soft_wrap=True, highlight=False, emoji=False)
    table = Table(title="What differs in the recipes", title_justify="left")
    for name in ("setting", *map(escape, names)):
        table.add_column(name, overflow="fold")  # on more lines, not cut off
    for setting, values in differences(*(run.recipe for run in opened)).items():
        table.add_row(setting, *(escape(as_text(value, key=setting)) for value in values))
    console.print(table if table.rows else "the recipes do not differ")
    console.print(figures_table(list(zip(names, found, strict=True)), title=f"{split}, {found[0].count:,} pictures"))
    for comparison in compared:
        console.print(escape(str(comparison)))


def _names(paths: list[Path]) -> list[str]:
    """Return the folders' names; whole paths where two are the same."""
    short = [path.resolve().name for path in paths]
    return [str(path) if short.count(name) > 1 else name for path, name in zip(paths, short, strict=True)]


def _evaluations_by_split(run: Run) -> dict[str, Any]:
    """Return the figures of a run by split, as JSON has them, those of its cross-validation among them."""
    from ..run import OUT_OF_FOLD

    splits: dict[str, Any] = dict(run.load("evaluation")["splits"])
    if run.has("folds.json"):
        splits[OUT_OF_FOLD] = run.load("folds")["evaluation"]
    return splits
