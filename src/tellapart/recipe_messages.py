"""What is wrong with the settings of a recipe, as a person can use it."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, root: type[BaseModel]) -> str:
    """Say what pydantic found in the settings of a model, one sentence a finding."""
    found = error.errors(include_url=False)
    return "; ".join(dict.fromkeys(_sentence(finding["loc"], finding, root=root) for finding in found))


PLAIN_VALUES = {
    ("net", "options"): "a number, text, true or false",
    ("data", "source_options"): "a whole number, text, true or false",
    ("data", "background"): "0 to 255, or a list of red, green and blue, each 0 to 255",
}
"""What the values of settings of several types may be, by place: pydantic would list every type that did not fit."""


def _sentence(location: tuple[int | str, ...], finding: Any, *, root: type[BaseModel]) -> str:
    field = ".".join(str(part) for part in location)
    if finding["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _fields_at(location[:-1], root), n=1, cutoff=0.5)
        prefix = "".join(f"{part}." for part in location[:-1])
        hint = f"did you mean {prefix}{near[0]}?" if near else f"there are {', '.join(_fields_at(location[:-1], root))}"
        return f"{field} is not a setting: {hint}"
    if finding["type"] == "value_error":
        return str(finding["ctx"]["error"])
    if len(location) > 2 and (allowed := PLAIN_VALUES.get((str(location[0]), str(location[1])))):
        place = location[: 2 if location[1] == "background" else 3]  # what follows it is a type that was tried
        return f"{'.'.join(map(str, place))} must be {allowed}, got {short(finding['input'])}"
    if finding["type"] == "model_type":
        fields = ", ".join(_fields_at(location, root))
        return f"{field} must be a section with settings ({fields}), got {short(finding['input'])}"
    message = finding["msg"].replace("Input should be", "must be")
    return f"{field} {message[0].lower()}{message[1:]}, got {short(finding['input'])}"


def short(value: Any) -> str:
    """Return a value as it was given, cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _fields_at(location: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    model = root
    for part in location:
        annotation = model.model_fields[str(part)].annotation
        options = getattr(annotation, "__args__", (annotation,))
        model = next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
    return list(model.model_fields)
