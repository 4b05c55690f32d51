"""Named things that are found by themselves: one new file with one decorated function adds one.

A registry looks into one package of ours at the first look-up, imports its modules, and then asks the
installed packages' entry points (group ``tellapart.<kind>s``), so that outsiders add theirs without touching us.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from .errors import RecipeError, UnknownNameError
from .files import expanded, is_file

Thing = TypeVar("Thing")


def check_options(what: str, given: Iterable[str], *, known: Iterable[str]) -> None:
    """Raise RecipeError for an option that a thing does not have, with the nearest one that it has.

    Example:
        >>> check_options("the net 'compact'", ["wdth"], known=["width", "dropout"])
        Traceback (most recent call last):
        tellapart.errors.RecipeError: the net 'compact' has no option 'wdth': did you mean 'width'? (it has width, ...)
    """
    names = list(known)
    for key in given:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            has = f"it has {', '.join(names)}" if names else "it has none"
            raise RecipeError(f"{what} has no option {key!r}{hint} ({has})")


class Registry(Generic[Thing]):
    """The things of one kind, by name.

    Args:
        kind: what one of them is called in messages, ``"net"``; with an s in the entry points' group.
        package: the package whose modules register them when imported.

    Example:
        >>> from tellapart.registry import Registry
        >>> shapes = Registry("shape", package="tellapart.filters")
        >>> shapes.add("disc", 3.14)
        >>> shapes.get("disk")
        Traceback (most recent call last):
        tellapart.errors.UnknownNameError: no shape is called 'disk': did you mean 'disc'? (there are: disc)
    """

    def __init__(self, kind: str, *, package: str) -> None:
        self.kind = kind
        self._package = package
        self._things: dict[str, Thing] = {}
        self._searched = self._searching = False
        self._failure: RecipeError | None = None
        self._lock = threading.RLock()

    def add(self, name: str, thing: Thing) -> None:
        """Register ``thing`` under ``name``; raises RecipeError where another one has the name."""
        if name in self._things and self._things[name] is not thing:
            raise RecipeError(f"two {self.kind}s are called {name!r}: rename one of them")
        self._things[name] = thing

    def get(self, name: str) -> Thing:
        """Return the thing called ``name``; raises UnknownNameError with the nearest names otherwise."""
        self._search()
        if name in self._things:
            return self._things[name]
        near = difflib.get_close_matches(name, self._things, n=2, cutoff=0.6)
        hint = f": did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        raise UnknownNameError(f"no {self.kind} is called {name!r}{hint} (there are: {', '.join(self.names())})")

    def names(self) -> list[str]:
        """Return all names, sorted."""
        self._search()
        return sorted(self._things)

    def __iter__(self) -> Iterator[tuple[str, Thing]]:
        return iter([(name, self._things[name]) for name in self.names()])

    def __contains__(self, name: object) -> bool:
        self._search()
        return name in self._things

    def _search(self) -> None:
        """Fill the registry, once; other threads wait meanwhile, and a failure is said at each look-up."""
        if self._searched:
            return
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._searched or self._searching:  # what is imported may look something up
                return
            self._searching = True
            try:
                self._import_all()
                self._searched = True
            finally:
                self._searching = False

    def _import_all(self) -> None:
        from importlib.metadata import entry_points  # 20 ms that tellapart --help does not wait for

        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__, prefix=f"{self._package}."):
            importlib.import_module(module.name)
        for entry in entry_points(group=f"tellapart.{self.kind}s"):
            try:
                entry.load()
            except Exception as error:
                self._failure = RecipeError(
                    f"the installed {self.kind} {entry.name!r} ({entry.value}) fails when it is loaded: "
                    f"{type(error).__name__}: {error}: update or remove its package"
                )
                raise self._failure from error


loaded_plugins: list[Path] = []
"""The files that ``load_plugin`` ran, for other processes of the same training."""


def load_plugin(path: Path | str) -> None:
    """Run one Python file of the user's, so that what it registers is found by name.

    Raises:
        RecipeError: the file is missing or fails when it is run.
    """
    path = expanded(path)
    if not is_file(path):
        raise RecipeError(f"the plugin {str(path)!r} is not a file: give the path of a Python file")
    spec = importlib.util.spec_from_file_location(f"tellapart_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RecipeError(f"the plugin {str(path)!r} is not Python: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise RecipeError(f"the plugin {str(path)!r} fails when it is run: {type(error).__name__}: {error}") from error
    loaded_plugins.append(path.resolve())


def typed_value(text: str) -> Any:
    """Return what the text of an option says: a number, true, false, or null for none; else the text itself.

    Example:
        >>> [typed_value(text) for text in ("16", "0.5", "False", "null", "paper")]
        [16, 0.5, False, None, 'paper']
    """
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def flag(value: Any, *, name: str) -> bool:
    """Return an option's value where it is true or false; raises RecipeError otherwise."""
    if not isinstance(value, bool):
        raise RecipeError(f"{name} must be true or false, got {value!r}")
    return value
