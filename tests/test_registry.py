"""Named things: found, mistyped, brought by plugins and by installed packages."""

import importlib.metadata
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tellapart.errors import RecipeError, UnknownNameError
from tellapart.registry import Registry, load_plugin


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose modules register shapes when they are imported."""
    folder = tmp_path / "shapes_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from tellapart.registry import Registry\nshapes = Registry('shape', package='shapes_of_a_test')\n"
    )
    for name in ("disc", "square"):
        (folder / f"{name}.py").write_text(f"from . import shapes\nshapes.add('{name}', '{name} itself')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("shapes_of_a_test")
    for module in [name for name in sys.modules if name.startswith("shapes_of_a_test")]:
        del sys.modules[module]


def test_modules_are_imported_at_the_first_look_up_and_not_before(package):
    assert "shapes_of_a_test.disc" not in sys.modules
    assert package.shapes.names() == ["disc", "square"]
    assert package.shapes.get("disc") == "disc itself"
    assert list(package.shapes) == [("disc", "disc itself"), ("square", "square itself")]
    assert "disc" in package.shapes
    assert "circle" not in package.shapes


def test_a_mistyped_name_gets_the_nearest_ones_and_the_list(package):
    with pytest.raises(UnknownNameError, match=r"^no shape is called 'disk': did you mean 'disc'\? \(there are: disc"):
        package.shapes.get("disk")
    with pytest.raises(UnknownNameError, match=r"^no shape is called 'zzz' \(there are: disc, square\)$"):
        package.shapes.get("zzz")


def test_a_name_belongs_to_one_thing(package):
    same = object()
    package.shapes.add("ring", same)
    package.shapes.add("ring", same)
    with pytest.raises(RecipeError, match="two shapes are called 'ring'"):
        package.shapes.add("ring", object())


class Entry:
    name, value = "hexagon", "bees:comb"

    def __init__(self, load):
        self.load = load


def test_installed_packages_bring_theirs_by_an_entry_point(package, monkeypatch):
    groups = []

    def entry_points(*, group):
        groups.append(group)
        return [Entry(lambda: package.shapes.add("hexagon", 6))]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert package.shapes.get("hexagon") == 6
    assert groups == ["tellapart.shapes"]


def test_an_entry_point_that_fails_is_named(package, monkeypatch):
    def fails():
        raise ZeroDivisionError("no bees")

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [Entry(fails)])
    for _ in range(2):  # it is no less broken at the second look-up
        with pytest.raises(RecipeError, match=r"the installed shape 'hexagon' \(bees:comb\) fails .* no bees"):
            package.shapes.names()


def test_a_second_thread_waits_until_all_is_there(package, tmp_path):
    (tmp_path / "shapes_of_a_test" / "slow.py").write_text(
        "import time\nfrom . import shapes\ntime.sleep(0.3)\nshapes.add('slow', shapes.names())\n"
    )
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: package.shapes.names(), range(2))
    assert first == second == ["disc", "slow", "square"]
    assert "disc" in package.shapes.get("slow"), "what is imported may look something up"


def test_a_plugin_registers_what_it_defines(tmp_path):
    file = tmp_path / "my net.py"
    file.write_text(
        "from tellapart.nets import net, nets\n"
        "build = nets.get('softmax').build\n"
        "@net('mine-of-a-test', summary='mine', made_for=(8, 8, 1))\n"
        "def mine(*, outputs, channels, image_size, extra=3):\n"
        "    return build(outputs=outputs, channels=channels, image_size=image_size)\n"
    )
    load_plugin(str(file))
    from tellapart.nets import build_net, nets

    try:
        assert nets.get("mine-of-a-test").options == {"extra": 3}
        assert build_net("mine-of-a-test", outputs=2, channels=1, image_size=(8, 8)).head.weight.shape == (2, 64)
    finally:
        del nets._things["mine-of-a-test"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.py", None, "is not a file"),
        ("plugin.txt", "x = 1", r"its name must end in .py"),
        ("broken.py", "1 / 0", "ZeroDivisionError: division by zero"),
        ("syntax.py", "def", "SyntaxError"),
        ("import.py", "import no_such_library", "No module named 'no_such_library'"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_its_reason(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    before = set(sys.modules)
    with pytest.raises(RecipeError, match=message) as caught:
        load_plugin(tmp_path / name)
    assert name in str(caught.value)
    assert not {module for module in set(sys.modules) - before if "plugin" in module}


def test_a_failed_import_of_ours_is_not_hidden():
    with pytest.raises(ImportError):
        Registry("ghost", package="tellapart.no_such_room").names()
