"""Write docs/recipe.md: every setting of a recipe, read from the models in tellapart.recipe."""

from __future__ import annotations

import json
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tellapart.recipe import AUGMENTATIONS, Recipe

PAGE = Path(__file__).parents[1] / "recipe.md"

HEAD = """# The recipe: every choice of a run

<!-- Written by `python -m docs.make` from src/tellapart/recipe.py; change that, not this page. -->

A recipe is what `tellapart train` works by. Say what matters to you, on the command line, in a TOML or JSON file
(`--recipe mine.toml`), or in Python; the rest is decided from the pictures. What was decided stands in the run's
`recipe.json`, with nothing left open, and with its reason in `choices.json`. An option beside a recipe takes the place
of its setting, and of what was chosen to go with that: `--optimizer` of the learning rate, `--time` of the epochs
and the early stopping, `--transfer` of the learning rate and, to or from `none`, of the epochs, the early stopping and
the weights, too. The command names what it chooses anew.

```toml
[data]
image_size = [80, 60]       # height, width
channels = 1

[net]
name = "convnet16"

[training]
epochs = 30
augment = { rotation = 8, shift = 0.06 }
```

```python
from tellapart import Recipe

recipe = Recipe.make(data={"image_size": (80, 60), "channels": 1}, net={"name": "convnet16"})
recipe = recipe.changed(training={"epochs": 30})
print(recipe.to_toml())
```

An unknown setting, a value out of range and a combination in which a setting would be ignored are errors; the message
names the field, the value and what is allowed. A default of *open* means that the run decides.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for name, field in Recipe.model_fields.items():
        section = _model(field.annotation)
        if section is None:
            parts.append(f"## `{name}`\n\n{_table(name, {'': field})}")
        else:
            parts.extend(_sections(section, place=name))
    parts.append(_augmentations())
    return "\n".join(parts)


def _sections(model: type[BaseModel], *, place: str, own: FieldInfo | None = None) -> list[str]:
    plain = {name: field for name, field in model.model_fields.items() if _model(field.annotation) is None}
    inner = {name: field for name, field in model.model_fields.items() if name not in plain}
    about = " ".join((model.__doc__ or "").split())
    if own is not None and own.default is None:
        about += f" The default is *open*: {(own.description or '').removeprefix('None: ')}."
    parts = [f"## `{place}`\n\n{about}\n\n{_table(place, plain)}"]
    for name, field in inner.items():
        parts += _sections(typing.cast(type[BaseModel], _model(field.annotation)), place=f"{place}.{name}", own=field)
    return parts


def _table(place: str, fields: dict[str, FieldInfo]) -> str:
    rows = ["| setting | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    for name, field in fields.items():
        kind, allowed = _type(field.annotation), _allowed(field)
        cells = [f"`{name or place}`", kind, _default(field), allowed, field.description or ""]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _alternatives(annotation: Any) -> list[Any]:
    """Return what an annotation allows, None aside."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [one for part in typing.get_args(annotation) for one in _alternatives(part)]
    if typing.get_origin(annotation) is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    return [] if annotation is type(None) else [annotation]


def _model(annotation: Any) -> type[BaseModel] | None:
    found = [one for one in _alternatives(annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
    return found[0] if found else None


def _type(annotation: Any) -> str:
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    words = []
    for one in _alternatives(annotation):
        origin, inside = typing.get_origin(one), typing.get_args(one)
        if origin is typing.Literal:
            words.append("whole number" if isinstance(inside[0], int) else "text")
        elif origin is tuple:
            words.append("list" if Ellipsis in inside else f"{len(inside)} {names[_alternatives(inside[0])[0]]}s")
        elif origin is dict:
            words.append("table")
        else:
            words.append(names[one])
    return " or ".join(dict.fromkeys(words))


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "`{}`"
    if value is None:
        return "*open*"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    literals = [v for one in _alternatives(field.annotation) if typing.get_origin(one) is typing.Literal
                for v in typing.get_args(one)]  # fmt: skip
    if literals:
        return ", ".join(f"`{value}`" for value in literals)
    bounds = {}
    for one in _metadata(field):
        bounds |= {sign: getattr(one, sign) for sign in ("ge", "gt", "le", "lt") if hasattr(one, sign)}
    if not bounds:
        return ""
    signs = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{signs[sign]} {bound:,}" for sign, bound in bounds.items())


def _metadata(field: FieldInfo) -> list[Any]:
    """Return the bounds of a field, also where they stand inside ``X | None``."""
    found = []
    for one in [*field.metadata, *(m for part in typing.get_args(field.annotation)
                                   for m in getattr(part, "__metadata__", ()))]:  # fmt: skip
        found += list(getattr(one, "metadata", ())) or [one]
    return found


def _augmentations() -> str:
    rows = ["## Sets of random changes", ""]
    rows += ["`--augment` takes one of these by name; single changes may be laid over it.", ""]
    rows += ["| name | what it is |", "|---|---|"]
    for name, recipe in AUGMENTATIONS.items():
        parts = ", ".join(key if value is True else f"{key} {value:g}" for key, value in recipe.parts().items())
        rows.append(f"| `{name}` | {parts or 'nothing is changed'} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
