"""Folders of caches: where they lie, which are removed, and which are in use."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tellapart.errors import DataError, SourceError
from tellapart.images import cache, cache_folder, open_dataset
from tellapart.images.cache_folder import KEY_DIGITS, free_bytes, locked, prune
from tellapart.images.cache_folder import cache_folder as where_it_lies
from tellapart.images.preprocessing import Preprocessing

from .conftest import grey_png


def folder_of(parent: Path, name: str, *, size: int, used: int) -> Path:
    folder = parent / name.replace("pixels-", f"pixels-{'0123456789abcdef' * 2}"[: 7 + 24] + "-", 1)
    folder.mkdir(parents=True)
    (folder / "pixels.npy").write_bytes(b"0" * size)
    os.utime(folder, (used, used))
    return folder


def test_prune_removes_what_was_used_longest_ago_and_keeps_what_is_in_use(tmp_path):
    now = int(time.time())
    old = folder_of(tmp_path, "pixels-old", size=60, used=now - 300)
    middle = folder_of(tmp_path, "pixels-middle", size=60, used=now - 200)
    recent = folder_of(tmp_path, "pixels-recent", size=60, used=now - 100)
    at_work = folder_of(tmp_path, "pixels-x-1.partial", size=60, used=now - 400)
    abandoned = folder_of(tmp_path, "pixels-x-2.partial", size=60, used=now - 400)
    fresh = folder_of(tmp_path, "pixels-x-3.partial", size=60, used=now)
    other = folder_of(tmp_path, "weights", size=60, used=0)
    own = tmp_path / "pixels-2023"  # a person's, where TELLAPART_CACHE names a folder that holds other things
    folder_of(own, "photos", size=10_000, used=0)
    os.utime(own, (0, 0))
    keep = folder_of(tmp_path, "pixels-keep", size=10_000, used=0)
    with locked(at_work) as mine:
        assert mine
        prune(tmp_path, keep=keep, limit_bytes=130)
    assert [path.exists() for path in (old, middle, recent)] == [False, True, True]
    assert not abandoned.exists()
    assert all(path.exists() for path in (at_work, fresh, other, keep, own))


def test_unpacked_archives_and_features_go_too_where_nobody_has_used_them_for_a_day(tmp_path):
    day = int(time.time()) - 90_000
    old, new, hog = f"tar/{'1' * 32}.tar", f"tar/{'2' * 32}.tar", f"features/hog-{'3' * 32}-2.npz"
    own = "tar/my own.tar"
    for name, used in ((old, day), (new, day + 80_000), (hog, day + 1), (own, 0)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"0" * 100)
        os.utime(tmp_path / name, (used, used))
    recent = folder_of(tmp_path, "pixels-recent", size=100, used=day + 2)

    def there():
        return {str(one.relative_to(tmp_path)) for one in tmp_path.glob("*/*") if one.parent != recent}

    prune(tmp_path, keep=tmp_path / "none", limit_bytes=200)
    assert (there(), recent.exists()) == ({new, hog, own}, True)
    prune(tmp_path, keep=tmp_path / "none", limit_bytes=50)
    assert (there(), recent.exists()) == ({new, own}, False), "it may be in use"


def test_what_a_killed_process_left_half_made_goes_with_its_lock(tmp_path):
    left = folder_of(tmp_path, "pixels-x-1.partial", size=60, used=int(time.time()) - 60)
    holding = (
        "import fcntl, os, sys, time; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holding, left], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        prune(tmp_path, keep=tmp_path / "none")
        assert left.exists()
        process.kill()
    prune(tmp_path, keep=tmp_path / "none")
    assert not left.exists()


def test_what_a_killed_process_left_half_written_in_a_cache_goes_after_a_day(tmp_path):
    folder = folder_of(tmp_path, "pixels-a", size=60, used=int(time.time()))
    left, now = folder / ".unfinished-1-2-3-features.npy", folder / ".unfinished-1-2-4-features.npy"
    for file in (left, now):
        file.write_bytes(b"0")
    os.utime(left, (time.time() - 86_500,) * 2)
    os.utime(folder, (1000, 1000))
    prune(tmp_path, keep=folder)
    assert sorted(file.name for file in folder.iterdir()) == [now.name, "pixels.npy"]
    assert folder.stat().st_mtime == 1000, "that was no use of it"


def test_where_caches_lie(monkeypatch, tmp_path):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    assert where_it_lies() == tmp_path
    monkeypatch.setenv("TELLAPART_CACHE", "~/cache")
    assert where_it_lies() == Path.home() / "cache"
    monkeypatch.delenv("TELLAPART_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert where_it_lies() == tmp_path / "xdg" / "tellapart"


def test_the_free_disk_is_that_of_the_nearest_folder_there_is(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(shutil, "disk_usage", lambda place: seen.append(place) or type("Usage", (), {"free": 7}))
    assert free_bytes(tmp_path / "not" / "there" / "yet") == 7
    assert seen == [tmp_path]


def test_a_half_made_folder_that_gets_its_name_meanwhile_is_left_alone(tmp_path, monkeypatch):
    left = folder_of(tmp_path, "pixels-x-1.partial", size=60, used=int(time.time()) - 60)

    @contextlib.contextmanager
    def gone(folder):
        raise FileNotFoundError(2, "No such file or directory", str(folder))
        yield

    monkeypatch.setattr(cache_folder, "locked", gone)
    prune(tmp_path, keep=tmp_path / "none")
    assert left.exists()


def test_without_a_home_folder_it_is_said_what_names_the_cache(monkeypatch):
    for name in ("TELLAPART_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(DataError, match="no home folder to keep the cache in: set TELLAPART_CACHE"):
        where_it_lies()


def test_a_cache_that_may_not_be_looked_into_is_said(tmp_path, monkeypatch):
    source = tmp_path / "photos"
    for name in ("a", "b"):
        (source / name).mkdir(parents=True)
        (source / name / "1.png").write_bytes(grey_png())
    packed = shutil.make_archive(str(source), "gztar", source)
    data, spec = open_dataset(source), Preprocessing(image_size=(4, 4), channels=1)
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setenv("TELLAPART_CACHE", str(closed / "cache"))
    for name in ("stat", "mkdir", "scandir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name), below=closed))
    assert free_bytes() > 0
    with pytest.raises(DataError, match=r"the cache .* cannot be written: .*Permission denied.*: set TELLAPART_CACHE"):
        cache.scan(data, spec)
    with pytest.raises(SourceError, match=r"cannot be unpacked to .* name another cache folder in TELLAPART_CACHE"):
        open_dataset(packed)


def refusing(function, *, below):
    def refused(path, *more, **options):
        if str(path).startswith(f"{below}{os.sep}"):
            raise PermissionError(13, "Permission denied", str(path))
        return function(path, *more, **options)

    return refused


def test_a_cache_that_is_being_made_is_no_reason_to_remove_others(tmp_path):
    done = tmp_path / f"pixels-{'0' * KEY_DIGITS}"
    made = tmp_path / f"pixels-{'1' * KEY_DIGITS}-x.partial"
    for folder, size in ((done, 10), (made, 1000)):
        folder.mkdir()
        (folder / "pixels.npy").write_bytes(bytes(size))
    with locked(made):
        prune(tmp_path, keep=tmp_path / "none", limit_bytes=100)
    assert done.exists()
    assert made.exists()


def test_a_disk_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(os.path, "exists", lambda place: False)  # as of Z: on Windows, to its root
    with pytest.raises(DataError, match="there is no disk '/' for the cache: set TELLAPART_CACHE to another folder"):
        free_bytes(Path("/no/such/place"))
