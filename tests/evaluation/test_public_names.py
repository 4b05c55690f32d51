from __future__ import annotations

import subprocess
import sys

import tellapart.evaluation as room


def test_every_public_name_is_there_and_sorted():
    assert room.__all__ == sorted(room.__all__)
    assert all(hasattr(room, name) for name in room.__all__)


def test_the_import_is_light():
    heavy = "('torch', 'sklearn', 'scipy', 'matplotlib')"
    code = f"import sys, tellapart.evaluation; sys.exit(', '.join(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
