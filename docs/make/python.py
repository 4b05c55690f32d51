"""Write docs/python.md: every name of ``tellapart.__all__``, read from the signatures and docstrings themselves."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import tellapart
from tellapart import errors
from tellapart.progress import TO_LOG

PAGE = Path(__file__).parents[1] / "python.md"

HEAD = """# Python

<!-- Written by `python -m docs.make` from the docstrings in src/tellapart; change those, not this page. -->

Everything that the command line does is a call of the library. `import tellapart` itself loads neither PyTorch nor
NumPy; each name is loaded when it is first used. The library prints nothing but warnings, through the log `tellapart`,
and every error about what it was given is a [`TellapartError`](#tellaparterror).

```python
import tellapart

recipe = tellapart.Recipe.make(training={"epochs": 3})
run = tellapart.train("digits", recipe)
classifier = tellapart.Classifier.load(run.path)
print(classifier.classify("one.jpg").name)
```

These are the names of `tellapart` itself. The packages behind them have more, with docstrings of their own:
`tellapart.images`, `tellapart.nets`, `tellapart.evaluation`, `tellapart.report`, `tellapart.features`,
`tellapart.filters`, `tellapart.workflow`.
"""

SECTIONS = {
    "Train": ("train", "resume", "Recipe", "Run", "Progress", "TerminalProgress"),
    "Use a model": ("Classifier", "Answer", "predict", "FileAnswer", "classify_pictures", "import_model"),
    "Pictures": (
        "open_dataset", "Dataset", "Picture", "Preprocessing", "split", "Splits", "inspect_pictures", "audit", "Audit",
    ),
    "Judge": (
        "evaluate", "Evaluation", "Figure", "Predictions", "evaluate_external", "Scoring", "ExternalEvaluation",
        "mend_list", "write_report",
    ),
    "Networks": ("build_net", "Net", "summarize", "Summary"),
    "Errors and version": ("TellapartError", "__version__"),
}  # fmt: skip
"""Every name, in the order in which a person meets them."""

WIDTH = 100
"""Characters of a signature above which each argument gets a line of its own."""

TITLES = {"Args": "Arguments", "Attributes": "Attributes", "Returns": "Returns", "Yields": "Yields"}
TITLES |= {"Raises": "Raises", "Source": "Source", "Example": "Example"}


@dataclasses.dataclass(frozen=True)
class Doc:
    """A docstring in its parts.

    Attributes:
        paragraphs: what stands before the sections.
        sections: by name, such as "Args", the lines below it.
    """

    paragraphs: tuple[str, ...]
    sections: dict[str, list[str]]

    @classmethod
    def of(cls, thing: Any) -> Doc:
        """Read a docstring of Google's form."""
        before: list[str] = []
        sections: dict[str, list[str]] = {}
        lines = before
        for line in (inspect.getdoc(thing) or "").splitlines():
            head, _, rest = line.partition(":")
            if head in TITLES:
                lines = sections.setdefault(head, [rest.strip()] if rest.strip() else [])
                continue
            if line and not line.startswith(" "):  # a section is indented, and ends where prose goes on
                lines = before
            lines.append(line)
        paragraphs = [_plain(" ".join(part.split())) for part in "\n".join(before).split("\n\n")]
        return cls(tuple(part for part in paragraphs if part), sections)

    def entries(self, section: str) -> list[tuple[str, str]]:
        """Return the (name, meaning) pairs of a section such as "Args"."""
        found: list[tuple[str, str]] = []
        for line in inspect.cleandoc("\n".join(["", *self.sections.get(section, [])])).splitlines():
            name, _, meaning = line.partition(":")
            if line.startswith(" "):
                found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
            else:
                found.append((name.strip(), meaning.strip()))
        return [(name, _plain(meaning)) for name, meaning in found]


def page() -> str:
    """Return the page."""
    named = sorted(name for names in SECTIONS.values() for name in names)
    if named != sorted(tellapart.__all__):
        raise ValueError(f"SECTIONS and tellapart.__all__ differ in {sorted({*named} ^ {*tellapart.__all__})}")
    parts = [HEAD]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        for name in names:
            parts += [f"### `{name}`\n", *_entry(name, getattr(tellapart, name))]
    return "\n".join(parts)


def _entry(name: str, thing: Any) -> Iterator[str]:
    if isinstance(thing, str):
        yield "The installed version, a text.\n"
        return
    if signature := _signature(name, thing):
        yield f"```py\n{signature}\n```\n"
    doc = Doc.of(thing)
    yield from (f"{paragraph}\n" for paragraph in doc.paragraphs)
    yield from (_section(doc, section) for section in doc.sections)
    if inspect.isclass(thing):
        members = list(_members(thing))
        if members:
            yield "**Members**\n"
            yield "\n".join(members) + "\n"
    if thing is tellapart.TellapartError:
        yield f"```text\n{_error_tree()}\n```\n"


def _section(doc: Doc, section: str) -> str:
    head = f"**{TITLES[section]}**\n\n"
    if section in ("Args", "Attributes", "Raises"):
        return head + "\n".join(f"- `{name}`: {meaning}" for name, meaning in doc.entries(section)) + "\n"
    text = inspect.cleandoc("\n".join(["", *doc.sections[section]]))
    if section == "Example":
        return f"{head}```pycon\n{text}\n```\n"
    return f"**{TITLES[section]}**: {_plain(' '.join(text.split()))}\n"


def _members(thing: type) -> Iterator[str]:
    """Yield an item for each public method and property that the class itself defines."""
    for name, value in vars(thing).items():
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            yield f"- `{name}`: {Doc.of(value).paragraphs[0]}"
        elif isinstance(value, classmethod):
            yield from _member(f"{thing.__name__}.{name}", getattr(thing, name))
        elif inspect.isfunction(value):
            yield from _member(name, value)


def _member(name: str, method: Any) -> Iterator[str]:
    doc = Doc.of(method)
    yield f"- `{_on_one_line(name, _parameters(method), _returned(method))}`: {doc.paragraphs[0]}"
    yield from (f"  - `{argument}`: {meaning}" for argument, meaning in doc.entries("Args"))


def _signature(name: str, thing: Any) -> str:
    """Return how a thing is called; "" for an error, whose arguments are of no interest."""
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return ""
    if inspect.isclass(thing) and issubclass(thing, BaseModel):
        parameters, returned = ["*", *_fields(thing)], ""
    else:
        parameters, returned = _parameters(thing), _returned(thing)
    line = _on_one_line(name, parameters, returned)
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){returned}"])


def _on_one_line(name: str, parameters: list[str], returned: str) -> str:
    return f"{name}({', '.join(parameters)}){returned}"


def _returned(thing: Any) -> str:
    found = inspect.signature(thing).return_annotation
    return "" if inspect.isclass(thing) or found is inspect.Signature.empty else f" -> {found}"


def _parameters(thing: Any) -> list[str]:
    """Return the parameters as they stand in the source, self aside."""
    found, starred = [], False
    for name, parameter in inspect.signature(thing).parameters.items():
        if name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            found.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        starred = starred or stars == "*"
        kind = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
        default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        found.append(f"{stars}{name}{kind}{default}")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            found.append("/")
    return found


def _fields(model: type[BaseModel]) -> list[str]:
    """Return the fields of a model as parameters; a section is shown by its name."""
    found = []
    for name, field in model.model_fields.items():
        default = "" if field.is_required() else f" = {_default(field.default)}"
        found.append(f"{name}: {model.__annotations__[name]}{default}")
    return found


def _default(value: Any) -> str:
    if value is TO_LOG:
        return "TO_LOG"
    if isinstance(value, BaseModel):
        return f"{type(value).__name__}()"
    text = repr(value)
    if " at 0x" in text:
        raise ValueError(f"the default {text} differs from one run to the next: name it")
    return text


def _error_tree() -> str:
    """Return the tree of errors as the module's docstring draws it."""
    tree = (inspect.getdoc(errors) or "").split("\n\n")
    return inspect.cleandoc("\n" + next(part for part in tree if part.lstrip().startswith("TellapartError")))


def _plain(text: str) -> str:
    """Return a docstring's text as Markdown."""
    return re.sub(r"``(.+?)``", r"`\1`", text)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
