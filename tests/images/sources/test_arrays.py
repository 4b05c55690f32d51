import gzip
import pickle
import struct

import numpy as np
import pytest

from tellapart.errors import SourceError, SourceNotFoundError
from tellapart.images import open_dataset
from tellapart.images.sources import fashion_mnist


@pytest.fixture
def pixels(random):
    return random.integers(0, 256, (6, 8, 8), dtype=np.uint8)


def loaded(data):
    return np.stack([data.images.load(i).pixels for i in range(len(data))])


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
    with pytest.raises(SourceError, match="looks like labels"):
        open_dataset(tmp_path / "labels.npy")


def test_damaged_arrays(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1] * 3)
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:300])
    (tmp_path / "c.npy").write_bytes(b"\x93NUMPY\1\0")
    (tmp_path / "y.npy").write_bytes(b"")
    for name in ("b.npz", "c.npy"):
        with pytest.raises(SourceError, match="cannot be read as"):
            open_dataset(tmp_path / name)


def test_a_rewritten_array_has_another_fingerprint(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", X=pixels, y=[0, 1] * 3)
    before = open_dataset(tmp_path / "a.npz").images.fingerprint()
    assert open_dataset(tmp_path / "a.npz").images.fingerprint() == before
    np.savez(tmp_path / "a.npz", X=255 - pixels, y=[0, 1] * 3)
    assert open_dataset(tmp_path / "a.npz").images.fingerprint() != before


def idx(array, kind=8):
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_idx(tmp_path, pixels, packed):
    write = (
        (lambda p, d: p.with_name(p.name + ".gz").write_bytes(gzip.compress(d)))
        if packed
        else (lambda p, d: p.write_bytes(d))
    )
    for prefix, part in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        write(tmp_path / f"{prefix}-images-idx3-ubyte", idx(pixels[part]))
        write(tmp_path / f"{prefix}-labels-idx1-ubyte", idx(np.array([7, 3, 7, 3, 7, 3], dtype=np.uint8)[part]))
    data = open_dataset(tmp_path)
    assert sorted(zip(data.ids.tolist(), data.given_split.tolist(), strict=True)) == [
        ("test/0", "test"), ("test/1", "test"), *((f"train/{i}", "train") for i in range(4))
    ]  # fmt: skip
    assert data.class_names == ("3", "7")
    at = data.ids.tolist().index("train/1")
    np.testing.assert_array_equal(data.images.load(at).pixels[..., 0], pixels[1])
    pair = open_dataset(tmp_path / ("t10k-images-idx3-ubyte" + (".gz" if packed else "")))
    assert pair.given_split.tolist() == ["test", "test"]


def test_damaged_idx(tmp_path, pixels):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(idx(pixels))
    with pytest.raises(SourceError, match="no labels beside it"):
        open_dataset(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(6, dtype=np.uint8)))
    for data, says in (
        (idx(pixels)[:-1], "fewer bytes than the 384"),
        (idx(pixels) + b"x", "more bytes than"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "header claims the shape"),
        (b"junk" * 9, "is no IDX file"),
        (gzip.compress(idx(pixels))[:-20], "damaged or cut gzip"),
    ):
        path.write_bytes(data)
        with pytest.raises(SourceError, match=says):
            open_dataset(tmp_path)
    with pytest.raises(SourceError, match="does not say that it holds images"):
        open_dataset(tmp_path / "train-labels-idx1-ubyte")


def cifar_pixels(random, n):
    return random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)


def planes(pixels):
    return pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar_10_pickled(tmp_path, random, protocol):
    pixels = cifar_pixels(random, 6)
    for name, part in (("data_batch_1", slice(0, 2)), ("data_batch_2", slice(2, 4)), ("test_batch", slice(4, 6))):
        batch = {b"data": planes(pixels[part]), b"labels": [3, 5], b"batch_label": b"x", b"filenames": [b"a", b"b"]}
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class{i}" for i in range(10)]}))
    data = open_dataset(tmp_path)
    np.testing.assert_array_equal(loaded(data), pixels)
    assert data.label_name(0) == "class3"
    assert data.given_split.tolist() == ["train"] * 4 + ["test"] * 2


def test_cifar_100_pickled(tmp_path, random):
    pixels = cifar_pixels(random, 2)
    for name in ("train", "test"):
        batch = {"data": planes(pixels), "fine_labels": [99, 0], "coarse_labels": [1, 0]}
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol=2))
    (tmp_path / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"fine{i}" for i in range(100)]}, protocol=2))
    data = open_dataset(tmp_path)
    assert data.label_name(0) == "fine99"
    assert len(data) == 4


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar_binary(tmp_path, random, hundred):
    pixels = cifar_pixels(random, 3)
    rows = b"".join((b"\5" if hundred else b"") + bytes([i]) + row.tobytes() for i, row in enumerate(planes(pixels)))
    for name in ("train.bin", "test.bin") if hundred else ("data_batch_1.bin", "test_batch.bin"):
        (tmp_path / name).write_bytes(rows)
    if hundred:
        (tmp_path / "fine_label_names.txt").write_text("\n".join(f"fine{i}" for i in range(100)))
    data = open_dataset(tmp_path)
    np.testing.assert_array_equal(loaded(data)[:3], pixels)
    assert data.label_name(1) == ("fine1" if hundred else "automobile")
    (tmp_path / ("train.bin" if hundred else "data_batch_1.bin")).write_bytes(rows[:-1])
    with pytest.raises(SourceError, match="damaged or cut"):
        open_dataset(tmp_path)


class Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


def test_a_hostile_batch_runs_nothing(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({"data": Evil(tmp_path / "owned"), "labels": []}))
    with pytest.raises(SourceError, match=r"asks for (_)?io\.open, which CIFAR's batches never do"):
        open_dataset(tmp_path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "batch",
    [
        {"data": np.array([{}], dtype=object), "labels": [0]},
        {"data": np.zeros((1, 5), dtype=np.uint8), "labels": [0]},
        {"data": np.zeros((1, 3072), dtype=np.uint8), "labels": [0, 1]},
        {"data": np.zeros((1, 3072), dtype=np.uint8), "labels": ["x"]},
        {"data": np.zeros(1, dtype="u1,f8"), "labels": [0]},
        [1, 2],
        {},
    ],
)
def test_batches_that_are_none(tmp_path, batch):
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(SourceError):
        open_dataset(tmp_path)


def test_a_cut_batch(tmp_path, random):
    batch = pickle.dumps({"data": planes(cifar_pixels(random, 2)), "labels": [0, 1]}, protocol=2)
    for length in (0, 1, 10, 100, len(batch) - 1):
        (tmp_path / "data_batch_1").write_bytes(batch[:length])
        with pytest.raises(SourceError):
            open_dataset(tmp_path)


def test_svhn(tmp_path, random):
    from scipy.io import savemat

    pixels = cifar_pixels(random, 4)
    for name in ("train_32x32.mat", "test_32x32.mat"):
        savemat(
            tmp_path / name, {"X": pixels.transpose(1, 2, 3, 0), "y": np.array([[10], [1], [9], [10]], dtype=np.uint8)}
        )
    data = open_dataset(tmp_path)
    assert data.class_names == ("0", "1", "9")
    assert data.labels.tolist() == [0, 1, 2, 0] * 2
    assert data.given_split.tolist() == ["test"] * 4 + ["train"] * 4
    np.testing.assert_array_equal(loaded(data)[4:], pixels)
    assert len(open_dataset(tmp_path / "train_32x32.mat")) == 4


def test_damaged_svhn(tmp_path):
    from scipy.io import savemat

    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(200))
    savemat(tmp_path / "b.mat", {"Z": [1]})
    savemat(tmp_path / "c.mat", {"X": np.zeros((2, 2)), "y": [1]})
    for name, says in (
        ("a.mat", "cannot be read as a MATLAB"),
        ("b.mat", "must hold X"),
        ("c.mat", "as bytes of shape"),
    ):
        with pytest.raises(SourceError, match=says):
            open_dataset(tmp_path / name)


def record(character, pixels):
    height, width = pixels.shape
    tag = character.encode("gbk").ljust(2, b"\0")
    return struct.pack("<I2sHH", 10 + width * height, tag, width, height) + pixels.tobytes()


def test_gnt(tmp_path, random):
    small = random.integers(0, 256, (3, 5), dtype=np.uint8)
    (tmp_path / "001-f.gnt").write_bytes(record("汉", small) + record("字", 255 - small) + record("A", small))
    (tmp_path / "1289-f.gnt").write_bytes(record("字", small[:, :2].copy()))
    data = open_dataset(tmp_path)
    assert set(data.class_names) == {"汉", "字", "A"}
    assert data.ids.tolist() == ["001-f.gnt/0", "001-f.gnt/1", "001-f.gnt/2", "1289-f.gnt/0"]
    assert data.groups.tolist() == ["001", "001", "001", "1289"]
    assert [data.label_name(i) for i in range(4)] == ["汉", "字", "A", "字"]
    np.testing.assert_array_equal(data.images.load(0).pixels[..., 0], small)
    np.testing.assert_array_equal(data.images.load(3).pixels[..., 0], small[:, :2])
    one = open_dataset(tmp_path / "001-f.gnt")
    assert len(pickle.loads(pickle.dumps(one.images))) == 3
    assert one.images.load(0).digest == data.images.load(0).digest != data.images.load(1).digest


def test_gnt_in_split_folders(tmp_path):
    for split in ("HWDB_train", "Test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "7.gnt").write_bytes(
            record("汉", np.zeros((2, 2), np.uint8)) + record("字", np.zeros((2, 2), np.uint8))
        )
    data = open_dataset(tmp_path)
    assert data.ids[0] == "HWDB_train/7.gnt/0"
    assert data.given_split.tolist()[2:] == ["test", "test"]


def test_damaged_gnt(tmp_path):
    whole = record("汉", np.zeros((3, 5), np.uint8)) + record("字", np.zeros((3, 5), np.uint8))
    for data, says in ((whole[:-1], "damaged or cut"), (whole + b"abc", "ends inside a record"),
                       (struct.pack("<I2sHH", 10, b"AA", 0, 0), "damaged or cut"), (b"", "0 classes")):  # fmt: skip
        (tmp_path / "a.gnt").write_bytes(data)
        with pytest.raises(SourceError, match=says):
            open_dataset(tmp_path / "a.gnt")


def test_bundled_digits_and_faces():
    digits = open_dataset("digits")
    assert digits.counts() == {str(i): n for i, n in enumerate([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])}
    assert digits.images.load(0).pixels.shape == (8, 8, 1)
    faces = open_dataset("faces")
    assert faces.counts() == {"face": 100, "no face": 100}
    assert faces.label_name(0) == "face"


def test_fashion_mnist_is_found_or_asked_for(tmp_path, monkeypatch, pixels):
    monkeypatch.setattr(fashion_mnist, "FOLDER", tmp_path)
    with pytest.raises(SourceNotFoundError, match="apt-get install dataset-fashion-mnist"):
        open_dataset("fashion-mnist")
    for prefix in ("train", "t10k"):
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(np.array([0, 9, 1, 2, 3, 4], dtype=np.uint8)))
    data = open_dataset("fashion-mnist")
    assert [data.label_name(i) for i in range(3)] == ["T-shirt/top", "Ankle boot", "Trouser"]
    assert len(data.class_names) == 10
