import os
import zipfile

import pytest
from benchmarks.harness import pictures
from benchmarks.harness.result import PeerError


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "RESULTS", tmp_path / "results")
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name in ("Train/寿/1.png", "Train/寿/2.png", "Test/寿/1.png", "readme.txt", "../outside.png"):
            opened.writestr(name, name)
    return path


def test_pictures_are_unpacked_once(archive):
    folder = pictures.unpacked(archive, name="some", under="Train/")
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*.png")) == ["Train/寿/1.png", "Train/寿/2.png"]
    (folder / "Train" / "mark").touch()
    assert pictures.unpacked(archive, name="some", under="Train/") == folder
    assert (folder / "Train" / "mark").exists()
    os.utime(archive, (0, 0))  # another archive at the same place
    other = pictures.unpacked(archive, name="some", under="Train/")
    assert other != folder
    assert not (other / "Train" / "mark").exists()


def test_nothing_is_unpacked_outside(archive, tmp_path):
    folder = pictures.unpacked(archive, name="all")
    assert {path.resolve().is_relative_to(folder.resolve()) for path in tmp_path.rglob("*.png")} == {True}


def test_too_few_pictures_or_no_zip(archive, tmp_path):
    with pytest.raises(PeerError, match="needed: 9"):
        pictures.unpacked(archive, name="some", limit=9)
    with pytest.raises(PeerError, match="must be a zip"):
        pictures.unpacked(tmp_path / "missing", name="some")
