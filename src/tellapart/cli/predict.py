"""``tellapart predict``: names with probabilities."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import RecipeError

NAME = "predict"


def command(
    run: Annotated[Path, typer.Argument(help="A run folder or a .safetensors model.")],
    pictures: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    top: Annotated[int, typer.Option("--top", min=1, help="Classes to show.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A table: file, name, probability.")] = False,
) -> None:
    """Name pictures. A picture that cannot be read is said, and the exit status is then 1."""
    from ..classifier import Classifier
    from ..workflow import predict

    if as_json and as_csv:
        raise RecipeError("--json and --csv contradict each other: give one of them")
    table = csv.writer(sys.stdout) if as_csv else None
    if table:
        table.writerow(["file", "name", "probability", "problem"])
    bad = 0
    for found in predict(Classifier.load(run), pictures, top=top):
        bad += found.answer is None
        if found.answer is None:
            typer.echo(f"{found.file}: {found.problem}", err=True)
        name, probability = (found.answer.name, found.answer.probability) if found.answer else ("", None)
        ranking = dict(found.answer.ranking) if found.answer else {}
        if table:
            table.writerow([found.file, name, "" if probability is None else f"{probability:.6f}", found.problem])
        elif as_json:
            record = {"file": found.file, "name": name or None, "probability": probability, "ranking": ranking}
            typer.echo(json.dumps(record | {"problem": found.problem or None}, ensure_ascii=False))
        elif found.answer:
            shown = ", ".join(f"{label} {share:.1%}" for label, share in ranking.items())
            typer.echo(f"{found.file}: {shown}")
    if bad:
        raise typer.Exit(1)
