import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from tellapart.errors import SourceError, UnreadableImageError
from tellapart.images import open_dataset, stored
from tellapart.images.encoded import MAX_BYTES, RANGE, FileImages, RangeImages
from tellapart.images.sources.members import Members
from tellapart.images.split import split
from tellapart.images.stored import FileRanges

from .conftest import grey_png

NAMES = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/猫.png")


def values(images):
    return [int(images.load(i).pixels[0, 0, 0]) for i in range(len(images))]


@pytest.fixture(params=["folder", "stored", "deflated"])
def place(request, make_tree, make_zip):
    if request.param == "folder":
        return make_tree(*NAMES)
    return make_zip(*NAMES, packing=zipfile.ZIP_STORED if request.param == "stored" else zipfile.ZIP_DEFLATED)


def test_each_packing_gives_the_same_ids_labels_pixels_and_digests(make_tree, make_zip):
    folder, archive = open_dataset(make_tree(*NAMES)), open_dataset(make_zip(*NAMES))
    assert folder.ids.tolist() == archive.ids.tolist() == sorted(NAMES)
    assert folder.labels.tolist() == archive.labels.tolist()
    assert values(folder.images) == values(archive.images) == [0, 1, 2, 3]
    assert folder.images.load(1).digest == archive.images.load(1).digest


def test_select_and_pickle(place):
    images = open_dataset(place).images
    some = pickle.loads(pickle.dumps(images.select(np.array([3, 1]))))
    assert values(some) == [3, 1]
    assert some.fingerprint() == images.select(np.array([3, 1])).fingerprint() != images.fingerprint()
    assert len(pickle.loads(pickle.dumps(images.select(np.array([], dtype=np.int64))))) == 0


def test_other_processes_read_the_same(place):
    images = open_dataset(place).images
    images.load(0)  # an open file must not travel
    code = "import pickle, sys; i = pickle.load(sys.stdin.buffer); "
    code += "print([int(i.load(k).pixels[0, 0, 0]) for k in range(4)])"
    told = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(images), capture_output=True, timeout=60)
    assert told.stdout.decode().strip() == "[0, 1, 2, 3]", told.stderr.decode()


def test_the_fingerprint_is_stable_until_something_changes(place):
    before = open_dataset(place).images.fingerprint()
    assert open_dataset(place).images.fingerprint() == before
    target = place / "dog/1.png" if place.is_dir() else place
    found = target.stat()
    data = bytearray(target.read_bytes())
    target.write_bytes(bytes(data))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))  # the same size and time of modification
    assert open_dataset(place).images.fingerprint() != before


def test_a_change_right_after_a_fingerprint_is_seen(make_tree):
    folder = make_tree(*NAMES)
    images = open_dataset(folder).images
    seen = set()
    for value in range(20):
        (folder / "cat/1.png").write_bytes(grey_png(value))
        seen.add(images.fingerprint())
    assert len(seen) == 20


def test_an_archive_that_changed_is_refused_not_misread(make_zip):
    path = make_zip(*NAMES)
    images = open_dataset(path).images
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(SourceError, match="has changed since it was opened"):
        images.load(0)


def test_background_reaches_the_pixels(tmp_path):
    from PIL import Image

    Image.new("LA", (3, 3), (9, 0)).save(tmp_path / "a.png")
    images = FileImages(tmp_path, ["a.png"])
    assert values(images) == [255]
    assert values(images.with_background(7)) == [7]
    assert images.with_background(7).fingerprint() != images.fingerprint()


def test_what_cannot_be_read_says_why(tmp_path):
    (tmp_path / "folder.png").mkdir()
    images = FileImages(tmp_path, ["gone.png", "folder.png"])
    with pytest.raises(UnreadableImageError, match="No such file"):
        images.load(0)
    with pytest.raises(UnreadableImageError, match=r"directory|regular"):
        images.load(1)


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UnreadableImageError, match="more than the 536,870,912 allowed"):
        FileImages(tmp_path, ["a.png"]).load(0)


def test_a_pipe_is_refused(tmp_path):
    path = tmp_path / "a.png"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)  # else opening it would wait
    try:
        with pytest.raises(UnreadableImageError, match="not a regular file"):
            FileImages(tmp_path, ["a.png"]).load(0)
    finally:
        os.close(descriptor)


def test_more_files_than_stay_open(tmp_path):
    paths = []
    for i in range(100):
        paths.append(tmp_path / str(i))
        paths[-1].write_bytes(b"%03d" % i)
    files = FileRanges(paths)
    assert [files.read(i, 0, 3) for i in (0, 99, 50)] == [b"000", b"099", b"050"]
    with pytest.raises(UnreadableImageError, match="ends before"):
        files.read(0, 1, 3)


def test_damaged_zip_members(make_zip):
    path = make_zip(*NAMES)
    data = bytearray(path.read_bytes())
    at = data.index(b"IHDR")
    data[at + 20] ^= 255
    path.write_bytes(bytes(data))
    images = open_dataset(path).images
    with pytest.raises(UnreadableImageError, match="CRC-32"):
        images.load(0)
    assert images.load(1).pixels.shape == (4, 6, 1)


def test_a_file_elsewhere_that_changes_changes_the_fingerprint(tmp_path):
    (tmp_path / "tables").mkdir()
    picture = tmp_path / "a.png"
    picture.write_bytes(grey_png(1))
    images = FileImages(tmp_path / "tables", [str(picture)])
    before = images.fingerprint()
    assert images.fingerprint() == before
    picture.write_bytes(grey_png(2))
    assert images.fingerprint() != before


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a/1.png", "w", force_zip64=True) as out,
    ):
        for _ in range(600):
            out.write(bytes(2**20))
        archive_name = "b/1.png"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(archive_name, grey_png())
    data = open_dataset(path)
    with pytest.raises(UnreadableImageError, match="unpacks to more than the 536,870,912 bytes"):
        data.images.load(0)
    assert data.images.load(1).pixels.shape == (4, 6, 1)


def test_a_member_that_unpacks_to_more_than_it_says(make_zip):
    path = make_zip("a/1.png", "b/1.png", packing=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 24] -= 5  # the unpacked size
    path.write_bytes(bytes(data))
    with pytest.raises(UnreadableImageError, match="does not unpack to the size"):
        open_dataset(path).images.load(0)


def test_a_member_of_more_than_four_gibibytes_is_refused_alone(tmp_path):
    path = tmp_path / "pictures.bin"
    path.write_bytes(grey_png())
    members = Members("pictures.bin", RANGE)
    for name, size in (("a/1.png", len(grey_png())), ("b/1.png", 5 * 2**30)):
        assert members.add(name)
        members.place(0, size, 0)
    data = members.dataset(lambda table: RangeImages(FileRanges([path]), table), name="pictures")
    assert data.images.load(0).pixels.shape == (4, 6, 1)
    with pytest.raises(UnreadableImageError, match="5,368,709,120 bytes are more than"):
        data.images.load(1)


def test_a_zip_entry_of_any_length_is_read(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(("a/" + "x" * 300 + ".jpg", "b/1.png")):
            info = zipfile.ZipInfo(name)
            info.comment = b"c" * (i * 5000)
            info.extra = b"\xfe\xca" + (3000).to_bytes(2, "little") + bytes(3000)
            archive.writestr(info, grey_png(i))
    images = open_dataset(path).images
    assert values(images) == [0, 1]
    assert [images.load(i).notes for i in range(2)] == [("a PNG named .jpg",), ()]
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2")
    data[at + 32 : at + 34] = (60_000).to_bytes(2, "little")  # the last comment claims more than there is
    path.write_bytes(bytes(data))
    assert values(open_dataset(path).images) == [0, 1]


def test_the_name_that_is_shown_says_what_a_member_claims_to_be(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a/1.jpg", "b/1.jpg"):
            archive.writestr(zipfile.ZipInfo(name), grey_png())
    data = bytearray(path.read_bytes())
    at, shown = data.index(b"PK\1\2"), "a/猫.png".encode()
    name = b"a/\x81.jpg"
    field = (
        b"\x75\x70" + (5 + len(shown)).to_bytes(2, "little") + b"\1" + zlib.crc32(name).to_bytes(4, "little") + shown
    )
    data[at + 30 : at + 32] = len(field).to_bytes(2, "little")
    data[at + 46 : at + 53] = name
    data[at + 53 : at + 53] = field
    end = data.rindex(b"PK\5\6")
    data[end + 12 : end + 16] = (int.from_bytes(data[end + 12 : end + 16], "little") + len(field)).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    found = open_dataset(path)
    assert found.ids.tolist() == ["a/猫.png", "b/1.jpg"]
    assert [found.images.load(i).notes for i in range(2)] == [(), ("a PNG named .jpg",)]


def test_a_self_extracting_zip_keeps_its_place_however_it_is_passed_on(make_zip):
    path = make_zip(*NAMES)
    path.write_bytes(b"PK\3\4" + path.read_bytes())  # what stands before is no part of the archive
    images = open_dataset(path).images.with_background(7).select(np.array([2, 0]))
    assert values(pickle.loads(pickle.dumps(images))) == [2, 0]
    assert images.background == 7


def test_a_zip_that_was_replaced_unseen_is_unreadable(make_zip):
    path = make_zip(*NAMES)
    images, found = open_dataset(path).images, path.stat()
    path.write_bytes(bytes(found.st_size))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(UnreadableImageError, match="has no entry where the zip had one"):
        images.load(0)


def test_no_room_is_made_for_what_a_damaged_zip_claims(make_zip):
    path = make_zip(*NAMES)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 20 : at + 28] = (2**29).to_bytes(4, "little") * 2
    path.write_bytes(bytes(data))
    images = open_dataset(path).images
    tracemalloc.start()
    with pytest.raises(UnreadableImageError, match="truncated"):
        images.load(0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24


def test_a_member_that_lies_nowhere_is_unreadable_alone(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(("a/1.png", "b/1.png")):
            archive.writestr(name, grey_png(i))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 42 : at + 46] = b"\xff" * 4  # the offset stands in the zip64 field
    data[at + 30 : at + 32] = (12).to_bytes(2, "little")
    data[at + 46 + 7 : at + 46 + 7] = b"\1\0\x08\0" + b"\xff" * 8
    end = data.rindex(b"PK\5\6")
    data[end + 12 : end + 16] = (int.from_bytes(data[end + 12 : end + 16], "little") + 12).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    images = open_dataset(path).images
    with pytest.raises(UnreadableImageError, match="does not begin where the zip's table says"):
        images.load(0)
    assert images.load(1).pixels.shape == (4, 6, 1)


def test_a_picture_takes_few_bytes_of_memory(tmp_path):
    """What is held for each picture of a zip, split included: no Python object a picture."""
    held = []
    for count in (2_000, 22_000):
        path = tmp_path / f"{count}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(count):
                archive.writestr(f"{number % 10}/{number:020}.png", b"")
        open_dataset(path)  # what is loaded once
        tracemalloc.start()
        dataset = open_dataset(path)
        splits = split(dataset)
        held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        del dataset, splits
    assert held[1] - held[0] < 150 * 20_000


def test_a_time_of_change_that_no_clock_has_is_no_trouble(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(grey_png())
    found = path.stat()
    far = SimpleNamespace(st_size=found.st_size, st_mtime_ns=2**64, st_ctime_ns=-(2**64))
    monkeypatch.setattr(stored.os, "stat", lambda *what, **more: far)
    assert stored.stamp(path) == (found.st_size, 2**63 - 1, -(2**63))
