"""Archives as other programs pack them: a folder's inside, a wrapping folder, a Mac's zip beyond 4 GiB."""

import io
import tarfile
import zipfile

import numpy as np
import pytest

from tellapart.images import open_dataset, zip_directory
from tellapart.images.decode import decode_image

from ..conftest import grey_png

NAMES = ("cat/1.png", "cat/2.png", "dog/1.png")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_of_a_folder_s_inside_is_opened(tmp_path, monkeypatch, make_tree, mode):
    """As ``tar cf x.tar .`` makes it: its first member is the folder itself."""
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "all.tar", mode) as archive:
        archive.add(make_tree(*NAMES), arcname=".")
    data = open_dataset(tmp_path / "all.tar")
    assert data.ids.tolist() == list(NAMES)
    assert [data.images.load(at).pixels.shape for at in range(3)]


def test_a_zip_with_a_member_for_the_folder_itself_is_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("./", b"")
        for at, name in enumerate(NAMES):
            archive.writestr(f"./{name}", grey_png(at))
    assert open_dataset(tmp_path / "all.zip").ids.tolist() == list(NAMES)


def test_a_class_may_be_called_as_a_drive_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("A: birds/1.png", grey_png(0))
        archive.writestr("B: fish/1.png", grey_png(1))
        archive.writestr("C:/fish/2.png", grey_png(2))
    data = open_dataset(tmp_path / "all.zip")
    assert data.class_names == ("A: birds", "B: fish")
    assert "1 members are refused" in data.notes[0]


def test_a_picture_beside_the_classes_inside_a_wrapping_folder_is_left_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for at, name in enumerate((*NAMES, "preview.png")):
            archive.writestr(f"photos/{name}", grey_png(at))
    data = open_dataset(tmp_path / "all.zip")
    assert data.class_names == ("cat", "dog")
    assert data.notes == ("1 picture left out, being beside the class folders",)


def test_a_zip_beyond_four_gib_without_zip64_is_read_as_a_mac_s_finder_means_it(tmp_path):
    """Its places are those modulo 4 GiB: one picture lies before that, the others behind (a sparse file)."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for at, name in enumerate(NAMES):
            archive.writestr(name, grey_png(at))
        second = archive.getinfo(NAMES[1]).header_offset
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.write(memory.getvalue()[:second])
        file.seek(2**32 + second)
        file.write(memory.getvalue()[second:])
    data = open_dataset(path)
    for at in range(3):
        expected = decode_image(grey_png(at)).pixels
        np.testing.assert_array_equal(data.images.load(at).pixels, expected)


def test_a_picture_beside_the_classes_of_a_split_is_left_out(make_tree):
    data = open_dataset(make_tree(*(f"{split}/images/{name}" for split in ("train", "test") for name in NAMES),
                                  "train/images/preview.png"))  # fmt: skip
    assert data.class_names == ("cat", "dog")
    assert data.notes == ("1 picture in 'train' lies in no class folder: left out",)


@pytest.mark.parametrize("piece", [400, 1000])
def test_a_zip_s_table_is_read_in_pieces_of_any_size(tmp_path, monkeypatch, piece):
    names = [f"{'cat' if at % 2 else 'dog'}/{'x' * (at % 200)}{at}.png" for at in range(300)]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for at, name in enumerate(names):
            archive.writestr(name, grey_png(at % 256))
    monkeypatch.setattr(zip_directory, "PIECE", piece)
    data = open_dataset(tmp_path / "all.zip")
    assert sorted(data.ids.tolist()) == sorted(names)
    for at in (0, 150, 299):
        number = int(data.ids[at].rsplit("x", 1)[-1].rsplit("/", 1)[-1].removesuffix(".png"))
        np.testing.assert_array_equal(data.images.load(at).pixels, decode_image(grey_png(number % 256)).pixels)
