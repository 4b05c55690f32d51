"""The list that a person mends: what is written is read, and what does not fit is said."""

import os

import numpy as np
import pytest

from tellapart.errors import ClassMismatchError, DataError, SourceNotFoundError
from tellapart.evaluation import Mended, Predictions, find_label_errors, read_label_list, relabelled
from tellapart.images import Dataset
from tellapart.images.arrays import ArrayImages


@pytest.fixture
def data() -> Dataset:
    pixels = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2)
    ids = ["a/1.png", "a/2.png", "b/1.png", "=b/2.png", "c/1.png"]
    return Dataset(ids, ArrayImages(pixels), [0, 0, 1, 1, 2], class_names=("ant", "bee", "cow"))


def write(path, text: str):
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_change_pictures_go_and_an_emptied_class_goes_with_them(data, tmp_path):
    text = "id,given,label,more\na/1.png,ant,bee,x\n'=b/2.png,bee,(remove),\nc/1.png,cow,ant,\nb/1.png,bee,,\n"
    mended = read_label_list(write(tmp_path / "labels.csv", text))
    assert mended == {
        "a/1.png": Mended("bee", "ant"), "=b/2.png": Mended(None, "bee"), "c/1.png": Mended("ant", "cow"),
    }  # fmt: skip
    out = relabelled(data, mended, name="'labels.csv'")
    assert out.ids.tolist() == ["a/1.png", "a/2.png", "b/1.png", "c/1.png"]
    assert [out.label_name(i) for i in range(4)] == ["bee", "ant", "bee", "ant"]
    assert out.class_names == ("ant", "bee")
    assert out.notes[-1] == "2 labels changed and 1 picture left out by 'labels.csv'"
    np.testing.assert_array_equal(out.images.load(3).pixels, data.images.load(4).pixels)
    assert data.counts() == {"ant": 2, "bee": 2, "cow": 1}


def test_rows_that_differ_in_blanks_alone_agree(tmp_path):
    text = "id,given,label\nx,ant,bee\nx, ant,bee \n"
    assert read_label_list(write(tmp_path / "l.csv", text)) == {"x": Mended("bee", "ant")}


def test_semicolons_and_a_byte_order_mark_are_read(tmp_path):
    assert read_label_list(write(tmp_path / "l.csv", "\ufeffId;Label\nx;bee\n")) == {"x": Mended("bee")}


def test_a_list_may_come_from_another_program():
    reading, writing = os.pipe()
    os.write(writing, "id,label\n松鼠/1.png,兔子\n".encode("gb18030"))
    os.close(writing)
    assert read_label_list(f"/dev/fd/{reading}") == {"松鼠/1.png": Mended("兔子")}
    os.close(reading)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8"])
def test_a_list_is_read_as_a_spreadsheet_saves_it(tmp_path, encoding):
    path = tmp_path / "labels.csv"
    path.write_bytes("id\tlabel\n松鼠/1.png\t兔子\n松鼠/2.png\t白猫\n".encode(encoding))
    assert read_label_list(path) == {"松鼠/1.png": Mended("兔子"), "松鼠/2.png": Mended("白猫")}


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("id,label\nz.png,bee\n", DataError, "1 picture of .* not in .*'z.png'"),
        ("id,label\na/1.png,bea\n", ClassMismatchError, "did you mean 'bee'"),
        ("id,label\na/1.png,elephant\n", ClassMismatchError, r"give one of its classes, or \(remove\)"),
        ("id,given,label\na/1.png,cow,bee\n", DataError, "labelled 'cow', it is 'ant' now"),
        ("id,label\na/1.png,bee\na/1.png,cow\n", DataError, "two things"),
        ("id,name\na/1.png,bee\n", DataError, "columns 'id' and 'label'"),
        ("", DataError, "columns 'id' and 'label'"),
        ('id,label\n"a/1.png,bee\nb/1.png,cow\n', DataError, "is damaged: .*: look for a quote too many"),
        ('id,label\n"a/1.png,bee\n' + "b/1.png,cow\n" * 12_000, DataError, "is damaged: .*: look for a quote"),
    ],
)
def test_what_does_not_fit_is_said(data, tmp_path, text, error, match):
    path = write(tmp_path / "labels.csv", text)
    with pytest.raises(error, match=match):
        relabelled(data, read_label_list(path))


def test_a_missing_and_an_unreadable_list(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"--label-errors labels\.csv makes one"):
        read_label_list(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"id,label\n\x81\xff\x81,bee\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_label_list(tmp_path / "bad.csv")


def test_a_list_as_it_is_written_changes_nothing_until_it_is_filled_in(predictions, tmp_path):
    found = find_label_errors(predictions, limit=3)
    found.write(tmp_path / "labels.csv")
    assert read_label_list(tmp_path / "labels.csv") == {}
    lines = (tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    cells[4] = cells[3]
    write(tmp_path / "labels.csv", "\n".join([lines[0], ",".join(cells), *lines[2:]]))
    first = found.candidates[0]
    assert read_label_list(tmp_path / "labels.csv") == {first.id: Mended(first.suggested, first.given)}


def test_a_second_list_brings_the_first_ones_rows(predictions, tmp_path):
    found = find_label_errors(predictions, limit=3)
    first = found.candidates[0]
    before = {first.id: Mended(first.given, "was"), "gone.png": Mended(None, "cow")}
    found.write(tmp_path / "labels.csv", mended=before)
    assert read_label_list(tmp_path / "labels.csv") == before


def test_a_list_that_did_not_say_what_it_found_is_followed_by_one_that_fits(data, tmp_path):
    """The second list must not hold the first one's label against the source."""
    by_hand = {"a/1.png": Mended("bee")}
    said = Predictions(["a/1.png", "b/1.png"], [[9, 0, 0], [0, 9, 0]], [1, 1], data.class_names)  # as the run has them
    found = find_label_errors(said, limit=2)
    assert [one.id for one in found.candidates] == ["a/1.png"]
    found.write(tmp_path / "next.csv", mended=by_hand)
    again = read_label_list(tmp_path / "next.csv")
    assert again == by_hand
    assert relabelled(data, again).label_name(0) == "bee"


def test_names_with_blanks_around_them_and_decomposed_ones_are_found(tmp_path):
    pixels = ArrayImages(np.zeros((3, 2, 2), np.uint8))
    data = Dataset([" x.png", "é.png", "z.png"], pixels, [0, 0, 1], class_names=("cat ", "dög"))
    text = "id,given,label\n x.png,cat ,dög\ne\u0301.png, cat ,do\u0308g\n z.png , dög , (remove) \n"
    mended = read_label_list(write(tmp_path / "labels.csv", text))
    assert relabelled(data, mended).counts() == {"dög": 2}
    with pytest.raises(DataError, match=r"two things of 'z\.png'"):
        relabelled(data, {"z.png": Mended("cat "), " z.png": Mended("dög")})
