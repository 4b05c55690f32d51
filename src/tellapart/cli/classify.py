"""``tellapart classify``: what ImageNet networks see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..wording import printable, sureness
from .options import json_text, spread

if TYPE_CHECKING:
    from ..workflow.prediction import FileAnswer

NAME = "classify"


def command(
    pictures: Annotated[
        list[str], typer.Argument(help="Files, folders, or chelsea, coffee, rocket ... of scikit-image.")
    ],
    net: Annotated[
        list[str] | None, typer.Option("--net", help="Repeat it for several side by side. [efficientnet_lite0]")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="Names to show for each picture.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each picture and network.")] = False,
) -> None:
    """Name what networks trained on ImageNet see: no training, no labels, offline with the default network.

    A picture that cannot be read is reported, and the exit status is then 1.
    """
    from ..workflow import classify_pictures
    from .progress import TerminalProgress

    names = list(dict.fromkeys(net or ["efficientnet_lite0"]))
    found: dict[str, dict[str, FileAnswer]] = {}
    bad = False
    for name, seen in classify_pictures(spread(pictures), names=names, top=top, progress=TerminalProgress()):
        if seen.problem and name == names[0]:
            bad = True
            typer.echo(f"{printable(seen.file)}: {printable(seen.problem)}", err=True)
        if as_json:
            answer = seen.answer
            record = {
                "file": seen.file,
                "net": name,
                "name": answer.name if answer else None,
                "probability": answer.probability if answer else None,
                "ranking": dict(answer.ranking) if answer else {},
                "problem": seen.problem or None,
            }
            typer.echo(json_text(record))
        elif seen.answer:
            found.setdefault(seen.file, {})[name] = seen
    if found:
        Console(highlight=False, emoji=False).print(_table(found, names))
    if bad:
        raise typer.Exit(1)


def _table(found: dict[str, dict[str, FileAnswer]], names: list[str]) -> Table:
    """Return a row a picture, a column a network."""
    table = Table(show_lines=True)
    for heading in ("picture", *names):
        table.add_column(heading, overflow="fold")
    for file, answers in found.items():
        cells = []
        for name in names:
            answer = answers[name].answer
            cells.append(
                "\n".join(f"{sureness(share):>6}  {label}" for label, share in (answer.ranking if answer else ()))
            )
        table.add_row(escape(printable(file)), *map(escape, cells))
    return table
