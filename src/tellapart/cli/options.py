"""Options that several verbs share, and how they become a recipe."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import RecipeError
from ..files import KEEPS_OPEN, expanded
from ..registry import typed_value

if TYPE_CHECKING:
    from ..recipe import Recipe

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}
"""Of times, in seconds."""


def option(flag: str, text: str, panel: str, **more: Any) -> Any:
    """Return a Typer option in a panel of the help."""
    return typer.Option(flag, help=text, rich_help_panel=panel, show_default=False, **more)


def leaks_answer(*, drop: bool, allow: bool) -> str | None:
    """Return what ``--drop-leaks`` and ``--allow-leaks`` say of copies in two splits; None where neither was given."""
    if drop and allow:
        raise RecipeError("--drop-leaks and --allow-leaks contradict each other: give one of them")
    return "drop" if drop else "allow" if allow else None


def image_size(text: str) -> tuple[int, int]:
    """Read ``80x60`` (height × width) or ``64`` (both).

    Example:
        >>> image_size("80x60"), image_size("64")
        ((80, 60), (64, 64))
    """
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(re.fullmatch(r"\s*[0-9]{1,9}\s*", side) for side in sides):
        raise RecipeError(f"--image-size must be HEIGHTxWIDTH in pixels, such as 80x60, or one number, got {text!r}")
    numbers = [int(side) for side in sides]
    return numbers[0], numbers[-1]


def colour(text: str) -> int | tuple[int, ...]:
    """Read a grey value, ``255``, or a colour, ``#ff8800``.

    Example:
        >>> colour("255"), colour("#ff8800")
        (255, (255, 136, 0))
    """
    if re.fullmatch("#[0-9a-fA-F]{6}", text):
        return tuple(bytes.fromhex(text[1:]))
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return int(text)
    raise RecipeError(f"--background must be a grey value, 0 to 255, or a colour such as #ff8800, got {text!r}")


def spread(names: Sequence[str]) -> list[str]:
    """Return names, on Windows with what ``*``, ``?`` and ``[...]`` stand for: its shells leave that to programs.

    Example:
        >>> spread(["-", "one.jpg", "no such folder here/*.jpg"])
        ['-', 'one.jpg', 'no such folder here/*.jpg']
    """
    if not KEEPS_OPEN:
        return list(names)
    every: list[str] = []
    for name in names:
        found = [] if os.path.exists(name) or not glob.has_magic(name) else sorted(glob.glob(name))  # noqa: PTH110, PTH207
        every += found or [name]
    return every


def share(text: str, option: str) -> float:
    """Read ``1%`` or ``0.01`` as a share above 0 and below 1.

    Example:
        >>> share("1%", "--abstain-at"), share("0.05", "--abstain-at")
        (0.01, 0.05)
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise RecipeError(f"{option} must be a share above 0 and below 1, such as 1% or 0.01, got {text!r}")
    return value


def pairs(given: list[str] | None, option: str, *, typed: bool = True) -> dict[str, Any]:
    """Read ``name=value`` options; numbers and true or false become what they say.

    Example:
        >>> pairs(["width=16", "dropout=0.5", "label_column=kind"], "--net-option")
        {'width': 16, 'dropout': 0.5, 'label_column': 'kind'}
    """
    out: dict[str, Any] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise RecipeError(f"{option} must be NAME=VALUE, got {text!r}")
        text = value.strip() or value
        out[name.strip().replace("-", "_")] = typed_value(text) if typed else text
    return out


def given(**values: Any) -> dict[str, Any]:
    """Return the values that were given: everything but None."""
    return {name: value for name, value in values.items() if value is not None}


def recipe_of(file: Path) -> Recipe:
    """Return a recipe file's recipe; of a run's own, with the list of labels that the run keeps.

    Raises:
        RecipeError: it cannot be read, or is no recipe.
    """
    from ..recipe import Recipe
    from ..workflow.prepare import with_kept_labels

    recipe = Recipe.load(file)
    return with_kept_labels(recipe, expanded(file).parent) if file.name == "recipe.json" else recipe


def read_time(text: str) -> float:
    """Read ``90s``, ``5m`` or ``1.5h`` as seconds.

    Raises:
        RecipeError: it is none of these.

    Example:
        >>> read_time("5m"), read_time("90"), read_time("1.5h")
        (300.0, 90.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip().lower())
    if not found or float(found[1]) == 0:
        raise RecipeError(f"a time must be a number with s, m or h, such as 90s, 5m or 1.5h, got {text!r}")
    return float(found[1]) * UNITS[found[2] or "s"]


def json_text(document: Any, *, indent: int | None = None) -> str:
    """Return JSON that standard output can carry: all letters as they are in UTF-8, else those of ASCII alone.

    Example:
        >>> json_text({"name": "cat"})
        '{"name": "cat"}'
    """
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").replace("_", "")
    return json.dumps(document, ensure_ascii=encoding not in ("utf8", "utf8sig"), indent=indent)
