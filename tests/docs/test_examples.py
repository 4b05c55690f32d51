"""The scripts in examples/ run as they are."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_script_runs(script, desk, capsys):
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out
