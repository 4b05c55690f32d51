"""The benchmarks are no part of the package: their folder is found from the root of the repository."""

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)


@pytest.fixture
def own_page(tmp_path, monkeypatch):
    """Return a function that gives a question a folder of its own, and returns an archive to ask about."""

    def begin(question):
        (tmp_path / "README.md").write_text("# q\n<!-- measured: begin -->\nformer\n<!-- measured: end -->\n")
        monkeypatch.setattr(question, "FOLDER", tmp_path)
        archive = tmp_path / "pictures.zip"
        archive.touch()
        return str(archive)

    return begin


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Send logs and raw results to a temporary folder."""
    from benchmarks.harness import question

    monkeypatch.setattr(question, "RESULTS", tmp_path)
    return tmp_path
