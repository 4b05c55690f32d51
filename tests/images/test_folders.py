"""Walks through folders with links, circles and clutter."""

import os

import pytest

from tellapart.images.folders import files_below, is_clutter, levels_below
from tellapart.workflow.prediction import files_of


@pytest.fixture
def folder(tmp_path):
    for name in ("b/2.png", "a/1.png", "a/.hidden.png", "a/Thumbs.db", "c.txt", "__MACOSX/a/1.png"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "root"


def test_clutter_is_left_out_and_each_folder_comes_before_its_own(folder):
    (folder / "a" / "deeper").mkdir()
    assert [(level.inside, level.files, level.folders) for level in levels_below(folder)] == [
        ("", ["c.txt"], ["a", "b"]),
        ("a", ["1.png"], ["deeper"]),
        ("a/deeper", [], []),
        ("b", ["2.png"], []),
    ]
    assert {level.path for level in levels_below(folder)} == {
        str(folder / inside) for inside in ("", "a", "a/deeper", "b")
    }


def test_links_are_followed_but_in_no_circle(folder, tmp_path):
    (folder / "b" / "up").symlink_to(folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "linked").symlink_to(folder / "a")
    assert list(files_below(folder)) == [folder / "c.txt", folder / "a" / "1.png", folder / "b" / "2.png"]
    assert list(files_below(other)) == [other / "linked" / "1.png"]


def test_two_links_to_one_folder_are_no_circle(folder):
    (folder / "b" / "again").symlink_to(folder / "a")
    (folder / "b" / "once more").symlink_to(folder / "a")
    below = folder / "b"
    assert list(files_below(below)) == [below / "2.png", below / "again" / "1.png", below / "once more" / "1.png"]


def test_a_link_that_leads_nowhere_is_a_file_that_cannot_be_read(folder):
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "itself").symlink_to(folder / "itself")
    assert sorted(next(levels_below(folder)).files) == ["c.txt", "gone.png", "itself"]


def test_a_folder_that_is_closed_is_said_or_passed_over(folder, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if path.endswith("a"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(PermissionError):
        list(levels_below(folder))
    errors = []
    assert [level.inside for level in levels_below(folder, on_error=errors.append)] == ["", "b"]
    assert [error.filename for error in errors] == [str(folder / "a")]
    passed = [one if isinstance(one, str) else (one.file, one.problem) for one in files_of([folder])]
    reason = "the folder cannot be looked into: Permission denied"
    assert passed == [(str(folder / "a"), reason), str(folder / "b" / "2.png")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("desktop.ini", True),
        ("Thumbs.DB", True),
        (".git", True),
        ("a.png", False),
        ("@e", False),
        ("#recycle", True),
        ("System Volume Information", True),
    ],
)
def test_is_clutter(name, expected):
    assert is_clutter(name) is expected


def test_a_network_drive_that_numbers_no_folder_hides_none(folder, monkeypatch):
    real = os.stat

    def unnumbered(path, **more):
        found = real(path, **more)
        return os.stat_result((found.st_mode, 0, *found[2:]))

    expected = [level.inside for level in levels_below(folder)]
    monkeypatch.setattr(os, "stat", unnumbered)
    assert [level.inside for level in levels_below(folder)] == expected
    assert len(expected) > 1
