"""Folders of caches: where they lie, which are removed, and which are in use."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tellapart.images import cache
from tellapart.images.cache import _locked, cache_folder, prune


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
    with _locked(at_work) as mine:
        assert mine
        prune(tmp_path, keep=keep, limit_bytes=250)
    assert [path.exists() for path in (old, middle, recent)] == [False, True, True]
    assert not abandoned.exists()
    assert all(path.exists() for path in (at_work, fresh, other, keep, own))


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


def test_where_caches_lie(monkeypatch, tmp_path):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("TELLAPART_CACHE", "~/cache")
    assert cache_folder() == Path.home() / "cache"
    monkeypatch.delenv("TELLAPART_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "tellapart"


def test_the_free_disk_is_that_of_the_nearest_folder_there_is(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(shutil, "disk_usage", lambda place: seen.append(place) or type("Usage", (), {"free": 7}))
    assert cache.free_bytes(tmp_path / "not" / "there" / "yet") == 7
    assert seen == [tmp_path]


def test_a_half_made_folder_that_gets_its_name_meanwhile_is_left_alone(tmp_path, monkeypatch):
    left = folder_of(tmp_path, "pixels-x-1.partial", size=60, used=int(time.time()) - 60)

    @contextlib.contextmanager
    def gone(folder):
        raise FileNotFoundError(2, "No such file or directory", str(folder))
        yield

    monkeypatch.setattr(cache, "_locked", gone)
    prune(tmp_path, keep=tmp_path / "none")
    assert left.exists()
