"""``tellapart evaluate``: a run's figures, on its own test set or on pictures from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import share

if TYPE_CHECKING:
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
    abstain_at: Annotated[
        str | None,
        typer.Option(
            "--abstain-at", metavar="SHARE", help="Answer only so often wrong, such as 1%.", show_default=False
        ),
    ] = None,
    group_by: Annotated[str | None, typer.Option("--group-by", help="As in train.", show_default=False)] = None,
) -> None:
    """Show how good a run is, with counts and 95% intervals, class by class."""
    from ..evaluation import Evaluation, Predictions, find_mistakes, write_mistakes
    from ..run import Run
    from .progress import TerminalProgress

    opened = Run.open(run)
    name = "test" if opened.has("predictions/test.npz") else "validation"
    if pictures is None:
        found = Evaluation.from_dict(opened.load("evaluation")["splits"][name])
    else:
        from ..report import write_report
        from ..workflow import evaluate_elsewhere

        found, name = evaluate_elsewhere(opened, pictures, group_by=group_by, progress=TerminalProgress())
        write_report(opened)
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=1) if as_json else str(found))
    if abstain_at is not None:
        _say_threshold(opened, name, share(abstain_at, "--abstain-at"), temperature=found.temperature)
    if mistakes is not None:
        predictions = Predictions.load(opened.path / "predictions" / f"{name}.npz")
        write_mistakes(find_mistakes(predictions, temperature=found.temperature), mistakes)
        typer.echo(f"mistakes written to {mistakes}", err=True)


def _say_threshold(run: Run, name: str, max_error: float, *, temperature: float) -> None:
    """Print the confidence that keeps mistakes rare on validation, and what the same one gives on the set itself."""
    from ..evaluation import Predictions, error_at, threshold_for_error

    validation = Predictions.load(run.path / "predictions" / "validation.npz")
    threshold = threshold_for_error(validation, max_error=max_error, temperature=temperature)
    typer.echo(f"validation: {threshold}")
    if threshold.confidence is not None and name != "validation":
        predictions = Predictions.load(run.path / "predictions" / f"{name}.npz")
        coverage, error = error_at(predictions, threshold.confidence, temperature=temperature)
        typer.echo(f"{name}: answers {coverage}, of which {error} are wrong")
