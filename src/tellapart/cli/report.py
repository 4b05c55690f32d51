"""``tellapart report``: write a run's report anew, and open it."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from .options import share

NAME = "report"


def command(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    about: Annotated[
        str | None,
        typer.Option(
            "--about",
            metavar="SET",
            help="Write the page about this set, which evaluate measured, not the run's own.",
            show_default=False,
        ),
    ] = None,
    classes_below: Annotated[
        str | None,
        typer.Option(
            "--classes-below",
            metavar="SHARE",
            help="Mark the classes with a lower recall [50%].",
            show_default=False,
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write the one-file report of a run from what its folder holds."""
    from ..report import write_report, write_reports
    from ..run import Run

    below = None if classes_below is None else share(classes_below, "--classes-below")
    opened = Run.open(run)
    if about is None:
        path = write_reports(opened, classes_below=below)
    else:
        if below is not None:  # which all pages share
            write_reports(opened, classes_below=below)
        path = write_report(opened, about=about)
    typer.echo(str(path))
    if show and not webbrowser.open(path.resolve().as_uri()):
        typer.echo("there is no browser here to open it with: open the file yourself", err=True)
