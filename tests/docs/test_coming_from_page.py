"""The options and commands that docs/coming-from.md and docs/how-do-i.md name are the program's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from tellapart.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "\n".join((DOCS / name).read_text(encoding="utf-8") for name in ("coming-from.md", "how-do-i.md"))
SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL))
OPTIONS = sorted({span for span in SPANS if span.startswith("--")})
COMMANDS = sorted({span for span in SPANS if span.startswith("tellapart ")})
GROUP = typer.main.get_command(app)


def test_the_tables_name_many():
    assert len(OPTIONS) > 40
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("option", OPTIONS)
def test_options_are_those_of_train(option):
    words = shlex.split(option)
    flags = {flag for parameter in GROUP.commands["train"].params for flag in parameter.opts + parameter.secondary_opts}
    assert {word for word in words if word.startswith("--")} <= flags
    if len(words) > 1:
        GROUP.commands["train"].make_context("train", ["photos/", *words])


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_given(command):
    words = shlex.split(command)[1:]
    if words[0] == "--plugin":
        del words[:2]
    GROUP.commands[words[0]].make_context(words[0], words[1:])
