"""Data sets that are known by their files: MNIST's kin, CIFAR, SVHN, CASIA-HWDB, and those that come along."""

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from tellapart.errors import SourceError, SourceNotFoundError
from tellapart.images import open_dataset
from tellapart.images.sources import fashion_mnist

from .reading import loaded


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


def test_idx_as_kaggle_and_a_mac_have_it(tmp_path, pixels):
    labels = np.array([7, 3, 7, 3, 7, 3], dtype=np.uint8)
    for prefix in ("train", "t10k"):
        for kind, data in (("images-idx3", idx(pixels)), ("labels-idx1", idx(labels))):
            inside = tmp_path / f"{prefix}-{kind}-ubyte"
            inside.mkdir()
            (inside / inside.name).write_bytes(data)
            (tmp_path / f"{prefix}-{kind.replace('-', '.')}-ubyte").write_bytes(data)
            (tmp_path / f"._{prefix}-{kind}-ubyte").write_bytes(b"\0\5\x16\7")
    for _ in range(2):
        assert sorted(open_dataset(tmp_path).given_split.tolist()) == ["test"] * 6 + ["train"] * 6
        for dotted in tmp_path.glob("*.idx*"):
            dotted.unlink()


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
    path.write_bytes(idx(pixels)[:6])
    with pytest.raises(SourceError, match="header claims the shape"):
        open_dataset(tmp_path)
    with pytest.raises(SourceError, match="does not say that it holds images"):
        open_dataset(tmp_path / "train-labels-idx1-ubyte")


def write_pair(folder, prefix, pixels):
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(pixels))
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(np.arange(len(pixels), dtype=np.uint8) % 2))


def test_a_split_may_stand_within_a_file_s_name(tmp_path, pixels):
    for split in ("train", "test"):
        write_pair(tmp_path, f"emnist-letters-{split}", pixels)
    data = open_dataset(tmp_path)
    assert data.given_split.tolist() == ["test"] * 6 + ["train"] * 6
    assert len(set(data.ids.tolist())) == 12


def test_two_data_sets_in_one_folder_are_refused(tmp_path, pixels):
    for name in ("emnist-letters", "emnist-digits"):
        write_pair(tmp_path, f"{name}-train", pixels)
    with pytest.raises(SourceError, match="several data sets, such as 'emnist-digits-train-images-idx3-ubyte' and"):
        open_dataset(tmp_path)


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
    assert data.notes == ("data_batch_3, data_batch_4, data_batch_5 of the five batches are not there",)


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
    (tmp_path / "test_32x32.mat").rename(tmp_path / "extra_32x32.mat")
    assert open_dataset(tmp_path).notes == ("extra_32x32.mat is left out: name it to open it",)
    (tmp_path / "train_32x32.mat").unlink()
    assert open_dataset(tmp_path).notes == (), "it is what is opened"


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
    assert open_dataset(tmp_path, groups=False).groups is None
    assert open_dataset(tmp_path, groups="false", group_by=r"(f)\.gnt").groups.tolist() == ["f"] * 4
    assert [data.label_name(i) for i in range(4)] == ["汉", "字", "A", "字"]
    np.testing.assert_array_equal(data.images.load(0).pixels[..., 0], small)
    np.testing.assert_array_equal(data.images.load(3).pixels[..., 0], small[:, :2])
    one = open_dataset(tmp_path / "001-f.gnt")
    assert len(pickle.loads(pickle.dumps(one.images))) == 3
    assert one.images.load(0).digest == data.images.load(0).digest != data.images.load(1).digest


def test_a_gnt_of_several_writers_has_no_groups(tmp_path, random):
    small = random.integers(0, 256, (4, 5), dtype=np.uint8)
    (tmp_path / "1.0train-gb1.gnt").write_bytes((record("汉", small) + record("字", small)) * 20)
    data = open_dataset(tmp_path / "1.0train-gb1.gnt")
    assert data.groups is None
    (tmp_path / "7.gnt").write_bytes(record("汉", small) + record("字", small))
    data = open_dataset(tmp_path)
    assert set(data.groups.tolist()) == {"", "7"}


def test_gnt_in_split_folders(tmp_path):
    for split in ("HWDB1.1trn_gnt", "HWDB1.1tst_gnt"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "7.gnt").write_bytes(
            record("汉", np.zeros((2, 2), np.uint8)) + record("字", np.zeros((2, 2), np.uint8))
        )
    data = open_dataset(tmp_path)
    assert data.ids[0] == "HWDB1.1trn_gnt/7.gnt/0"
    assert data.given_split.tolist() == ["train", "train", "test", "test"]


def test_a_gnt_that_is_gone_is_not_left_out_unsaid(tmp_path):
    (tmp_path / "1.gnt").write_bytes(record("字", np.zeros((2, 2), np.uint8)) * 2)
    (tmp_path / "2.gnt").symlink_to(tmp_path / "nowhere.gnt")
    with pytest.raises(SourceError, match=r"2\.gnt' is no file, or a link that leads to none: mend or remove it"):
        open_dataset(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere names are Unicode")
def test_a_gnt_whose_name_is_not_utf8_is_said(tmp_path):
    odd = os.fsencode(tmp_path / "x") + "汉".encode("gbk") + b".gnt"
    Path(os.fsdecode(odd)).write_bytes(record("字", np.zeros((2, 2), np.uint8)) * 2)
    for place in (tmp_path, Path(os.fsdecode(odd))):
        with pytest.raises(SourceError, match="has a name that is not UTF-8: rename it"):
            open_dataset(place)


def test_gnt_in_split_folders_that_are_links(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "7.gnt").write_bytes(record("汉", np.zeros((2, 2), np.uint8)) * 2
                                              + record("字", np.zeros((2, 2), np.uint8)))  # fmt: skip
    folder = tmp_path / "both"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / split).symlink_to(tmp_path / "disk")
    assert open_dataset(folder).given_split.tolist() == ["test"] * 3 + ["train"] * 3


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


def test_another_file_does_not_make_pickled_batches_binary(tmp_path, random):
    pixels = random.integers(0, 256, (4, 3072), dtype=np.uint8)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": pixels, b"labels": [0, 1, 0, 1]}))
    (tmp_path / "model.bin").write_bytes(b"weights")
    assert len(open_dataset(tmp_path)) == 4


def test_folders_named_as_cifar_s_batches_are_folders(tmp_path):
    for split in ("train_batch", "test_batch"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / split / name / "1.png")
    data = open_dataset(tmp_path)
    assert (data.class_names, sorted(data.given_split.tolist())) == (("cat", "dog"), ["test"] * 2 + ["train"] * 2)


def test_classes_that_are_no_digits_of_svhn_stay_as_they_are(tmp_path, random):
    for labels in (np.arange(24) % 12, 1 + np.arange(24) % 12):
        pixels = random.integers(0, 256, (32, 32, 3, 24), dtype=np.uint8)
        savemat(tmp_path / "train_32x32.mat", {"X": pixels, "y": labels[:, None].astype(np.uint8)})
        data = open_dataset(tmp_path / "train_32x32.mat")
        assert [int(data.class_names[label]) for label in data.labels] == labels.tolist()
