"""The one pass over the pictures: found again, never stale, never half."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellapart.errors import DataError, UnreadableImageError
from tellapart.images import cache, open_dataset, reading
from tellapart.images.arrays import ArrayImages
from tellapart.images.cache import is_cached, scan
from tellapart.images.cache_folder import locked, prune
from tellapart.images.dataset import Dataset
from tellapart.images.notes import Notes
from tellapart.images.picture import Picture
from tellapart.images.preprocessing import Preprocessing

SPEC = Preprocessing(image_size=(4, 5), channels=1)


@pytest.fixture
def pictures(tmp_path, random) -> Path:
    """A folder of two classes with four pictures each, sizes differing, one transparent."""
    folder = tmp_path / "pictures"
    for name in ("ant", "bee"):
        (folder / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(random.integers(0, 256, (6 + i, 9), dtype=np.uint8)).save(folder / name / f"{i}.png")
    Image.new("LA", (6, 6), (0, 0)).save(folder / "bee" / "clear.png")
    return folder


def read(folder: Path, where: Path, spec: Preprocessing = SPEC, **options):
    return scan(open_dataset(folder), spec, folder=where, **options)


def test_pixels_and_facts_are_those_of_the_pictures(pictures, tmp_path):
    dataset = open_dataset(pictures)
    found = read(pictures, tmp_path / "cache")
    assert not found.cached
    assert found.problems == {}
    assert found.facts["readable"].all()
    for i in range(len(dataset)):
        pixels = dataset.images.load(i).pixels
        assert (found.pixels[i] == SPEC.resized(pixels)).all()
        assert (found.facts["height"][i], found.facts["width"][i]) == pixels.shape[:2]
    clear = dataset.ids.tolist().index("bee/clear.png")
    assert found.notes["transparency laid over 255"] == [clear]


def test_it_is_found_again_by_what_it_was_made_from(pictures, tmp_path):
    first = read(pictures, tmp_path / "cache")
    again = read(pictures, tmp_path / "cache")
    assert again.cached
    assert again.folder == first.folder
    assert (again.pixels == first.pixels).all()
    assert (again.facts == first.facts).all()
    assert (again.notes, again.problems) == (first.notes, first.problems)


def changed_file(pictures: Path) -> None:
    file = pictures / "ant" / "0.png"
    when = file.stat()
    pixels = np.array(Image.open(file))
    Image.fromarray(255 - pixels).save(file)
    os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))  # the change of the inode is what gives it away


def touched_file(pictures: Path) -> None:
    os.utime(pictures / "ant" / "0.png", ns=(1, 1))


def removed_file(pictures: Path) -> None:
    (pictures / "ant" / "0.png").unlink()


def renamed_file(pictures: Path) -> None:
    (pictures / "ant" / "0.png").rename(pictures / "ant" / "9.png")


def new_file(pictures: Path) -> None:
    shutil.copy(pictures / "ant" / "0.png", pictures / "ant" / "7.png")


@pytest.mark.parametrize("change", [changed_file, touched_file, removed_file, renamed_file, new_file])
def test_it_is_never_stale_when_files_change(pictures, tmp_path, change):
    first = read(pictures, tmp_path / "cache")
    change(pictures)
    again = read(pictures, tmp_path / "cache")
    assert not again.cached
    assert again.folder != first.folder
    dataset = open_dataset(pictures)
    assert all((again.pixels[i] == SPEC.resized(dataset.images.load(i).pixels)).all() for i in range(len(dataset)))


@pytest.mark.parametrize(
    "changes", [{"image_size": (5, 4)}, {"background": 0}, {"channels": 3}, {"resize": "pad"}, {"resample": "box"}]
)
def test_another_preprocessing_is_another_cache(pictures, tmp_path, changes):
    read(pictures, tmp_path / "cache")
    spec = Preprocessing(**{**SPEC.model_dump(exclude={"mean", "std"}), **changes})
    found = read(pictures, tmp_path / "cache", spec)
    assert not found.cached
    assert found.pixels.shape[1:] == (*spec.image_size, spec.channels)
    clear = open_dataset(pictures).ids.tolist().index("bee/clear.png")
    assert (found.pixels[clear] == spec.background).all()


def test_mean_and_deviation_do_not_matter(pictures, tmp_path):
    read(pictures, tmp_path / "cache")
    assert read(pictures, tmp_path / "cache", Preprocessing(image_size=(4, 5), channels=1, mean=(0.5,))).cached


def test_unreadable_pictures_are_listed_with_reasons_and_are_zeros(pictures, tmp_path):
    (pictures / "ant" / "1.png").write_bytes(b"")
    (pictures / "bee" / "2.png").write_bytes((pictures / "bee" / "2.png").read_bytes()[:40])
    ids = open_dataset(pictures).ids.tolist()
    bad = sorted([ids.index("ant/1.png"), ids.index("bee/2.png")])
    for found in (read(pictures, tmp_path / "cache"), read(pictures, tmp_path / "cache")):
        assert list(found.problems) == bad
        assert all(found.problems.values())
        assert np.flatnonzero(~found.facts["readable"]).tolist() == bad
        assert (found.pixels[bad] == 0).all()


def test_several_processes_read_what_one_reads(pictures, tmp_path, monkeypatch):
    (pictures / "ant" / "1.png").write_bytes(b"GIF89a")
    one = read(pictures, tmp_path / "one", jobs=1)
    monkeypatch.setattr(reading, "SERIAL_BELOW", 0)
    monkeypatch.setattr(reading, "CHUNK", 2)
    two = read(pictures, tmp_path / "two", jobs=2)
    assert (one.pixels == two.pixels).all()
    assert (one.facts == two.facts).all()
    assert (one.problems, one.notes) == (two.problems, two.notes)


IN_A_PROCESS = """
import os, sys, time
from pathlib import Path
import numpy as np
from tellapart.images.arrays import ArrayImages
from tellapart.images.cache import scan
from tellapart.images.dataset import Dataset
from tellapart.images.picture import Picture
from tellapart.images.preprocessing import Preprocessing
here, how = Path(sys.argv[1]), sys.argv[2]
class Images(ArrayImages):
    def load(self, index):
        if self.rows[index] == 3:
            (here / f"reading-{os.getpid()}").touch()
            if how == "hang":
                time.sleep(60)
            while len(list(here.glob("reading-*"))) < 2:
                time.sleep(0.01)
        return super().load(index)
images = Images(np.arange(5 * 36, dtype=np.uint8).reshape(5, 6, 6))
data = Dataset(list("abcde"), images, [0, 1, 0, 1, 0], class_names=("x", "y"))
found = scan(data, Preprocessing(image_size=(4, 5), channels=1), folder=here / "cache")
print(found.cached, int(found.pixels.astype(int).sum()), found.folder.name)
"""


def five() -> Dataset:
    images = ArrayImages(np.arange(5 * 36, dtype=np.uint8).reshape(5, 6, 6))
    return Dataset(list("abcde"), images, [0, 1, 0, 1, 0], class_names=("x", "y"))


def start(here: Path, how: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", IN_A_PROCESS, str(here), how], stdout=subprocess.PIPE, text=True)


def test_a_half_written_cache_is_never_served(tmp_path):
    process = start(tmp_path, "hang")
    while not list(tmp_path.glob("reading-*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    (left,) = (tmp_path / "cache").iterdir()
    assert left.suffix == ".partial"
    found = scan(five(), SPEC, folder=tmp_path / "cache")
    assert not found.cached
    assert (found.pixels[4] == SPEC.resized(five().images.load(4).pixels)).all()
    os.utime(left, (1, 1))  # long ago
    prune(tmp_path / "cache", keep=found.folder)
    assert list((tmp_path / "cache").iterdir()) == [found.folder]


def test_two_processes_at_once_find_the_same(tmp_path):
    processes = [start(tmp_path, "meet") for _ in range(2)]
    lines = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert lines[0] == lines[1]
    assert lines[0][0] == "False"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [lines[0][2]]


@pytest.mark.parametrize("file", ["notes.json", "facts.npy", "pixels.npy"])
@pytest.mark.parametrize("kept", [None, 0, -9])
def test_a_damaged_cache_is_made_anew(tmp_path, file, kept):
    first = scan(five(), SPEC, folder=tmp_path)
    pixels = np.array(first.pixels)
    content = (first.folder / file).read_bytes()
    (first.folder / file).unlink()
    if kept is not None:
        (first.folder / file).write_bytes(content[:kept])
    again = scan(five(), SPEC, folder=tmp_path)
    assert not again.cached
    assert (again.pixels == pixels).all()
    assert scan(five(), SPEC, folder=tmp_path).cached


def test_a_full_disk_is_said_before_the_work(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=99))
    with pytest.raises(DataError, match=r"the disk is full .* or set TELLAPART_CACHE"):
        scan(five(), SPEC, folder=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_disk_that_fills_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    def fails(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(reading, "_store", fails)
    with pytest.raises(DataError, match="the disk is full"):
        scan(five(), SPEC, folder=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"cannot be written: .*: set TELLAPART_CACHE"):
        scan(five(), SPEC, folder=tmp_path / "file" / "cache")


def test_looking_at_a_cache_counts_as_use(tmp_path):
    found = scan(five(), SPEC, folder=tmp_path)
    os.utime(found.folder, (1, 1))
    assert scan(five(), SPEC, folder=tmp_path).cached
    assert found.folder.stat().st_mtime > 1


def test_no_pictures_at_all_are_no_crash(tmp_path):
    found = scan(five().select([]), SPEC, folder=tmp_path)
    assert found.pixels.shape == (0, 4, 5, 1)


def test_a_note_is_kept_for_a_thousand_pictures_at_most(tmp_path):
    class Noting(ArrayImages):
        def load(self, index):
            if self.rows[index] == 0:
                raise UnreadableImageError("worn out: 笔")
            picture = super().load(index)
            notes = ("scaled", f"stretched from 0..{self.rows[index]} to 0..255")
            return Picture(picture.pixels, mode=picture.mode, notes=notes, digest=picture.digest)

    n = 2300
    images = Noting(np.zeros((n, 2, 2), dtype=np.uint8))
    found = scan(Dataset(range(n), images, [0] * n, class_names=("x",)), SPEC, folder=tmp_path)
    assert found.notes["scaled"] == list(range(1, 1001))
    assert found.notes["stretched from 0..7 to 0..255"] == [7]
    assert len(found.notes) == 1001, "each picture has a note of its own, which no one reads a million of"
    assert found.problems == {0: "worn out: 笔"}
    assert json.loads((found.folder / "notes.json").read_text(encoding="utf-8"))["problems"] == {"0": "worn out: 笔"}


def test_that_pictures_are_treated_in_two_ways_is_kept_however_many_there_are():
    for order in (1, -1):
        notes = Notes()
        for index in range(5000)[::order]:
            notes.add([(index, "stretched from 0..9 to 0..255" if index < 4000 else "stretched from 0..7 to 0..255")])
        found = notes.by_sentence()
        assert list(map(len, found.values())) == [1000, 1]
        assert found["stretched from 0..7 to 0..255"] == [4000]


def test_whether_pixels_lie_there_is_known_without_reading_any(pictures, tmp_path):
    dataset, where = open_dataset(pictures), tmp_path / "cache"
    assert not cache.is_cached(dataset, SPEC, folder=where)
    read(pictures, where)
    assert cache.is_cached(dataset, SPEC, folder=where)
    assert not cache.is_cached(dataset, Preprocessing(image_size=(5, 4), channels=1), folder=where)


def test_who_may_read_the_folder_of_caches_may_read_each(pictures, tmp_path):
    parent = tmp_path / "shared"
    parent.mkdir()
    parent.chmod(0o755)
    before = os.umask(0o077)
    try:
        found = scan(open_dataset(pictures), SPEC, folder=parent)
    finally:
        os.umask(before)
    assert found.folder.stat().st_mode & 0o777 == 0o755
    assert {file.stat().st_mode & 0o777 for file in found.folder.iterdir()} == {0o644}
    parent.chmod(0o1777)
    other = scan(open_dataset(pictures), Preprocessing(image_size=(3, 3), channels=1), folder=parent)
    assert other.folder.stat().st_mode & 0o777 == 0o755, "what all may write to, nobody may rely on"


def test_a_cache_that_this_person_may_not_read_is_left_alone_and_said(pictures, tmp_path, monkeypatch):
    dataset = open_dataset(pictures)
    theirs = scan(dataset, SPEC, folder=tmp_path / "cache")

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(np, "load", refused)
        assert cache._load(theirs.folder, cached=True) is None
    assert is_cached(dataset, SPEC, folder=tmp_path / "cache")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)
    assert not is_cached(dataset, SPEC, folder=tmp_path / "cache")
    with pytest.raises(DataError, match="is not yours to read or replace"):
        scan(dataset, SPEC, folder=tmp_path / "cache")


def test_a_file_system_without_locks_is_no_fault(tmp_path, monkeypatch):
    import fcntl

    def none(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with locked(tmp_path) as mine:
        assert mine is None
    assert not scan(five(), SPEC, folder=tmp_path).cached


def test_what_the_system_could_not_read_once_is_read_the_next_time(pictures, tmp_path, monkeypatch):
    (pictures / "ant" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    opened, failing = os.open, str(pictures / "bee" / "2.png")

    def gone(path, *more, **options):
        if path == failing:
            raise OSError(errno.EIO, "Input/output error")
        return opened(path, *more, **options)

    monkeypatch.setattr(os, "open", gone)
    first = read(pictures, tmp_path / "cache")
    assert sorted(first.problems.values())[0] == "cannot be read: Input/output error"
    assert len(first.problems) == 2
    assert len(first.may_pass) == 1
    assert read(pictures, tmp_path / "cache").cached, "the drive is still gone"
    monkeypatch.undo()
    held = read(pictures, tmp_path / "cache", retry=False)
    assert len(held.may_pass) == 1, "a run that began without it goes on without it"
    again, whole = read(pictures, tmp_path / "cache"), read(pictures, tmp_path / "fresh")
    assert again.cached, "the others were not read again"
    assert (again.problems, again.may_pass, again.notes) == (whole.problems, (), whole.notes)
    assert (again.facts == whole.facts).all()
    assert (again.pixels == whole.pixels).all()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [again.folder.name]
    assert read(pictures, tmp_path / "cache").may_pass == ()


def test_a_cache_that_cannot_be_replaced_stays_as_it_is(pictures, tmp_path, monkeypatch):
    opened, failing = os.open, str(pictures / "bee" / "2.png")

    def gone(path, *more, **options):
        if path == failing:
            raise OSError(errno.EIO, "Input/output error")
        return opened(path, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", gone)
        read(pictures, tmp_path / "cache")

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(cache, "moved_away", refuse)  # another person's, or in use on Windows
    found = read(pictures, tmp_path / "cache")
    assert (found.cached, len(found.may_pass)) == (True, 1)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [found.folder.name]


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EROFS])
def test_a_disk_that_takes_no_such_file_is_said(pictures, tmp_path, monkeypatch, number):
    def refuse(*what):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cache, "reserve", refuse)
    with pytest.raises(DataError, match=r"the pictures cannot be cached in .*: set TELLAPART_CACHE to a folder on an"):
        read(pictures, tmp_path / "cache")
    assert not any((tmp_path / "cache").glob("*.partial"))
