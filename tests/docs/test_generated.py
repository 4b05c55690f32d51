"""The pages that are written by the program say what the program is."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.models import OptionInfo

from tellapart.cli.app import app
from tellapart.recipe import Recipe

DOCS = Path(__file__).parents[2] / "docs"
VERBS = {command.name: command.callback for command in app.registered_commands}


@pytest.mark.parametrize("name", ["cli", "recipe", "python"])
def test_the_page_is_what_the_generator_writes(name):
    written = runpy.run_path(str(DOCS / "make" / f"{name}.py"))["page"]()
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert page == written, f"docs/{name}.md is out of date: run python -m docs.make"


def test_what_the_page_says_of_pictures_is_what_the_network_says():
    from tellapart.workflow.imagenet import SAMPLES

    named = runpy.run_path(str(DOCS / "make" / "named.py"))
    assert set(named["PICTURES"]) == set(SAMPLES) - {"cat"}
    page = (DOCS / "published-nets.md").read_text(encoding="utf-8")
    said = re.findall(r"^\| (\w+) \| [^|]+ \| (.+) \| [^|]+ \|$", page.split(named["BEGIN"])[1], re.MULTILINE)
    (_, *said), found = said, list(named["rows"]())
    assert [name for name, _ in said] == [name for name, _ in found]
    for (name, cells), (_, ranking) in zip(said, found, strict=True):
        for cell, (label, share) in zip(cells.split(" | "), ranking, strict=True):
            spoken, percent = cell.rsplit(" ", 1)
            assert spoken == label, name
            assert abs(int(percent.rstrip("%")) - 100 * share) < 1, name  # another machine may round the other way
        right = named["PICTURES"][name].classes
        if right:
            assert bool({label for label, _ in ranking} & set(right)) == (name not in named["MISSED"]), name


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_has_a_row(verb):
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {verb}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    for name, parameter in inspect.signature(VERBS[verb], eval_str=True).parameters.items():
        (info,) = parameter.annotation.__metadata__
        if isinstance(info, OptionInfo):
            given = [info.default, *(info.param_decls or ())]  # Typer takes the first name for a default
            flags = [flag for flag in given if isinstance(flag, str)] or [f"--{name.replace('_', '-')}"]
            for flag in "/".join(flags).split("/"):
                assert f"`{flag}`" in section, flag
        else:
            assert f"| `{name.upper()}` |" in section


def fields(model, place=""):
    for name, field in model.model_fields.items():
        kinds = getattr(field.annotation, "__args__", (field.annotation,))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if inner:
            yield from fields(inner[0], f"{place}.{name}".strip("."))
        else:
            yield place or name, name


@pytest.mark.parametrize(("place", "name"), list(fields(Recipe)))
def test_every_setting_has_a_row_with_a_meaning(place, name):
    page = (DOCS / "recipe.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## `{re.escape(place)}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    (row,) = re.findall(rf"^\| `{name}` \|.*\| (.*) \|$", section, re.MULTILINE)
    assert row


def test_every_name_of_the_library_has_its_heading():
    import tellapart

    page = (DOCS / "python.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### `(\w+)`$", page, re.MULTILINE)) == sorted(tellapart.__all__)


def test_every_argument_of_the_library_has_a_meaning():
    import tellapart

    page = (DOCS / "python.md").read_text(encoding="utf-8")
    for name in set(tellapart.__all__) - {"__version__"}:
        if inspect.isfunction(thing := getattr(tellapart, name)):
            (section,) = re.findall(rf"^### `{name}`\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
            for argument in inspect.signature(thing).parameters:
                assert re.search(rf"^- `{argument}`: .", section, re.MULTILINE), f"{name}: {argument}"
