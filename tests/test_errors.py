"""The tree in the docstring is the tree of the classes."""

import pickle
import re

import pytest

from tellapart import errors
from tellapart.errors import TellapartError

CLASSES = {name: thing for name, thing in vars(errors).items() if isinstance(thing, type)}


def drawn() -> dict[str, tuple[str | None, str | None]]:
    """Read the drawing: {class: (parent, built-in)}."""
    tree, above = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^    ([│ ├└─]*)(\w+)(?: \((\w+)\))?", line)
        if not found or found[2] not in CLASSES:
            continue
        depth = len(found[1]) // 4
        tree[found[2]] = (above[depth - 1] if depth else None, found[3])
        above[depth:] = [found[2]]
    return tree


def test_every_class_is_drawn_and_nothing_else():
    assert set(drawn()) == set(CLASSES)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_parents_and_builtins_are_as_drawn(name):
    parent, builtin = drawn()[name]
    bases = [base.__name__ for base in CLASSES[name].__bases__]
    expected = [parent or "Exception"] + ([builtin] if builtin else [])
    assert bases == expected


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_is_its_sentence_and_survives_pickling(name):
    error = CLASSES[name]("image_size must be at least 32, got 28: use 'lenet5'")
    assert str(error) == "image_size must be at least 32, got 28: use 'lenet5'"
    assert isinstance(error, TellapartError)
    again = pickle.loads(pickle.dumps(error))  # workers send theirs home
    assert (type(again), str(again)) == (type(error), str(error))


def test_an_error_without_a_sentence_is_empty():
    assert str(TellapartError()) == ""


def test_an_operating_system_error_of_ours_is_not_printed_with_its_number():
    assert str(errors.UnwritableError(28, "No space left")) == "28"
    assert str(errors.UnknownNameError("no net is called 'x'")) == "no net is called 'x'"
