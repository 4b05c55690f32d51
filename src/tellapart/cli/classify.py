"""``tellapart classify``: what ImageNet networks see."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

NAME = "classify"


def command(
    pictures: Annotated[list[str], typer.Argument(help="Files, or chelsea, coffee, rocket ... of scikit-image.")],
    net: Annotated[
        list[str] | None, typer.Option("--net", help="Repeat it for several side by side. [efficientnet_lite0]")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="Names to show for each picture.")] = 3,
) -> None:
    """Name what networks trained on ImageNet see: no training, no labels, offline with the default network."""
    from ..workflow import classify_pictures
    from .progress import TerminalProgress

    names = net or ["efficientnet_lite0"]
    found: dict[str, dict[str, str]] = {}
    for picture, name, answer in classify_pictures(pictures, names=names, top=top, progress=TerminalProgress()):
        lines = [f"{share:6.1%}  {label}" for label, share in answer.ranking]
        found.setdefault(picture, {})[name] = "\n".join(lines)
    table = Table(show_lines=True)
    for heading in ("picture", *names):
        table.add_column(heading, overflow="fold")
    for picture, answers in found.items():
        table.add_row(escape(picture), *(escape(answers[name]) for name in names))
    Console(highlight=False).print(table)
