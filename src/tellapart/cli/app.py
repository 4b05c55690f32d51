"""The program ``tellapart``: its verbs, and how errors reach a person."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from ..errors import RecipeError, TellapartError
from ..files import KEEPS_OPEN
from ..offline import forbid_downloads
from ..registry import load_plugin
from ..version import __version__
from ..wording import printable
from . import classify, compare, evaluate, filter, import_, inspect, nets, predict, report, summary, train

app = typer.Typer(
    name="tellapart",
    help="Tell your pictures apart: from a folder of labelled pictures to a classifier that you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (train, inspect, evaluate, predict, report, compare, summary, nets, classify, import_, filter):
    app.command(name=verb.NAME)(verb.command)

ANYWHERE = ("--debug", "--offline")
"""Options of the program that may also stand behind the verb."""


@app.callback(invoke_without_command=True)
def program(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Download nothing: no published weights.")] = False,
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", metavar="FILE", help="A Python file that registers nets, sources, ... of your own."),
    ] = None,
) -> None:
    """Read the options that stand before the verb."""
    if version:
        typer.echo(f"tellapart {__version__}")
        raise typer.Exit
    if offline:
        forbid_downloads()
    for path in plugin or []:
        load_plugin(path)
    if context.invoked_subcommand is None:
        raise RecipeError("say what to do, such as tellapart train photos/: tellapart --help shows what there is")


def command_line() -> Any:
    """Return the program as Typer's command; what stands in square brackets in its options' help is shown.

    Rich would take a default, ``[adamw]``, for markup and leave it out.
    """
    group: Any = typer.main.get_command(app)
    for parameter in [one for verb in (group, *group.commands.values()) for one in verb.params]:
        if getattr(parameter, "help", None):
            parameter.help = escape(parameter.help)
    return group


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; an error is one line on standard error, and the exit status 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    moved = [argument for argument in given if argument in ANYWHERE]
    debug = "--debug" in moved
    given = moved + [argument for argument in given if argument not in ANYWHERE]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter shows its code in place of it
            stream.reconfigure(errors="backslashreplace")
    try:
        status = command_line()(args=given, prog_name="tellapart", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # a pipe that closed or a full disk is met here, not while Python ends
    except TellapartError as error:
        if debug:
            raise
        fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        Console(stderr=True).print("stopped")
        raise SystemExit(STOPPED) from None
    except SystemExit as error:  # Typer and Rich leave so where nobody reads on
        if isinstance(error.__context__, BrokenPipeError):
            _leave_closed_pipe()
        raise
    except BrokenPipeError:
        _leave_closed_pipe()
    except Exception as error:
        if KEEPS_OPEN and isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None:
            _leave_closed_pipe()  # Windows' word for it
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            fail("the disk is full while something was written: make room")
        if isinstance(getattr(error, "exit_code", None), int) and hasattr(error, "format_message"):
            misused(error, given)
        fail(f"{type(error).__name__}: {error} (this is a fault of tellapart: --debug shows the trace)", status=1)
    if status == STOPPED:  # Typer has met Ctrl-C before us
        Console(stderr=True).print("stopped")
    if isinstance(status, int):
        raise SystemExit(status)


STOPPED = 130
"""The status of what Ctrl-C has ended."""


def _leave_closed_pipe() -> NoReturn:
    """Leave where nobody reads on: what is still buffered has nowhere to go, and Python would complain about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0) from None


EXPECTED = {"valid integer": "a whole number", "valid number": "a number", "valid boolean": "true or false"}
"""How Typer says what an option's value may be, and how we say it."""


def misused(error: Any, given: Sequence[str]) -> NoReturn:
    """Say in one line what was wrong with the arguments; where there were none, the help stands there already."""
    sentence = error.format_message().strip().rstrip(".").replace("Value error, ", "").replace("Input should", "must")
    if not sentence:
        raise SystemExit(error.exit_code)
    for theirs, ours in EXPECTED.items():
        if theirs in sentence:
            sentence = f"{sentence.partition(': ')[0]}: must be {ours}"
    value = _last_value(given, getattr(getattr(error, "param", None), "opts", ()))
    if value is not None and repr(value) not in sentence:
        sentence += f", got {value!r}"
    context = getattr(error, "ctx", None)
    program = context.command_path if context is not None else "tellapart"
    fail(f"{sentence} ({program} --help shows what there is)", status=error.exit_code)


def _last_value(given: Sequence[str], flags: Sequence[str]) -> str | None:
    """Return what was given to an option, the last time where it was repeated."""
    for at in range(len(given) - 1, -1, -1):
        flag, equals, value = given[at].partition("=")
        if flag in flags and (equals or at + 1 < len(given)):
            return value if equals else given[at + 1]
    return None


def fail(sentence: str, *, status: int = 2) -> NoReturn:
    """Print one line on standard error and leave."""
    line = escape(printable(re.sub(r"\s*[\r\n]+\s*", " ", sentence)))
    Console(stderr=True, soft_wrap=True, highlight=False, emoji=False).print(f"[bold red]error:[/] {line}")
    raise SystemExit(status)
