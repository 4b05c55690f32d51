"""What a person imports: all there, all documented, and nothing heavy before it is needed."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import tellapart

HEAVY = ("torch", "numpy", "sklearn", "skimage", "scipy", "matplotlib", "PIL", "pandas")
OWN = [name for name in tellapart.__all__ if name != "__version__"]


def imported_after(code: str) -> list[str]:
    """Return the heavy packages that a fresh interpreter holds after some code."""
    report = f"import sys\n{code}\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return eval(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", OWN)
def test_every_name_is_there_and_documented(name):
    thing = getattr(tellapart, name)
    assert (inspect.getdoc(thing) or "").strip()
    assert not inspect.ismodule(thing)
    assert thing.__name__ == name
    if not inspect.isclass(thing):
        return
    for member, value in vars(thing).items():
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property | classmethod)):
            assert inspect.getdoc(value), f"{name}.{member} has no docstring"


def test_the_list_is_sorted_and_is_what_dir_shows():
    assert sorted(OWN) == OWN
    assert dir(tellapart) == sorted(tellapart.__all__)


def test_names_for_type_checkers_are_the_names_at_run_time():
    tree = ast.parse(inspect.getsource(tellapart).partition("if TYPE_CHECKING:")[2].replace("\n    ", "\n"))
    typed = {name.name for line in tree.body if isinstance(line, ast.ImportFrom) for name in line.names}
    assert typed == set(OWN)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tellapart' has no attribute 'Klassifier'"):
        _ = tellapart.Klassifier
    with pytest.raises(ImportError):
        exec("from tellapart import Klassifier")


@pytest.mark.parametrize(
    "module", ["tellapart", "tellapart.cli", "tellapart.recipe", "tellapart.run", "tellapart.errors"]
)
def test_starting_loads_nothing_heavy(module):
    assert imported_after(f"import {module}") == []


def test_the_pictures_are_reached_without_torch():
    assert "torch" not in imported_after("import tellapart.images, tellapart.images.cache, tellapart.filters")


def test_the_help_loads_nothing_heavy():
    code = (
        "from tellapart.cli import main\n"
        "for given in (['--help'], ['train', '--help'], ['--version']):\n"
        "    try:\n        main(given)\n    except SystemExit as done:\n        assert not done.code\n"
    )
    assert imported_after(code) == []


def test_the_version_is_that_of_the_installed_package():
    assert tellapart.__version__ == importlib.metadata.version("tellapart")
