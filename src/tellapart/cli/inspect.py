"""``tellapart inspect``: the audit alone."""

from __future__ import annotations

from typing import Annotated

import typer

from ..wording import printable
from .options import given, json_text, pairs

NAME = "inspect"


def command(
    source: Annotated[str, typer.Argument(help="Labelled pictures, as train takes them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    group_by: Annotated[str | None, typer.Option("--group-by", help="As in train.", show_default=False)] = None,
    source_option: Annotated[
        list[str] | None, typer.Option("--source-option", help="As in train.", show_default=False)
    ] = None,
) -> None:
    """Audit labelled pictures: counts, sizes, broken files, duplicates, leaks, labels that contradict each other."""
    from ..recipe import Recipe
    from ..workflow import inspect_pictures
    from .progress import TerminalProgress

    data = given(group_by=group_by, source_options=pairs(source_option, "--source-option", typed=False) or None)
    found = inspect_pictures(source, Recipe.make(data=data), progress=TerminalProgress())
    shown = "\n".join(map(printable, str(found).split("\n")))
    typer.echo(json_text(found.to_dict(), indent=1) if as_json else shown)
