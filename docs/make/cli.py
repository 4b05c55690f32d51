"""Write docs/cli.md: every verb and option, read from the program itself."""

from __future__ import annotations

import re
import types
import typing
from pathlib import Path
from typing import Any

import typer

from tellapart.cli.app import app

PAGE = Path(__file__).parents[1] / "cli.md"

HEAD = """# The command line

<!-- Written by `python -m docs.make` from src/tellapart/cli; change that, not this page. -->

```
tellapart [options] verb [options] ...
```

`tellapart verb --help` shows the same. Results go to standard output, progress and warnings to standard error. The exit
status is 0; 2 where what was asked cannot be done, with one line that says why and what to do; 1 where some pictures of
`predict` or `classify` could not be read, no row of `compare` could be made, or tellapart itself is at fault; 130 after
Ctrl-C, but 0 where a training's epochs were ended by it and its report was written. Square brackets hold defaults.
"""


def program() -> Any:
    """Return the program as a group of commands."""
    return typer.main.get_command(app)


def page() -> str:
    """Return the page."""
    group = program()
    verbs = "\n".join(f"| [`{name}`](#{name}) | {_first_line(verb.help)} |" for name, verb in group.commands.items())
    parts = [HEAD, f"| verb | what it does |\n|---|---|\n{verbs}\n"]
    parts += ["## Before the verb\n", _options(group), "`--debug` and `--offline` may also stand behind the verb.\n"]
    parts += [_verb(name, verb) for name, verb in group.commands.items()]
    return "\n".join(parts)


def _verb(name: str, verb: Any) -> str:
    arguments = [p for p in verb.params if p.param_type_name == "argument"]
    usage = " ".join(["tellapart", name, "[options]", *map(_placeholder, arguments)])
    parts = [f"## {name}", "", _plain(verb.help), "", "```", usage, "```", ""]
    if arguments:
        parts += ["| argument | meaning |", "|---|---|"]
        parts += [f"| `{p.name.upper()}` | {_meaning(p)} |" for p in arguments] + [""]
    panels = dict.fromkeys(p.rich_help_panel for p in verb.params if p.param_type_name == "option")
    for panel in panels:
        parts += [f"**{panel}**", ""] if panel else []
        parts += [_options(verb, panel=panel)]
    return "\n".join(parts)


def _placeholder(argument: Any) -> str:
    shown = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return shown if argument.required else f"[{shown}]"


def _options(command: Any, *, panel: str | None = None) -> str:
    options = [p for p in command.params if p.param_type_name == "option" and p.rich_help_panel == panel]
    rows = [f"| {_flags(p)} | {_values(p)} | {_meaning(p)} |" for p in options]
    return "\n".join(["| option | value | meaning |", "|---|---|---|", *rows]) + "\n"


def _flags(option: Any) -> str:
    return ", ".join(f"`{flag}`" for flag in [*option.opts, *option.secondary_opts])


def _values(option: Any) -> str:
    if option.is_flag:
        return ""
    kind = option.type_descriptor.annotation
    while typing.get_origin(kind) in (typing.Union, types.UnionType, list):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(kind))
    words = {str: "text", int: "whole number", float: "number", Path: "path"}
    least = "" if option.min is None else f", at least {option.min}"
    return (f"`{option.metavar}`" if option.metavar else words[kind]) + least


def _meaning(parameter: Any) -> str:
    text = _plain(parameter.help or "")
    shown = parameter.show_default and not getattr(parameter, "is_flag", False) and parameter.default is not None
    return f"{text} [{parameter.default}]" if shown else text


def _first_line(text: str) -> str:
    return _plain(text).split("\n")[0]


def _plain(text: str) -> str:
    """Return help as Markdown: the program's own marks for bold become code."""
    return re.sub(r"\[bold\](.*?)\[/\]", r"`\1`", text.strip()).replace("|", r"\|")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
