import sys

import pytest
from benchmarks.harness.process import measure
from benchmarks.harness.result import PeerError
from benchmarks.start_up.__main__ import NO_TORCH


def check(program, tmp_path):
    return measure([sys.executable, "-c", NO_TORCH + program], variables={}, cwd=tmp_path, log=tmp_path / "a.log")


def test_a_loaded_torch_is_found_and_no_other_failure_is_hidden(tmp_path):
    check("import json", tmp_path)
    with pytest.raises(PeerError, match="status 9"):
        check("import sys, types; sys.modules['torch'] = types.ModuleType('torch')", tmp_path)
    with pytest.raises(PeerError, match="status 1"):
        check("raise SystemExit(1)", tmp_path)
