import os
import re
import sys
import unicodedata

import numpy as np
import pytest

from tellapart.errors import RecipeError, SourceError, SourceNotFoundError
from tellapart.images import open_dataset
from tellapart.images.sources.tree import split_of


def test_one_subfolder_a_class(make_tree):
    data = open_dataset(make_tree("dog/1.png", "cat/2.png", "cat/1.png"))
    assert data.ids.tolist() == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert data.class_names == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 1]
    assert data.given_split is None
    assert data.groups is None
    assert data.name == "pictures"
    assert data.notes == ()


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Validation", "Test"),
        ("TRAINING", "valid", "TESTING"),
        ("trn", "dev", "tst"),
        ("Train_data", "valid-set", "test images"),
        ("training_2", "my_val", "TestSet"),
        ("训练集", "验证集", "测试集"),
    ],
)
def test_splits_above_the_classes(make_tree, train, validation, test):
    data = open_dataset(make_tree(f"{train}/a/1.png", f"{validation}/a/1.png", f"{test}/b/1.png"))
    assert dict(zip(data.ids.tolist(), data.given_split.tolist(), strict=True)) == {
        f"{train}/a/1.png": "train", f"{validation}/a/1.png": "validation", f"{test}/b/1.png": "test"
    }  # fmt: skip
    assert data.class_names == ("a", "b")


@pytest.mark.parametrize("name", ["tests", "trainer", "cat", "devil", "valley", "contest", "test tube", "12", ""])
def test_what_is_no_split(name):
    assert split_of(name) == ""


def test_classes_named_like_splits_are_classes_where_the_others_are(make_tree):
    data = open_dataset(make_tree("test/1.png", "quiz/1.png"))
    assert data.class_names == ("quiz", "test")


def test_one_split_alone(make_tree):
    data = open_dataset(make_tree("train/a/1.png", "train/b/1.png"))
    assert data.given_split.tolist() == ["train", "train"]
    assert data.ids.tolist() == ["train/a/1.png", "train/b/1.png"]


@pytest.mark.parametrize("wrapper", ["", "photos/", "a/b/"])
def test_wrapping_folders_are_looked_through(make_tree, wrapper):
    plain = open_dataset(make_tree(f"{wrapper}cat/1.png", f"{wrapper}dog/1.png", root="one"))
    assert plain.ids.tolist() == ["cat/1.png", "dog/1.png"]
    split = open_dataset(make_tree(f"{wrapper}train/cat/1.png", f"{wrapper}test/dog/1.png", root="two"))
    assert split.ids.tolist() == ["test/dog/1.png", "train/cat/1.png"]
    assert split.images.load(0).pixels.shape == (4, 6, 1)


def test_a_folder_that_wraps_inside_each_split(make_tree):
    data = open_dataset(make_tree("seg_train/seg_train/sea/1.png", "seg_train/seg_train/ice/1.png",
                                  "seg_test/seg_test/sea/1.png"))  # fmt: skip
    assert data.class_names == ("ice", "sea")
    assert data.given_split.tolist() == ["test", "train", "train"]


def test_numbers_sort_as_numbers(make_tree):
    assert open_dataset(make_tree("10/1.png", "9/1.png", "x/1.png")).class_names == ("9", "10", "x")


def test_any_script_any_name(make_tree):
    names = ["汉字", "Ünïcode", "CON", "NUL", "with space", "a" * 200, "🐱", "عربي", "semi;colon,comma"]
    data = open_dataset(make_tree(*(f"{name}/1.png" for name in names)))
    assert sorted(data.class_names) == sorted(names)
    assert all(data.images.load(i).pixels.shape == (4, 6, 1) for i in range(len(data)))


def test_decomposed_names_are_the_same_class(make_tree):
    decomposed = unicodedata.normalize("NFD", "é")
    data = open_dataset(make_tree(f"train/{decomposed}/1.png", "train/b/1.png", "test/é/1.png"))
    assert data.class_names == ("b", "é")
    assert "train/é/1.png" in data.ids.tolist()
    assert len(data.images.load(2).notes) == 0


def test_what_is_no_picture_is_counted_and_clutter_is_not(make_tree):
    data = open_dataset(
        make_tree(
            "a/1.png",
            "b/1.png",
            "a/x.txt",
            "a/y.txt",
            "b/z.json",
            "a/.DS_Store",
            "a/Thumbs.db",
            ".hidden/1.png",
            "__MACOSX/a/1.png",
        )
    )
    assert len(data) == 2
    assert data.notes == (
        "3 files left out, being no picture (2 .txt, 1 .json)",
        "1 picture left out, in folders whose names begin with a dot: '.hidden'; rename those that are classes",
    )


def test_empty_classes_and_loose_pictures_are_noted(make_tree):
    data = open_dataset(make_tree("a/1.png", "b/1.png", "c/", "loose.png"))
    assert data.notes == ("1 picture left out, being beside the class folders", "1 folder holds no pictures: c")


def test_unlabelled_test_pictures_are_left_out_with_a_note(make_tree):
    data = open_dataset(make_tree("train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"))
    assert data.given_split.tolist() == ["train", "train"]
    assert data.notes == ("2 pictures in 'test' lie in no class folder: left out",)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "is empty: put one subfolder"),
        (("a/", "b/"), "2 folders but no pictures"),
        (("a/x.txt",), r"no pictures, only other files \(1 .txt\)"),
        (("1.png", "2.png"), "2 pictures but no class folders"),
        (("1.png", "labels.csv"), "open 'labels.csv' beside them"),
        (("data.zip",), "'data.zip' may be a data set"),
        (("a/1.png",), "one class only, 'a'"),
        (("train/a/1.png", "test/a/1.png"), "one class only, 'a'"),
        (("x/a/1.png", "y/b/1.png"), "deeper than classes lie: in 'x/a', where class/picture is expected"),
        (("a/1.png", "b/c/d/1.png"), "deeper than classes lie"),
        (("train/a/x/1.png", "train/b/1.png"), "where split/class/picture is expected"),
        (("top/train/a/x/1.png", "top/train/b/1.png"), "where split/class/picture is expected"),
        (("train/1.png", "test/1.png"), "their pictures lie in no class folders"),
        (("train/a/1.png", "test/a/1.png", "other/b/1.png"), "the folder 'other' with pictures"),
    ],
)
def test_folders_that_say_no_class(make_tree, names, says):
    with pytest.raises(SourceError, match=says):
        open_dataset(make_tree(*names))


def test_missing_paths(make_tree, tmp_path):
    make_tree("a/1.png")
    with pytest.raises(SourceNotFoundError, match=r"did you mean .*pictures"):
        open_dataset(tmp_path / "picturs")
    with pytest.raises(SourceNotFoundError, match=r"the folder .*nowhere' does not exist either"):
        open_dataset(tmp_path / "nowhere" / "deep")
    with pytest.raises(SourceNotFoundError, match="did you mean 'digits'"):
        open_dataset("digit")
    with pytest.raises(SourceNotFoundError, match="one of digits, faces, fashion-mnist"):
        open_dataset("q" * 5000)
    with pytest.raises(FileNotFoundError):
        open_dataset("a\0b")


def test_a_path_wins_over_a_name(make_tree, tmp_path, monkeypatch):
    make_tree("a/1.png", "b/1.png", root="digits")
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset("digits")) == 2


def test_files_that_are_no_data_set(make_tree):
    folder = make_tree("a/1.png", "note.txt", "empty.bin")
    (folder / "empty.bin").write_bytes(b"")
    for name, says in (("a/1.png", "is one picture"), ("note.txt", "looks like text"), ("empty.bin", "an empty file")):
        with pytest.raises(SourceError, match=says):
            open_dataset(folder / name)


def test_links_are_followed_but_not_in_circles(make_tree):
    folder = make_tree("a/1.png", "b/1.png")
    (folder / "b" / "2.png").symlink_to(folder / "a" / "1.png")
    (folder / "a" / "2.png").symlink_to(folder / "nowhere")
    assert len(open_dataset(folder)) == 4
    (folder / "a" / "up").symlink_to(folder)
    assert len(open_dataset(folder)) == 4
    (folder / "a" / "itself").symlink_to(folder / "a" / "itself")
    assert len(open_dataset(folder)) == 4


def test_names_that_are_not_utf8(make_tree):
    folder = make_tree("a/1.png", "b/1.png")
    (folder / "a" / os.fsdecode(b"\xb0\xa1.png")).write_bytes(b"")
    assert open_dataset(folder).notes == ("1 files are left out: their names are not UTF-8",)
    (folder / os.fsdecode(b"\xb0\xa1")).mkdir()
    with pytest.raises(SourceError, match="not UTF-8: rename it"):
        open_dataset(folder)
    (folder / os.fsdecode(b"\xb0\xa1")).rmdir()
    latin = folder.rename(folder.with_name(os.fsdecode("photos-é".encode("latin-1"))))
    with pytest.raises(SourceError, match=r"photos-\\xe9' has a name that is not UTF-8: rename it"):
        open_dataset(latin)


def test_groups_by_a_rule(make_tree):
    folder = make_tree("a/7.png", "a/8.png", "b/7.png")
    assert open_dataset(folder, group_by=r"(\d+)\.png").groups.tolist() == ["7", "8", "7"]
    with pytest.raises(SourceError, match=r"no group in 1 of 3 ids, such as 'a/8.png'"):
        open_dataset(folder, group_by="(7)")
    with pytest.raises(RecipeError, match="part in parentheses"):
        open_dataset(folder, group_by="7")
    with pytest.raises(RecipeError, match=re.escape("regular expression, got '(7'")):
        open_dataset(folder, group_by="(7")


def test_groups_stay_within_given_splits(make_tree):
    data = open_dataset(make_tree("Train/a/7.png", "Train/b/7.png", "Test/a/7.png"), group_by=r"(\d+)\.png")
    assert data.groups.tolist() == ["test/7", "train/7", "train/7"]
    assert "1 group name ('7' ...) in several of the source's own splits" in data.notes[-1]


def test_unknown_options(make_tree):
    with pytest.raises(RecipeError, match="the source 'folder' has no option 'label_column'"):
        open_dataset(make_tree("a/1.png", "b/1.png"), label_column="x")


def test_no_python_object_a_picture(make_tree):
    data = open_dataset(make_tree(*(f"{c}/{i}.png" for c in "ab" for i in range(3))))
    assert isinstance(data.ids.dtype, np.dtypes.StringDType)
    assert isinstance(data.images.paths.dtype, np.dtypes.StringDType)


def test_long_numbers_in_names_take_no_time():
    """The pattern once took twice as long with each digit: forty would have taken years."""
    assert split_of("4006381333931" * 4) == ""
    assert split_of("2024-01-15_10-30-45_123456 train 20240115103045123456") == "train"


def test_a_name_that_can_be_cut_in_many_ways_takes_no_time():
    assert split_of("dataset" * 30 + "x") == ""
    assert split_of("test_dataset") == "test"


def test_two_files_whose_names_are_composed_differently_are_two_pictures(make_tree):
    data = open_dataset(make_tree("a/\u00e9.png", "a/e\u0301.png", "b/1.png"))
    assert sorted(data.ids.tolist()) == ["a/e\u0301.png", "a/\u00e9.png", "b/1.png"]
    assert not any("occur twice" in note for note in data.notes)
    assert len(data) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe_is_said_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="is a pipe or a device: save what comes from it to a file first"):
        open_dataset(tmp_path / "pipe")


def test_pictures_in_a_folder_that_begins_with_a_dot_are_counted(make_tree, make_zip):
    names = ("java/1.png", "c/1.png", ".net/1.png", ".net/old/2.png", ".git/config", "__MACOSX/.net/1.png")
    folder = make_tree(*names)
    (folder / ".all").symlink_to(folder)
    note = "1 picture left out, in folders whose names begin with a dot: '.net'; rename those that are classes"
    assert open_dataset(folder).notes == open_dataset(make_zip(*names)).notes == (note,)
    with pytest.raises(SourceError, match=r"one class only, 'java': .* \(1 picture left out, .* '\.net'; rename"):
        open_dataset(make_tree("java/1.png", ".net/1.png", root="two"))


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names there are always Unicode")
def test_a_suffix_that_is_no_utf8_is_counted_without_it(make_tree):
    folder = make_tree("cat/1.png", "dog/1.png")
    (folder / "cat" / os.fsdecode(b"Hr. M\xfcller")).write_bytes(b"?")
    (note,) = open_dataset(folder).notes
    assert note.encode() == b"1 file left out, being no picture (1 without suffix)"


def test_a_path_that_no_system_takes_is_said(tmp_path):
    with pytest.raises(SourceNotFoundError, match="does not exist either"):
        open_dataset(tmp_path / ("x" * 300) / "photos")
