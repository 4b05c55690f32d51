"""What docs/nets.md shows is what the program does, and its example is a network like the others."""

import doctest
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch

from tellapart.nets import build_net, nets, summarize
from tellapart.registry import load_plugin

PAGE = (Path(__file__).parents[2] / "docs" / "nets.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (\d+)×(\d+) (grey|colour) \| (\d+)×(\d+) \| ([\d,]+) \| ([\d,]+) \|", re.MULTILINE)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("row", ROW.findall(PAGE), ids=lambda row: row[0])
def test_table(row):
    name, height, width, colour, least_height, least_width, parameters, multiply_adds = row
    spec = nets.get(name)
    assert spec.made_for == (int(height), int(width), 1 if colour == "grey" else 3)
    assert spec.min_size == (int(least_height), int(least_width))
    summary = summarize(name, image_size=spec.made_for[:2], channels=spec.made_for[2], outputs=10)
    assert (f"{summary.parameters:,}", f"{summary.multiply_adds:,}") == (parameters, multiply_adds)


def test_the_table_has_the_taught_networks():
    named = {row[0] for row in ROW.findall(PAGE)}
    assert named >= {"softmax", "dense", "convnet16", "convnet32", "convnet64", "convnet128", "lenet5"}


def test_summary_output(capsys):
    (shown,) = blocks("text")
    exec(blocks("python")[0], {})
    assert capsys.readouterr().out == shown


@pytest.fixture
def twoconv(tmp_path):
    """The page's example as a plugin; the registry forgets it afterwards."""
    path = tmp_path / "twoconv.py"
    path.write_text(blocks("python")[1], encoding="utf-8")
    nets.names()
    load_plugin(path)
    yield sys.modules.pop("tellapart_plugin_twoconv")
    del nets._things["twoconv"]


def test_example_runs_its_doctest(twoconv):
    assert doctest.testmod(twoconv).failed == 0
    assert doctest.testmod(twoconv).attempted == 3


def contracts():
    path = Path(__file__).parents[1] / "contracts" / "test_nets.py"
    spec = importlib.util.spec_from_file_location("nets_contracts", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_example_keeps_the_contract(twoconv, monkeypatch):
    monkeypatch.setitem(sys.modules, twoconv.__name__, twoconv)  # where its docstring is looked up
    checks = contracts()
    with torch.no_grad():
        for size in (checks.MADE_FOR, checks.SMALLEST):
            checks.test_builds_and_runs("twoconv", size)
            checks.test_embedding_and_maps("twoconv", size)
        for check in (
            checks.test_stages_hold_each_parameter_once,
            checks.test_gradients_reach_every_parameter,
            checks.test_docstring_names_the_parameter_count,
            checks.test_wrong_option,
            checks.test_too_small,
            checks.test_described,
        ):
            check("twoconv")
        sample = (checks.with_numbers("twoconv"), checks.numbers("twoconv"))
        checks.test_forward_is_classify_of_embed(sample)
        checks.test_layouts_agree(sample)
        checks.test_evaluation_is_deterministic_and_each_picture_its_own(sample)


def test_example_takes_its_option(twoconv):
    net = build_net("twoconv", outputs=3, channels=3, image_size=(9, 7), options={"maps": 4})
    assert net.feature_map(torch.zeros(1, 3, 9, 7)).shape == (1, 8, 3, 2)
