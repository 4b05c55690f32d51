"""What Windows does otherwise, as far as Linux can show it: it keeps what is open or mapped where it is."""

import contextlib
import os
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import tellapart.classifier
import tellapart.files
import tellapart.run
from tellapart import Run, wording
from tellapart.classifier import Classifier
from tellapart.errors import RunBusyError, UnreadableImageError, UnwritableError
from tellapart.files import check_writable, write_whole
from tellapart.images import cache_folder, stored
from tellapart.images.kept import kept_array
from tellapart.recipe import Recipe

from .models import make

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="what is open is asked of Linux")


def is_held(path) -> bool:
    """Say whether this process has a file open or mapped, or any below a folder."""
    place = os.path.realpath(path)
    names = [line.split(maxsplit=5)[-1].strip() for line in Path("/proc/self/maps").read_text().splitlines()]
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            names.append(str(handle.readlink()))
    return any(name == place or name.startswith(f"{place}/") for name in names)


@pytest.fixture
def windows(monkeypatch):
    """Refuse to remove or rename what is held, as Windows does."""

    def refusing(name):
        real = getattr(os, name)

        def refuse(path, *others, **more):
            if any(is_held(one) for one in (path, *others) if not isinstance(one, int)):
                raise PermissionError(13, "The process cannot access the file", str(path))
            return real(path, *others, **more)

        return refuse

    for name in ("unlink", "remove", "rename", "replace", "rmdir"):
        monkeypatch.setattr(os, name, refusing(name))
    monkeypatch.setattr(shutil, "_use_fd_functions", False)
    for room in (tellapart.files, tellapart.run, tellapart.classifier, cache_folder, stored):
        monkeypatch.setattr(room, "KEEPS_OPEN", True)


@pytest.mark.usefixtures("windows")
def test_a_file_that_a_scanner_holds_for_a_moment_is_replaced(tmp_path, monkeypatch):
    waited = []
    path = tmp_path / "status.json"
    write_whole(path, b"one")
    held = path.open("rb")

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            held.close()

    monkeypatch.setattr(tellapart.files.time, "sleep", wait)
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert waited == list(tellapart.files.PAUSES[:3])


@pytest.mark.usefixtures("windows")
def test_a_file_that_stays_open_elsewhere_is_said_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tellapart.files.time, "sleep", lambda seconds: None)
    path = tmp_path / "table.csv"
    write_whole(path, b"one")
    with path.open("rb"), pytest.raises(UnwritableError, match="close it where another program has it open, or"):
        write_whole(path, b"two")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"one"]


def test_a_table_that_is_open_elsewhere_is_said_before_hours_of_work(tmp_path, monkeypatch):
    monkeypatch.setattr(tellapart.files, "KEEPS_OPEN", True)
    (tmp_path / "labels.csv").write_text("id,label")
    check_writable(tmp_path / "labels.csv")

    def refuse(self, *args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnwritableError, match="close it where another program has it open"):
        check_writable(tmp_path / "labels.csv")


@pytest.mark.usefixtures("windows")
def test_ctrl_c_is_not_lost_where_a_half_made_array_is_still_mapped(tmp_path):
    made = []

    def fill(out):
        made.append(out)  # an error's traceback holds it likewise
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_array(tmp_path / "features.npy", shape=(2, 3), dtype=np.float32, fill=fill)
    assert len(made) == 1


@pytest.mark.usefixtures("windows")
def test_the_lock_of_a_run_goes_and_so_does_a_run_that_never_began(tmp_path):
    run = Run.create(tmp_path / "runs" / "photos", Recipe())
    with run.locked():
        assert (run.path / ".lock").exists()
    assert not (run.path / ".lock").exists()
    with run.locked():
        run.discard()
    assert not (tmp_path / "runs").exists()


def test_two_processes_do_not_work_on_one_run_there(tmp_path, monkeypatch):
    taken = []

    def locking(handle, how, count):
        for one in taken:  # the lock goes with the file that it was taken on
            if one != handle and Path(f"/proc/self/fd/{one}").exists():
                raise PermissionError(13, "Permission denied")
        taken.append(handle)

    run = Run.create(tmp_path / "run", Recipe())
    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(tellapart.run.sys, "platform", "win32")
    with run.locked(), pytest.raises(RunBusyError), run.locked():
        pass
    with run.locked():
        assert len(taken) == 2


def test_a_drive_on_which_the_lock_s_file_never_looks_the_same_ends_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(tellapart.run, "_is_at", lambda handle, path: False)
    with Run.create(tmp_path / "run", Recipe()).locked():
        pass


@pytest.mark.usefixtures("windows")
def test_a_cache_in_use_stays_whole(tmp_path):
    old, older, new = (f"pixels-{digit * 24}" for digit in "012")
    for name in (old, older, new):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "pixels.npy", np.zeros(1000, dtype=np.uint8))
        (tmp_path / name / "notes.json").write_text("{}")
    in_use = np.load(tmp_path / old / "pixels.npy", mmap_mode="r")
    cache_folder.prune(tmp_path, keep=tmp_path / new, limit_bytes=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [old, new]
    assert (tmp_path / old / "notes.json").exists()
    assert len(in_use) == 1000


@pytest.mark.usefixtures("windows")
def test_a_model_that_is_loaded_may_be_replaced(tmp_path):
    path = tmp_path / "model.safetensors"
    made = make()
    made.save(path)
    loaded = Classifier.load(path)
    assert not is_held(path)
    write_whole(path, b"another")
    assert len(loaded.class_names) == len(made.class_names)


def test_a_path_that_is_too_long_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(stored, "KEEPS_OPEN", True)
    path = str(tmp_path / ("a" * 100) / ("b" * 100) / ("c" * 100))
    with pytest.raises(UnreadableImageError, match=f"its path has {len(path)} characters: switch Windows' long paths"):
        stored.read_whole(path)


def test_arguments_are_quoted_as_cmd_reads_them(monkeypatch):
    monkeypatch.setattr(wording.os, "name", "nt")
    shown = [wording.quoted(text) for text in (r"C:\runs\photos", r"C:\my runs\photos", "label(1).csv")]
    monkeypatch.undo()
    assert shown == [r"C:\runs\photos", r'"C:\my runs\photos"', '"label(1).csv"']
