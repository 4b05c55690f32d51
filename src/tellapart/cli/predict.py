"""``tellapart predict``: names with probabilities."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RecipeError, UnwritableError
from ..files import expanded, is_file, write_whole
from ..wording import printable, sureness
from .options import json_text, share, spread

if TYPE_CHECKING:
    from ..classifier import Answer
    from ..workflow.prediction import FileAnswer

NAME = "predict"

COLUMNS = ("file", "name", "probability", "sure", "novelty", "unlike", "problem")


def command(
    run: Annotated[Path, typer.Argument(help="A run folder or a .safetensors model.")],
    pictures: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    top: Annotated[
        int | None,
        typer.Option(
            "--top", min=1, help="Classes to show for each picture, 3 if not given; not in a table.", show_default=False
        ),
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A table, safe for spreadsheets.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write that table to a file.", show_default=False)
    ] = None,
) -> None:
    """Classify pictures. Those that cannot be read are named with the reason, and the exit status is then 1."""
    from ..classifier import Classifier
    from ..evaluation import csv_bytes
    from ..workflow import predict

    if as_json and as_csv:
        raise RecipeError("--json and --csv contradict each other: give one of them")
    if out is not None and (as_json or as_csv):
        raise RecipeError(f"--out writes a table, and {'--json' if as_json else '--csv'} prints: give one of them")
    as_csv = as_csv or out is not None
    if as_csv and top is not None:
        raise RecipeError(
            "--top would be ignored in a table, which has one class a picture: drop it, or give --json in place of "
            f"{'--csv' if out is None else '--out'}"
        )
    if out is not None:
        from ..evaluation.spreadsheet import check_replaceable

        check_replaceable(out, COLUMNS)
    max_error = None if abstain_at is None else share(abstain_at, "--abstain-at")
    classifier = Classifier.load(run)
    threshold = None if max_error is None else _threshold(run, max_error, classifier.description.temperature)
    written = io.StringIO(newline="")
    table = csv.writer(sys.stdout if out is None else written, lineterminator="\n") if as_csv else None
    bad = 0
    try:
        for number, found in enumerate(predict(classifier, spread(pictures), top=top or 3, threshold=threshold)):
            if table and not number:  # after what was asked for was found to be there
                table.writerow(COLUMNS)
            if found.answer is None:
                bad += 1
                typer.echo(f"{printable(found.file)}: {printable(found.problem)}", err=True)
            if table:
                table.writerow(_row(found))
            elif as_json:
                typer.echo(json_text(_record(found)))
            elif found.answer:
                typer.echo(printable(_sentence(found.file, found.answer, sure=found.sure)))
    except BaseException:
        if out is not None and written.tell():
            with contextlib.suppress(UnwritableError):  # what stopped it is more worth saying
                kept = _free_beside(out) if is_file(expanded(out)) else out  # a whole table is not replaced by a part
                write_whole(kept, csv_bytes(written.getvalue()))
                typer.echo(f"stopped: the answers so far are in {str(kept)!r}", err=True)
        raise
    if out is not None:
        _keep(out, csv_bytes(written.getvalue()))
    if bad:
        raise typer.Exit(1)


def _keep(out: Path, content: bytes) -> None:
    """Write a table, beside its place where a spreadsheet holds that meanwhile."""
    try:
        write_whole(out, content)
    except UnwritableError as error:
        beside = _free_beside(out)
        write_whole(beside, content)
        typer.echo(f"{error}: the table is in {str(beside)!r}", err=True)


def _free_beside(out: Path) -> Path:
    """Return a name beside a file's that nothing has: names-2.csv."""
    names = (out.with_stem(f"{out.stem}-{number}") for number in itertools.count(2))
    return next(name for name in names if not expanded(name).exists())


def _threshold(run: Path, max_error: float, temperature: float) -> float:
    """Return the confidence from which answers are sure, and say what it costs."""
    from ..workflow.abstention import find_threshold

    threshold = find_threshold(run, max_error=max_error, temperature=temperature)
    typer.echo(f"on the validation pictures: {threshold}", err=True)
    return math.inf if threshold.confidence is None else threshold.confidence


def _record(found: FileAnswer) -> dict[str, Any]:
    answer = found.answer
    return {
        "file": found.file,
        "name": answer.name if answer else None,
        "probability": answer.probability if answer else None,
        "ranking": dict(answer.ranking) if answer else {},
        "sure": found.sure,
        "novelty": answer.novelty if answer else None,
        "unlike": answer.unlike if answer and answer.novelty is not None else None,
        "problem": found.problem or None,
    }


def _row(found: FileAnswer) -> list[str]:
    """Return the cells of ``COLUMNS``; what is not known is empty."""
    from ..evaluation import spreadsheet_safe

    def cell(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.6f}" if isinstance(value, float) else spreadsheet_safe(value or "")

    record = _record(found)
    return [cell(record[column]) for column in COLUMNS]


def _sentence(file: str, answer: Answer, *, sure: bool | None) -> str:
    shown = ", ".join(f"{label} {sureness(part)}" for label, part in answer.ranking)
    shown = f"not sure ({shown})" if sure is False else shown
    return f"{file}: {shown}" + ("; unlike anything in training" if answer.unlike else "")
