"""``tellapart evaluate``: a run's figures, on its own test set or on external pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..commands import to_resume, to_retrain
from ..errors import RecipeError
from ..wording import percent, printable
from .evaluation_tables import Tables
from .options import json_text, pairs, share

if TYPE_CHECKING:
    from ..evaluation import Evaluation
    from ..run import Run

NAME = "evaluate"


def command(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    pictures: Annotated[
        str | None, typer.Argument(help="Other labelled pictures; classes are matched by name.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
    mistakes: Annotated[
        Path | None, typer.Option("--mistakes", help="Write the wrong pictures to this CSV.", show_default=False)
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions", help="Write each picture's label and probabilities to this CSV.", show_default=False
        ),
    ] = None,
    confusion: Annotated[
        Path | None,
        typer.Option("--confusion", help="Write the confusion matrix to this CSV.", show_default=False),
    ] = None,
    abstain_at: Annotated[
        str | None,
        typer.Option(
            "--abstain-at",
            metavar="SHARE",
            help="Answer “not sure” so that at most this share of answers is wrong on validation, such as 1%.",
            show_default=False,
        ),
    ] = None,
    classes_below: Annotated[
        str | None,
        typer.Option(
            "--classes-below",
            metavar="SHARE",
            help="List the classes with a lower recall, such as 50%.",
            show_default=False,
        ),
    ] = None,
    label_errors: Annotated[
        Path | None,
        typer.Option(
            "--label-errors",
            metavar="CSV",
            help="Look for wrong labels among the run's own pictures; write a list to mend, for train --labels.",
            show_default=False,
        ),
    ] = None,
    label_folds: Annotated[
        int | None,
        typer.Option(
            "--label-folds",
            min=2,
            help="Judge training pictures, too: train so many times, each without a part of them.",
            show_default=False,
        ),
    ] = None,
    group_by: Annotated[str | None, typer.Option("--group-by", help="As in train.", show_default=False)] = None,
    source_option: Annotated[
        list[str] | None, typer.Option("--source-option", metavar="NAME=VALUE", help="As in train.", show_default=False)
    ] = None,
    unknown: Annotated[
        Literal["leave-out", "wrong"] | None,
        typer.Option(
            "--unknown",
            help="What becomes of pictures of classes that the model does not know [leave-out].",
            show_default=False,
        ),
    ] = None,
    only_present: Annotated[
        bool, typer.Option("--only-present", help="Answer only with classes that occur in PICTURES.")
    ] = False,
    drop_copies: Annotated[
        bool,
        typer.Option("--drop-copies", help="Leave out PICTURES that are copies of training or validation pictures."),
    ] = False,
) -> None:
    """Show how good a run is, with counts and 95% intervals, class by class."""
    from ..evaluation import Evaluation
    from ..run import Run
    from .progress import TerminalProgress

    below = None if classes_below is None else share(classes_below, "--classes-below")
    max_error = None if abstain_at is None else share(abstain_at, "--abstain-at")
    if label_folds is not None and label_errors is None:
        raise RecipeError("--label-folds would be ignored without --label-errors: give both")
    if only_present and abstain_at is not None:
        raise RecipeError(
            "--abstain-at contradicts --only-present: its threshold is chosen on the validation pictures, where every "
            "class may be the answer: give one of them"
        )
    opened = Run.open(run)
    tables = Tables(mistakes=mistakes, predictions=predictions, confusion=confusion, label_errors=label_errors)
    tables.check(opened)
    if label_errors is not None:
        from ..workflow.label_errors import check_list

        check_list(opened, label_errors)
    if pictures is None:
        if unknown or only_present or drop_copies or group_by or source_option:
            raise RecipeError(
                "--unknown, --only-present, --drop-copies, --group-by and --source-option need other pictures: "
                "give some"
            )
        splits = opened.load("evaluation")["splits"]
        name = "test" if "test" in splits else "validation"
        found = Evaluation.from_dict(splits[name])
        typer.echo(json_text({"split": name, **found.to_dict()}, indent=1) if as_json else _shown(f"{name}: {found}"))
        if name == "validation":
            typer.echo(_why_validation(opened), err=True)
    else:
        from ..workflow import Scoring, evaluate_external

        scoring = Scoring(unknown or "leave-out", only_present, drop_copies)
        options = pairs(source_option, "--source-option", typed=False)
        beside = evaluate_external(
            opened, pictures, group_by=group_by, source_options=options, scoring=scoring, progress=TerminalProgress()
        )
        found, name = beside.evaluation, beside.name
        typer.echo(f"report  {opened.path / f'report-{name}.html'}", err=True)
        typer.echo(json_text(beside.to_dict(), indent=1) if as_json else _shown(str(beside)))
    if below is not None:
        _say_classes(found, below=below, quiet=as_json)
    tables.write(opened, name, found)
    if max_error is not None:  # last, as it writes into the run
        _say_threshold(opened, name, max_error, temperature=found.temperature, quiet=as_json)
    if label_errors is not None:
        _look_for_label_errors(opened, label_errors, folds=label_folds, quiet=as_json)


def _shown(text: str) -> str:
    """Return lines as a terminal may be given them, whatever a class or a file is called."""
    return "\n".join(map(printable, text.split("\n")))


def _why_validation(run: Run) -> str:
    """Say why the figures are those of the validation pictures."""
    from ..images.split_ids import read_ids

    if len(read_ids(run.path / "splits.json").get("test", ())):
        return f"the test pictures have not been looked at yet: {to_resume(run.path)}"
    return "there are no test pictures; choices were made by these, which flatters a little"


def _say_classes(found: Evaluation, *, below: float, quiet: bool) -> None:
    """Print the classes of which less than a share is recognised."""
    from ..evaluation import lowest_recall_classes

    listed = lowest_recall_classes(found, below=below)
    typer.echo(f"{len(listed)} of {len(found.classes)} classes below {percent(below)}", err=quiet)
    for one in listed:
        typer.echo(f"  {printable(one.name)}: {one.recall}", err=quiet)


def _look_for_label_errors(run: Run, path: Path, *, folds: int | None, quiet: bool) -> None:
    """Look for wrong labels and write the list to mend."""
    from ..workflow import mend_list
    from .progress import TerminalProgress

    found = mend_list(run, path, folds=folds, progress=TerminalProgress())
    typer.echo(f"labels: {found}", err=quiet)
    again = to_retrain(str(run.path), str(path))
    typer.echo(f"written to {path}: fill in its column “label”, then {again}", err=quiet)


def _say_threshold(run: Run, name: str, max_error: float, *, temperature: float, quiet: bool) -> None:
    """Print the confidence that keeps mistakes rare on validation, and what the same one gives on the set itself."""
    from ..evaluation import Predictions, error_at
    from ..workflow.abstention import find_threshold, keep_threshold

    threshold = find_threshold(run.path, max_error=max_error, temperature=temperature)
    typer.echo(f"validation: {threshold}", err=quiet)
    if threshold.confidence is not None and name != "validation":
        predictions = Predictions.load(run.path / "predictions" / f"{name}.npz")
        coverage, error = error_at(predictions, threshold.confidence, temperature=temperature)
        typer.echo(f"{name}: answers {coverage}, of which {error} are wrong", err=quiet)
    keep_threshold(run, threshold)
