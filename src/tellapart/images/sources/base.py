"""What a source is, how one is registered, and ``open_dataset``, which finds the right one."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import RecipeError, SourceError, SourceNotFoundError
from ...files import expanded, is_folder
from ...machine import return_free_memory
from ...registry import Registry, check_options, typed_value
from ..dataset import Dataset, repeated
from ..folders import is_utf8
from .grouping import with_groups

HEAD_BYTES = 1024


@dataclasses.dataclass(frozen=True)
class Place:
    """A path that exists, with what a source needs to know it by.

    Attributes:
        path: absolute.
    """

    path: Path

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def head(self) -> bytes:
        """The first 1,024 bytes of a file; nothing of a folder."""
        if self.is_folder:
            return b""
        with self.path.open("rb") as file:
            return file.read(HEAD_BYTES)

    @cached_property
    def suffix(self) -> str:
        """The last suffix in small letters, with its dot."""
        return self.path.suffix.lower()

    @cached_property
    def entries(self) -> frozenset[str]:
        """The names directly inside a folder."""
        if not self.is_folder:
            return frozenset()
        with os.scandir(self.path) as found:
            return frozenset(entry.name for entry in found)

    @property
    def name(self) -> str:
        """What the data set is called: the path's name without suffixes."""
        name = self.path.name
        for suffix in (".tar.gz", ".tar.bz2", ".tar.xz", *(() if self.is_folder else (self.path.suffix,))):
            if suffix and name.lower().endswith(suffix.lower()):
                return name[: -len(suffix)]
        return name or "pictures"


@dataclasses.dataclass(frozen=True)
class Source:
    """A registered format, or a registered data set.

    Attributes:
        name: what it is called; for a data set, what opens it.
        read: ``read(place, **options) -> Dataset``; a data set's takes no place.
        summary: one line.
        claims: whether a place is of this format; None for a data set that is opened by name.
        order: the lower, the sooner it is asked.
        options: further arguments of ``read`` with their defaults.
    """

    name: str
    read: Callable[..., Dataset]
    summary: str
    claims: Callable[[Place], bool] | None
    order: int
    options: Mapping[str, Any]


sources: Registry[Source] = Registry("source", package="tellapart.images.sources")
"""All sources by name."""


def source(
    name: str, *, summary: str, claims: Callable[[Place], bool] | None = None, order: int = 50
) -> Callable[[Callable[..., Dataset]], Callable[..., Dataset]]:
    """Register a function that opens one format; its keyword arguments become the options of ``open_dataset``.

    Args:
        name: what it is called.
        summary: one line.
        claims: tells, quickly, whether a place is of this format; None registers a data set that is opened by name.
        order: the lower, the sooner it is asked; formats that are easily mistaken come late.
    """

    def register(read: Callable[..., Dataset]) -> Callable[..., Dataset]:
        parameters = inspect.signature(read).parameters.values()
        options = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        sources.add(name, Source(name, read, summary, claims, order, options))
        return read

    return register


def open_dataset(where: str | Path, *, group_by: str | None = None, by_name: bool = False, **options: Any) -> Dataset:
    """Open labelled pictures, whatever they lie in; nothing is decoded yet.

    Args:
        where: a folder, an archive, a table, an array or another file, or the name of a data set that comes with
            the dependencies: ``"digits"``, ``"faces"``, ``"fashion-mnist"``. A path that exists wins over a name.
        group_by: a regular expression searched in each id; what its first group matches is the picture's group, and
            groups are never split. Where the source brings splits, groups stay within theirs.
        by_name: whether ``where`` is the name of a data set, even where a path of that name exists.
        options: what the format alone understands: a table's ``path_column``, ``label_column``, ``split_column``,
            ``group_column``, ``delimiter``; an array's ``images_key``, ``labels_key``, ``groups_key``,
            ``sample_axis``.

    Returns:
        the pictures with ids, class names, and the splits and groups that the source brings.

    Raises:
        SourceNotFoundError: nothing is there.
        SourceError: what is there cannot be read as labelled pictures.
        RecipeError: an option or a rule that makes no sense here.

    Example:
        >>> from tellapart.images import open_dataset
        >>> open_dataset("digits")
        Dataset('digits': 1797 pictures, 10 classes)
        >>> open_dataset("digitz")
        Traceback (most recent call last):
        tellapart.errors.SourceNotFoundError: there is no file, folder or data set 'digitz': did you mean 'digits'?
    """
    path = expanded(where)
    if os.path.exists(path) and not by_name:  # noqa: PTH110 (a name that no system takes is none)
        if not os.path.isdir(path) and not os.path.isfile(path):  # noqa: PTH112, PTH113 (likewise)
            raise SourceError(f"{str(where)!r} is a pipe or a device: save what comes from it to a file first")
        place = Place(Path(os.path.abspath(path)))  # noqa: PTH100 (resolve() follows links)
        if not is_utf8(str(place.path)):
            raise SourceError(f"{os.fsencode(place.path)!r} has a name that is not UTF-8: rename it")
        found = _claiming(place)
        arguments: tuple[Place, ...] = (place,)
    else:
        found, arguments = _named(str(where)), ()
    typed = _typed(found, options)
    try:
        dataset = found.read(*arguments, **typed)
    except OSError as error:
        if isinstance(error, SourceNotFoundError):
            raise
        raise SourceError(f"{_unreadable(error, str(where))!r} cannot be read: {error.strerror or error}") from error
    twice = repeated(dataset.ids)
    if twice is not None:
        raise SourceError(f"the source {found.name!r} gave two pictures the id {twice!r}: each id must stand once")
    return_free_memory()
    return dataset if group_by is None else with_groups(dataset, group_by)


def is_bundled(name: str) -> bool:
    """Return whether a data set is opened by this name, as it comes with a dependency.

    Example:
        >>> is_bundled("digits"), is_bundled("photos/")
        (True, False)
    """
    return any(key == name and spec.claims is None for key, spec in sources)


def _claiming(place: Place) -> Source:
    try:
        asked = sorted((spec for _, spec in sources if spec.claims), key=lambda spec: spec.order)
        for spec in asked:
            if spec.claims is not None and spec.claims(place):
                return spec
    except OSError as error:
        raise SourceError(f"{_unreadable(error, str(place.path))!r} cannot be read: {error.strerror}") from error
    raise SourceError(_unclaimed(place))


def _unreadable(error: OSError, source: str) -> str:
    """Return the file or folder that the system refused: it may lie deep inside the source."""
    return error.filename if isinstance(error.filename, str) else source


def _unclaimed(place: Place) -> str:
    from ..sniff import looks_like, picture_format

    shown = str(place.path)
    if not place.head:
        return f"{shown!r} is an empty file: give a folder with one subfolder per class, an archive or a table"
    if picture_format(place.head):
        return (
            f"{shown!r} is one picture, not labelled pictures: give the folder that holds one subfolder per class "
            "('tellapart predict' takes single pictures)"
        )
    what = looks_like(place.head).removeprefix("not a picture: it looks like ")
    formats = ", ".join(name for name, spec in sources if spec.claims)
    return f"{shown!r} is no data set: it looks like {what} (what is read: {formats})"


def _named(name: str) -> Source:
    by_name = {key: spec for key, spec in sources if spec.claims is None}
    if name in by_name:
        return by_name[name]
    path = Path(name)
    near = difflib.get_close_matches(name, by_name, n=1, cutoff=0.6)
    parent = path.parent
    try:
        beside = [entry.name for entry in parent.iterdir()] if is_folder(parent) else []
    except (OSError, ValueError):
        beside = []
    near += [str(parent / other) for other in difflib.get_close_matches(path.name, beside, n=2, cutoff=0.6)]
    if near:
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?"
    elif len(path.parts) > 1 and not is_folder(parent):
        hint = f"the folder {str(parent)!r} does not exist either"
    else:
        hint = f"give a path, or one of {', '.join(sorted(by_name))}"
    raise SourceNotFoundError(f"there is no file, folder or data set {name!r}: {hint}")


def _typed(found: Source, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as their source takes them: the command line gives text, a recipe perhaps a number."""
    check_options(f"the source {found.name!r}", options, known=found.options)
    parameters = inspect.signature(found.read).parameters
    typed = dict(options)
    for key, value in options.items():
        kind = str(parameters[key].annotation)
        if "int" in kind and value is not None:
            try:
                typed[key] = int(value)
            except (TypeError, ValueError):
                raise RecipeError(
                    f"the option {key!r} of the source {found.name!r} must be a whole number, got {value!r}"
                ) from None
        elif "bool" in kind or "float" in kind:
            typed[key] = typed_value(value) if isinstance(value, str) else value
            if not isinstance(typed[key], bool if "bool" in kind else (int, float)):
                wanted = "true or false" if "bool" in kind else "a number"
                raise RecipeError(f"the option {key!r} of the source {found.name!r} must be {wanted}, got {value!r}")
        elif "str" in kind and value is not None:
            typed[key] = str(value)
    return typed
