import sys

import numpy as np
import pytest

from tellapart.errors import RecipeError, SourceError
from tellapart.images import open_dataset
from tellapart.images.decode import as_pixels

from .reading import loaded


def test_npz_with_x_and_y(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1, 2, 0, 1, 2])
    data = open_dataset(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded(data)[..., 0], pixels)
    assert data.class_names == ("0", "1", "2")
    assert data.ids.tolist() == list("012345")
    assert data.notes == ()


def test_npz_as_keras_has_it(tmp_path, pixels):
    np.savez(
        tmp_path / "a.npz", x_train=pixels[:4], y_train=[[9], [10], [9], [10]], x_test=pixels[4:], y_test=[[9], [2]]
    )
    data = open_dataset(tmp_path / "a.npz")
    assert data.class_names == ("2", "9", "10")
    assert data.given_split.tolist() == ["train"] * 4 + ["test"] * 2
    assert data.ids.tolist() == ["train/0", "train/1", "train/2", "train/3", "test/0", "test/1"]
    assert data.labels.tolist() == [1, 2, 1, 2, 1, 0]


def test_squares_along_the_last_axis(tmp_path, pixels):
    flat = np.ascontiguousarray(pixels.reshape(6, 64).T)
    np.save(tmp_path / "X.npy", flat)
    np.save(tmp_path / "y.npy", np.eye(3)[[0, 1, 2, 0, 1, 2]])
    data = open_dataset(tmp_path / "X.npy")
    np.testing.assert_array_equal(loaded(data)[..., 0], pixels)
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.notes == ("pictures lie along the last axis of (64, 6)", "rows of 64 values are squares of 8x8")


@pytest.mark.parametrize("order", ["first", "last"])
def test_colour_channels(tmp_path, random, order):
    colour = random.integers(0, 256, (4, 5, 7, 3), dtype=np.uint8)
    given = colour if order == "last" else colour.transpose(0, 3, 1, 2)
    np.savez(tmp_path / "a.npz", images=given, labels=np.array(["b", "a", "b", "é"]))
    data = open_dataset(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded(data), colour)
    assert data.class_names == ("a", "b", "é")
    assert data.notes == ((f"channels lie first in {given.shape}",) if order == "first" else ())


@pytest.mark.parametrize(
    ("scale", "dtype", "note"),
    [
        (1 / 255, np.float32, ("float 0 to 1 scaled to 0 to 255",)),
        (1, np.float64, ("float with values of 0 to 255 kept",)),
        (257, np.uint16, ("16-bit scaled to 8",)),
        (1, np.int64, ("64-bit with values of 0 to 255 kept",)),
    ],
)
def test_ranges(tmp_path, pixels, scale, dtype, note):
    pixels[0, 0, 0] = 255
    np.savez(tmp_path / "a.npz", X=pixels.astype(dtype) * dtype(scale), y=[0, 1] * 3)
    data = open_dataset(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded(data)[..., 0], pixels)
    assert data.notes == note


def test_many_float_pictures_are_scaled_alike(tmp_path):
    values = np.zeros((1500, 4, 4), dtype=np.float32)
    values[1400:] = 200  # alone, the first thousand would pass for 0 to 1
    values[0] = 1
    np.savez(tmp_path / "a.npz", X=values, y=np.arange(1500) % 2)
    data = open_dataset(tmp_path / "a.npz")
    assert int(data.images.load(0).pixels.max()) == 1
    assert data.notes == ("float with values of 0 to 255 kept",)


def test_keys_can_be_named_and_class_names_come_along(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", foo=pixels, bar=[0, 1] * 3, class_names=np.array(["cat", "dog"]))
    assert open_dataset(tmp_path / "a.npz", images_key="foo", labels_key="bar").class_names == ("cat", "dog")
    with pytest.raises(SourceError, match="the arrays foo, bar, class_names, and it cannot be told"):
        open_dataset(tmp_path / "a.npz")
    with pytest.raises(SourceError, match="no array 'baz'"):
        open_dataset(tmp_path / "a.npz", images_key="baz", labels_key="bar")


def test_the_names_of_pictures_are_not_those_of_classes(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1] * 3, names=[f"{n}.png" for n in range(6)])
    assert open_dataset(tmp_path / "a.npz").class_names == ("0", "1")
    np.savez(tmp_path / "b.npz", X=pixels, y=[0, 1] * 3, class_names=[["cat"], ["dog"]])
    assert open_dataset(tmp_path / "b.npz").class_names == ("cat", "dog")


def test_groups_come_along(tmp_path, pixels):
    split = {"x_train": pixels[:4], "y_train": [0, 1] * 2, "x_test": pixels[4:], "y_test": [0, 1]}
    np.savez(tmp_path / "a.npz", **split, groups_train=np.array([b"Ann", b"Bob", b"Ann", b""]))
    data = open_dataset(tmp_path / "a.npz")
    assert data.groups.tolist() == ["Ann", "Bob", "Ann", "", "", ""]
    assert data.notes == ("the array 'groups_train' was taken for the groups: --source-option groups_key= takes none",)
    assert open_dataset(tmp_path / "a.npz", groups_key="").groups is None
    np.savez(tmp_path / "b.npz", X=pixels, y=[0, 1] * 3, groups=np.arange(6.0) // 2, patient=np.arange(6) // 3)
    assert open_dataset(tmp_path / "b.npz").groups.tolist() == ["0", "0", "1", "1", "2", "2"]
    keys = {"images_key": "X", "labels_key": "y"}
    assert open_dataset(tmp_path / "b.npz", **keys).groups is None
    assert open_dataset(tmp_path / "b.npz", **keys, groups_key="patient").groups.tolist() == ["0"] * 3 + ["1"] * 3


def test_groups_that_do_not_fit(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1] * 3, groups=[0, 1], half=np.full(6, 0.5))
    with pytest.raises(
        SourceError, match=r"groups in .* must have one entry per picture, got \(2,\) for 6; to take none: .*_key="
    ):
        open_dataset(tmp_path / "a.npz")
    with pytest.raises(SourceError, match=r"groups in .* must be whole numbers or names.*; to take none: .*_key="):
        open_dataset(tmp_path / "a.npz", images_key="X", labels_key="y", groups_key="half")
    np.savez(tmp_path / "b.npz", X=pixels, y=[0, 1] * 3, groups=np.array([None, "a"] * 3, dtype=object))
    with pytest.raises(SourceError, match=r"the array 'groups', cannot be read: .*; to take none: .*_key="):
        open_dataset(tmp_path / "b.npz")
    assert open_dataset(tmp_path / "b.npz", groups_key="").groups is None
    with pytest.raises(SourceError, match="groups_key to both: give the others, too"):
        open_dataset(tmp_path / "a.npz", groups_key="groups")
    with pytest.raises(SourceError, match="no array 'writer'"):
        open_dataset(tmp_path / "a.npz", images_key="X", labels_key="y", groups_key="writer")


def test_two_arrays_of_one_file_share_no_fingerprint(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", foo=pixels, masked=np.zeros_like(pixels), bar=[0, 1] * 3)
    one, other = (open_dataset(tmp_path / "a.npz", images_key=key, labels_key="bar") for key in ("foo", "masked"))
    assert one.images.fingerprint() != other.images.fingerprint()


def test_the_axis_can_be_said_where_both_fit(tmp_path, random):
    values = random.integers(0, 256, (16, 16), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", X=values, y=np.arange(16) % 2)
    first = open_dataset(tmp_path / "a.npz")
    last = open_dataset(tmp_path / "a.npz", sample_axis=1)
    np.testing.assert_array_equal(loaded(first)[0].ravel(), values[0])
    np.testing.assert_array_equal(loaded(last)[0].ravel(), values[:, 0])
    assert first.images.fingerprint() != last.images.fingerprint()


@pytest.mark.parametrize(
    ("images", "labels", "says"),
    [
        (np.zeros((6, 8, 8)), np.zeros(5), "5 labels for pictures of shape"),
        (np.zeros((6, 50)), [0, 1] * 3, "flattened to 50 values, which is no square"),
        (np.zeros((6, 8, 8, 5)), [0, 1] * 3, "1 or 3 channels"),
        (np.zeros((6, 8, 8)), [0.5, 1] * 3, "whole numbers or names"),
        (np.zeros((6, 8, 8)), np.ones((6, 3)), "must be one-hot"),
        (np.zeros((6, 8, 8)), [3] * 6, "one class only"),
        (np.zeros(6), [0, 1] * 3, "must be numbers of shape"),
    ],
)
def test_what_does_not_fit(tmp_path, images, labels, says):
    np.savez(tmp_path / "a.npz", X=images, y=labels)
    with pytest.raises(SourceError, match=says):
        open_dataset(tmp_path / "a.npz")


def test_nothing_pickled_is_loaded(tmp_path):
    np.save(tmp_path / "X.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "y.npy", [0, 1])
    np.savez(tmp_path / "a.npz", X=np.array([{}, {}], dtype=object), y=[0, 1])
    for name in ("X.npy", "a.npz"):
        with pytest.raises(SourceError, match="pickle"):
            open_dataset(tmp_path / name)


def test_labels_beside(tmp_path, pixels):
    np.save(tmp_path / "X.npy", pixels)
    with pytest.raises(SourceError, match=r"no labels beside it: save them as 'y.npy'"):
        open_dataset(tmp_path / "X.npy")
    np.save(tmp_path / "labels.npy", [0, 1] * 3)
    assert len(open_dataset(tmp_path / "X.npy")) == 6
    np.save(tmp_path / "train_images.npy", pixels[:4])
    np.save(tmp_path / "train_labels.npy", [1, 0] * 2)
    assert open_dataset(tmp_path / "train_images.npy").labels.tolist() == [1, 0, 1, 0]
    (tmp_path / "train_images.npy").rename(tmp_path / "own-images.npy")
    np.save(tmp_path / "own-labels.npy", np.array([0, 0, 1, 1]))
    assert open_dataset(tmp_path / "own-images.npy").labels.tolist() == [0, 0, 1, 1]
    with pytest.raises(SourceError, match="looks like labels"):
        open_dataset(tmp_path / "labels.npy")


def test_damaged_arrays(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1] * 3)
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:300])
    (tmp_path / "c.npy").write_bytes(b"\x93NUMPY\1\0")
    (tmp_path / "y.npy").write_bytes(b"")
    np.save(tmp_path / "d.npy", pixels)
    (tmp_path / "d.npy").write_bytes((tmp_path / "d.npy").read_bytes().replace(b"), }", b" , }", 1))
    for name in ("b.npz", "c.npy", "d.npy"):
        with pytest.raises(SourceError, match="cannot be read as"):
            open_dataset(tmp_path / name)


def test_a_rewritten_array_has_another_fingerprint(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1] * 3)
    before = open_dataset(tmp_path / "a.npz").images.fingerprint()
    assert open_dataset(tmp_path / "a.npz").images.fingerprint() == before
    np.savez(tmp_path / "a.npz", X=255 - pixels, y=[0, 1] * 3)
    assert open_dataset(tmp_path / "a.npz").images.fingerprint() != before


def test_all_splits_are_scaled_alike(tmp_path):
    train, test = np.zeros((4, 2, 2), np.float32), np.zeros((4, 2, 2), np.float64)
    train[0], test[0], test[1] = 1.0, 1.003, 0.5
    np.savez(tmp_path / "a.npz", x_train=train, y_train=[0, 1] * 2, x_test=test, y_test=[0, 1] * 2)
    data = open_dataset(tmp_path / "a.npz")
    assert loaded(data).max(axis=(1, 2, 3)).tolist() == [254, 0, 0, 0, 255, 127, 0, 0], "one range, 0 to 1.003"
    assert data.notes == ("float stretched from 0..1.003 to 0..255",)
    dim = (train * 250).astype(np.uint16)
    np.savez(tmp_path / "b.npz", x_train=dim * 2, y_train=[0, 1] * 2, x_test=dim, y_test=[0, 1] * 2)
    assert loaded(open_dataset(tmp_path / "b.npz")).max(axis=(1, 2, 3)).tolist() == [2, 0, 0, 0, 1, 0, 0, 0]


def test_a_value_that_is_no_number_changes_no_other_picture(tmp_path):
    values = np.linspace(-3, 3, 3000, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    values[5, 0, 0], values[6, 0, 0] = np.nan, np.inf
    np.savez(tmp_path / "a.npz", X=values, y=np.arange(3000) % 2)
    found = loaded(open_dataset(tmp_path / "a.npz"))[:, 1, 1, 0].astype(int)
    assert (found[0], found[-1]) == (0, 255)
    assert (np.diff(found) >= 0).all()
    assert np.abs(found - np.linspace(0, 255, 3000)).max() <= 1


def test_names_in_arrays_are_normalised_as_folders_are(tmp_path, pixels):
    apart, joined = "caf\u0065\u0301", "caf\u00e9"
    np.savez(tmp_path / "a.npz", X=pixels, y=np.array([apart, joined, "tea"] * 2))
    assert open_dataset(tmp_path / "a.npz").class_names == (joined, "tea")
    np.savez(tmp_path / "b.npz", X=pixels, y=[0, 1] * 3, class_names=np.array([apart, "tea"]))
    assert open_dataset(tmp_path / "b.npz").class_names == (joined, "tea")
    np.savez(tmp_path / "c.npz", X=pixels, y=np.array([joined.encode("latin-1"), b"tea"] * 3))
    with pytest.raises(SourceError, match="bytes that are no UTF-8"):
        open_dataset(tmp_path / "c.npz")


def test_options_are_taken_as_text_too(tmp_path, random):
    values = random.integers(0, 256, (16, 16), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", X=values, y=np.arange(16) % 2)
    np.testing.assert_array_equal(loaded(open_dataset(tmp_path / "a.npz", sample_axis="1"))[0].ravel(), values[:, 0])
    with pytest.raises(RecipeError, match=r"'sample_axis' .* must be a whole number, got 'last'"):
        open_dataset(tmp_path / "a.npz", sample_axis="last")


def test_a_pair_beside_a_test_split_trains(tmp_path, pixels):
    labels = np.array([0, 1, 0, 1, 0, 1])
    np.savez(tmp_path / "a.npz", X=pixels, y=labels, X_test=pixels[:2], y_test=labels[:2])
    data = open_dataset(tmp_path / "a.npz")
    assert sorted(data.given_split.tolist()) == ["test"] * 2 + ["train"] * 6
    assert not data.notes


def test_arrays_that_are_left_out_are_said(tmp_path, pixels):
    labels = np.array([0, 1, 0, 1, 0, 1])
    more = {"x_val": pixels, "y_val": labels, "x_dev": pixels, "y_dev": labels, "X": pixels, "y": labels}
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=labels, x_test=pixels, **more)
    data = open_dataset(tmp_path / "a.npz")
    assert sorted(set(data.given_split.tolist())) == ["train", "validation"]
    assert [note for note in data.notes if "left out" in note] == [
        "the array 'x_dev' is left out: 'x_val' has its split",
        "the array 'x_test' is left out: it has no labels",
        "the array 'X' is left out: 'x_train' has its split",
    ]


@pytest.mark.parametrize("planes", [False, True])
def test_rows_of_colours_are_laid_out_as_their_neighbours_are_most_alike(tmp_path, planes):
    ramp = np.linspace(0, 200, 8)
    pictures = np.stack([np.add.outer(ramp, ramp / 4) % 256 + shade for shade in (0, 20, 5)], axis=-1).astype(np.uint8)
    pictures = np.stack([pictures, pictures[::-1]])
    rows = (np.moveaxis(pictures, 3, 1) if planes else pictures).reshape(2, -1)
    np.savez(tmp_path / "a.npz", X=rows, y=[0, 1])
    data = open_dataset(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded(data), pictures)
    assert any(("one for each colour" in note) == planes and "rows of 192 values" in note for note in data.notes)


def test_alpha_has_no_part_in_the_range_of_the_colours(tmp_path):
    pictures = np.zeros((5, 6, 6, 4), dtype=np.uint16)
    pictures[..., :3] = np.arange(0, 255, 51)[:, None, None, None]
    pictures[..., 3] = 65535
    np.savez(tmp_path / "a.npz", x=pictures, y=[0, 1, 0, 1, 0])
    data = open_dataset(tmp_path / "a.npz")
    assert data.images.load(4).pixels.max() == 204


@pytest.mark.parametrize(("labels", "shown"), [([0.0, np.inf, 1.0], "inf"), ([0.0, 1.0, 0.5], "0.5")])
def test_labels_that_are_no_whole_numbers_are_shown(tmp_path, labels, shown):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 8, 8), dtype=np.uint8), y=np.array(labels))
    with pytest.raises(SourceError, match=f"got float64 such as {shown}"):
        open_dataset(tmp_path / "a.npz")


def test_whole_numbers_of_any_precision_are_labels(tmp_path):
    for kind in (np.float16, np.float32, np.float64):
        np.savez(tmp_path / "a.npz", x=np.zeros((3, 8, 8), dtype=np.uint8), y=np.array([0, 1, 0], dtype=kind))
        assert open_dataset(tmp_path / "a.npz").labels.tolist() == [0, 1, 0]


def test_transparent_bytes_lie_over_white_as_a_classifier_lays_them(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 4), dtype=np.uint8)
    pixels[..., 3] *= pixels[..., 3] > 127
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1, 0, 1])
    data = open_dataset(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded(data), np.stack([as_pixels(one) for one in pixels]))
    assert "transparency laid over 255" in data.notes
    pixels[..., 3] = 255
    np.savez(tmp_path / "b.npz", X=pixels, y=[0, 1, 0, 1])
    np.testing.assert_array_equal(loaded(open_dataset(tmp_path / "b.npz")), pixels[..., :3])


def test_boolean_labels_have_the_names_that_are_given(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=np.array([True, False] * 3), class_names=["dog", "cat"])
    data = open_dataset(tmp_path / "a.npz")
    assert [data.class_names[label] for label in data.labels] == ["cat", "dog"] * 3


def test_an_array_of_python_objects_is_named(tmp_path, pixels):
    names = np.array(["cat", "dog"] * 3, dtype=object)
    np.savez(tmp_path / "a.npz", X=pixels, y=names)
    with pytest.raises(SourceError, match=r"array 'y' holds pickled Python objects, .*: save it as y\.astype\(str\)$"):
        open_dataset(tmp_path / "a.npz")
    np.save(tmp_path / "X.npy", pixels)
    np.save(tmp_path / "y.npy", names)
    with pytest.raises(SourceError, match=r"y\.npy' holds pickled Python objects, .*: save it as y\.astype\(str\)$"):
        open_dataset(tmp_path / "X.npy")
    np.savez(tmp_path / "b.npz", X=np.array([{}, {}]), y=[0, 1])
    with pytest.raises(SourceError, match=r"the array 'X' holds .*: save it as np\.stack\(X\)$"):
        open_dataset(tmp_path / "b.npz")


def test_one_label_for_a_picture_with_alpha_is_said(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((1, 6, 6, 4), dtype=np.uint8), y=3)
    with pytest.raises(SourceError, match=r"labels in .* must have one entry per picture, got shape \(\)"):
        open_dataset(tmp_path / "a.npz")


def test_a_file_that_is_replaced_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "pictures.npz"
    for name, value in (("pictures.npz", 0), ("newer.npz", 9)):
        np.savez(tmp_path / name, images=np.full((4, 8, 8), value, dtype=np.uint8), labels=np.array([0, 1, 0, 1]))
    opened = np.load

    def load(file, **options):
        (tmp_path / "newer.npz").replace(path)  # the open file stays what it was
        return opened(file, **options)

    monkeypatch.setattr(np, "load", load)
    with pytest.raises(SourceError, match=r"pictures.npz' changed while it was read: try again"):
        open_dataset(path)
    monkeypatch.undo()
    assert open_dataset(path).images.load(0).pixels.max() == 9


def test_an_empty_name_is_no_class(tmp_path, random):
    pixels = random.integers(0, 256, (4, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", X=pixels, y=np.array(["cat", "dog", "", " "]))
    with pytest.raises(SourceError, match="must be names, and 2 are empty: take those pictures out, or name them"):
        open_dataset(tmp_path / "a.npz")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the case of a name does not count")
def test_labels_are_found_whatever_the_case_of_their_suffix(tmp_path, random):
    np.save(tmp_path / "X.npy", random.integers(0, 256, (4, 8, 8), dtype=np.uint8))
    np.save(tmp_path / "y.npy", np.array([0, 1, 0, 1]))
    (tmp_path / "y.npy").rename(tmp_path / "y.NPY")
    assert open_dataset(tmp_path / "X.npy").labels.tolist() == [0, 1, 0, 1]
