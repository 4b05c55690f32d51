import codecs
import unicodedata
import zipfile

import pytest

from tellapart.errors import RecipeError, SourceError
from tellapart.images import open_dataset


@pytest.fixture
def write(make_tree):
    def write(text, name="labels.csv", encoding="utf-8"):
        folder = make_tree("img/1.png", "img/2.png", "img/猫.png")
        (folder / name).write_bytes(text.encode(encoding))
        return folder / name

    return write


def test_path_label_split_group(write):
    data = open_dataset(
        write("path,label,split,group\nimg/1.png,cat,train,w1\nimg/猫.png,dog,TEST,w2\nimg/2.png,cat,,w1\n")
    )
    assert data.ids.tolist() == ["img/1.png", "img/猫.png", "img/2.png"]
    assert data.class_names == ("cat", "dog")
    assert data.labels.tolist() == [0, 1, 0]
    assert data.given_split.tolist() == ["train", "test", ""]
    assert data.groups.tolist() == ["w1", "w2", "w1"]
    assert [int(data.images.load(i).pixels[0, 0, 0]) for i in range(3)] == [0, 2, 1]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header", [("filename", "class"), ("Image Path", "Category"), ("FILE", "Target"), ("图片", "标签")]
)
def test_usual_spellings(write, header, delimiter):
    data = open_dataset(write("\n".join(delimiter.join(r) for r in (header, ("img/1.png", "10"), ("img/2.png", "9")))))
    assert data.class_names == ("9", "10")
    assert data.given_split is None
    assert data.groups is None


def test_columns_can_be_named(write):
    path = write("a,b,c,d\nx,img/1.png,u,val\ny,img/2.png,v,train\n")
    data = open_dataset(path, path_column="b", label_column="a", group_column="c", split_column="d")
    assert data.class_names == ("x", "y")
    assert data.groups.tolist() == ["u", "v"]
    assert data.given_split.tolist() == ["validation", "train"]
    with pytest.raises(SourceError, match="no column 'e' for the path: it has a, b, c, d"):
        open_dataset(path, path_column="e")
    with pytest.raises(SourceError, match="no column for the path: it has a, b, c, d; call one 'path'"):
        open_dataset(path)


def test_options_of_any_type_are_taken_as_they_are_typed(write):
    path = write("path\t2020\nimg/1.png\tx\nimg/2.png\ty\n")
    for delimiter in ("\t", "\\t", "tab"):
        assert open_dataset(path, label_column=2020, delimiter=delimiter).class_names == ("x", "y")
    with pytest.raises(SourceError, match="must be one character, or tab, got '::'"):
        open_dataset(path, delimiter="::")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_encodings(write, encoding):
    data = open_dataset(write("path,label\nimg/1.png,汉\nimg/猫.png,字\n", encoding=encoding))
    assert set(data.class_names) == {"汉", "字"}


@pytest.mark.parametrize(
    ("encoding", "classes", "named"),
    [
        ("cp1252", ("Bär", "Löwe"), "Windows-1252"),
        ("shift_jis", ("イヌ", "ネコ"), "Shift-JIS"),
        ("gb18030", ("汉", "字"), "GB 18030"),
        ("gb18030", ("汉", "\U00020000"), "GB 18030"),  # of four bytes, which GBK has not
    ],
)
def test_an_encoding_is_guessed_by_what_people_write_and_said(write, encoding, classes, named):
    first, second = classes
    data = open_dataset(write(f"path,label\nimg/1.png,{first}\nimg/2.png,{second}\n", encoding=encoding))
    assert set(data.class_names) == set(classes)
    assert data.notes == (f"the table does not say how it is encoded: read as {named}",)


def test_a_table_that_is_cut_inside_a_sign_is_damaged(write):
    path = write("path,label\nimg/1.png,a\nimg/2.png,b\n", encoding="utf-16")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SourceError, match="is a damaged table"):
        open_dataset(path)


def test_quotes_blank_lines_and_windows_paths(write):
    data = open_dataset(write('path,label\r\nimg\\1.png,"a, ""b"""\r\n\r\n ./img/2.png , c \r\n'))
    assert data.class_names == ('a, "b"', "c")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty: its first row must name"),
        ("path,label\n", "0 classes"),
        ("path,label\nimg/1.png,a\n", "1 classes"),
        (
            "path,label\nimg/1.png,a\nimg/9.png,b\nimg/8.png,b\n",
            "2 files of 3 that do not exist, such as 'img/9.png', 'img/8",
        ),
        ("path,label\nimg/1.png,a\nimg/1.png,b\n", "names 'img/1.png' 2 times"),
        ("path,label\nimg/1.png,a\nimg/1.png,b\n" + "img/2.png,b\n" * 3, "names 'img/1.png' 2 times"),
        ("path,label\nimg/1.png\n", "line 2: 2 columns are expected, got 1"),
        ("path,label\nimg/1.png,a, black\n", "line 2: 2 columns are expected, got 3: put a cell with the delimiter"),
        ("path,label\nimg/1.png,\n", "line 2: the label is empty"),
        (
            "path,label,split\nimg/1.png,a,holdout\n",
            r"line 2: the split \(column 'split'\) must be train, validation, test or empty",
        ),
        ('path,label\n"img/1.png,a\n', "damaged table"),
    ],
)
def test_tables_that_do_not_hold(write, text, says):
    with pytest.raises(SourceError, match=says):
        open_dataset(write(text))


def test_no_text(write):
    path = write("x")
    path.write_bytes(codecs.BOM_UTF8[:1] + bytes(range(128, 256)))
    with pytest.raises(SourceError, match="no text"):
        open_dataset(path)


def test_a_rule_s_groups_stay_within_splits(write):
    path = write("path,label,split\nimg/1.png,a,train\nimg/2.png,b,test\n")
    data = open_dataset(path, group_by=r"(\d)")
    assert (data.groups.tolist(), data.notes) == (["train/1", "test/2"], ())


def test_pictures_without_a_split_belong_to_their_group_s(write):
    def groups(first, second, third):
        text = f"path,label,split\nimg/1.png,a,{first}\nimg/2.png,b,{second}\nimg/猫.png,b,{third}\n"
        return open_dataset(write(text), group_by="(g)").groups.tolist()

    assert groups("", "", "") == ["g"] * 3
    assert groups("test", "", "test") == ["test/g"] * 3
    assert groups("test", "train", "") == ["test/g", "train/g", "train/g"]
    with pytest.raises(SourceError, match=r"the group 'g' stands in test and validation, .* give them a split"):
        groups("test", "validation", "")


def test_columns_that_mean_something_else_are_named_and_can_be_refused(write):
    path = write("path,label,fold,subject\nimg/1.png,cat,1,cat\nimg/2.png,dog,2,dog\n")
    with pytest.raises(
        SourceError, match=r"the split \(column 'fold'\) must be train, .* got '1'; --source-option spl"
    ):
        open_dataset(path)
    data = open_dataset(path, split_column="")
    assert data.given_split is None
    assert data.groups.tolist() == ["cat", "dog"]
    assert data.notes == ("the column 'subject' was taken for the group: --source-option group_column= takes none",)
    assert open_dataset(path, split_column="", group_column="").groups is None


def test_ids_are_the_same_however_a_path_is_written(write):
    data = open_dataset(write("path,label\n./img/1.png,a\nimg//猫.png,b\n"))
    assert data.ids.tolist() == ["img/1.png", "img/猫.png"]
    assert [int(data.images.load(i).pixels[0, 0, 0]) for i in range(2)] == [0, 2]
    with pytest.raises(SourceError, match=r"names 'img/1\.png' 2 times"):
        open_dataset(write("path,label\nimg/1.png,a\n./img/1.png,b\n"))


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_that_a_mac_has_decomposed_are_found(make_tree, on_disk, in_table):
    names = [f"{name}.png" for name in ("löwe", "käfer")]
    folder = make_tree(*(unicodedata.normalize(on_disk, name) for name in names))
    rows = "".join(
        f"{unicodedata.normalize(in_table, name)},{label}\n" for name, label in zip(names, "ab", strict=True)
    )
    (folder / "labels.csv").write_text(f"path,label\n{rows}", encoding="utf-8")
    data = open_dataset(folder / "labels.csv")
    assert data.ids.tolist() == names
    assert data.images.load(0).pixels.size


def test_a_group_is_the_same_however_its_letters_are_composed(write):
    path = write("path,label,patient\nimg/1.png,a,Jos\u00e9\nimg/2.png,b,Jose\u0301\n")
    assert len(set(open_dataset(path).groups.tolist())) == 1


def test_a_rule_that_would_replace_the_column_s_groups_is_refused(write):
    path = write("path,label,patient\nimg/1.png,a,Ann\nimg/2.png,b,Bob\n")
    with pytest.raises(RecipeError, match="group_by would replace the groups"):
        open_dataset(path, group_by=r"(\d)")
    assert open_dataset(path, group_by=r"(\d)", group_column="").groups.tolist() == ["1", "2"]


def test_a_column_that_is_named_for_the_label_is_not_taken_for_the_group_or_the_split(write):
    for column in ("person", "phase"):
        data = open_dataset(write(f"path,{column}\nimg/1.png,Ann\nimg/2.png,Bob\n"), label_column=column)
        assert (data.class_names, data.groups, data.given_split, data.notes) == (("Ann", "Bob"), None, None, ())


def test_a_named_column_is_found_however_its_header_is_spaced(write):
    path = write("path, kind\nimg/1.png, a\nimg/2.png, b\n")
    assert open_dataset(path, label_column="kind").class_names == ("a", "b")


def test_a_picture_without_a_group_stands_alone(write):
    assert open_dataset(write("path,label,group\nimg/1.png,a,\nimg/2.png,b,g\n")).groups.tolist() == ["", "g"]
    nothing = write("path,label,group\nimg/1.png,a,\nimg/2.png,b,\n")
    assert open_dataset(nothing, group_by=r"(\d)").groups.tolist() == ["1", "2"], "there is nothing to replace"


def test_excels_own_line_says_the_delimiter(write):
    data = open_dataset(write("sep=;\npath;label\nimg/1.png;cat\nimg/2.png;dog\n"))
    assert data.class_names == ("cat", "dog")


def test_a_workbook_is_named_as_what_it_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(SourceError, match="is a workbook: save its sheet as CSV, with the columns path and label"):
        open_dataset(tmp_path / "labels.xlsx")


def test_two_files_whose_names_are_composed_differently_are_two_pictures(make_tree):
    folder = make_tree("\u00e9.png", "e\u0301.png")
    (folder / "labels.csv").write_text("path,label\ne\u0301.png,a\n\u00e9.png,b\n", encoding="utf-8")
    data = open_dataset(folder / "labels.csv")
    assert data.ids.tolist() == ["e\u0301.png", "\u00e9.png"]
    assert [int(data.images.load(i).pixels[0, 0, 0]) for i in range(2)] == [1, 0]
    (folder / "e\u0301.png").unlink()
    with pytest.raises(SourceError, match=r"names '\u00e9\.png' 2 times"):
        open_dataset(folder / "labels.csv")
