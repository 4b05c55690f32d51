"""The run folder: whole files or none, and one sentence for whatever is wrong with it."""

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import tellapart.run
from tellapart.errors import RunBusyError, RunCorruptError, RunNotFoundError, TargetExistsError, UnwritableError
from tellapart.files import UNFINISHED, write_whole
from tellapart.recipe import Recipe
from tellapart.run import Run, new_run_path


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "runs" / "first", Recipe.make(training={"epochs": 3}))


def names(run: Run) -> set[str]:
    return {path.name for path in run.path.iterdir()}


def test_create_makes_the_folders_above_and_open_finds_it(run):
    assert run.name == "first"
    assert names(run) == {"recipe.json"}
    assert Run.open(str(run.path)).recipe.training.epochs == 3
    assert run.status["state"] == "running"
    assert run.history == []


def test_create_takes_an_empty_folder_and_overwrites_nothing(run, tmp_path):
    (tmp_path / "empty").mkdir()
    Run.create(tmp_path / "empty", Recipe())
    with pytest.raises(TargetExistsError, match=r"--resume .*first, or choose another --out"):
        Run.create(run.path, Recipe())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for name in ("full", "file"):
        with pytest.raises(TargetExistsError, match="is not an empty folder"):
            Run.create(tmp_path / name, Recipe())
    assert (tmp_path / "full" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("place", ["file/run", "n" * 300, "n" * 300 + "/run", "/proc/run"])
def test_a_place_where_no_folder_can_be_made_is_named(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnwritableError, match=r"cannot write '.*: choose another --out"):
        Run.create(tmp_path / place, Recipe())


def test_a_parent_without_permission_is_named(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(UnwritableError, match=r"cannot write .*: Permission denied: choose another --out"):
        Run.create(tmp_path / "run", Recipe())


def test_open_of_something_else_says_where_runs_are(run, tmp_path):
    with pytest.raises(RunNotFoundError, match=r"runs below it: .*first"):
        Run.open(run.path.parent)
    (tmp_path / "file").write_text("x")
    for other in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(RunNotFoundError, match="give a folder that tellapart train made"):
            Run.open(other)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"training": {"epoch": 3}}'])
def test_a_damaged_recipe_is_named(run, content):
    (run.path / "recipe.json").write_bytes(content)
    with pytest.raises(RunCorruptError, match=r"recipe\.json"):
        _ = run.recipe


def test_documents_come_back_and_damaged_ones_are_named(run):
    document = {"name": "笔画", "figures": [1, 0.1, None]}
    run.save("choices", document)
    assert run.load("choices") == document
    assert "笔画" in run.read_text("choices.json")
    (run.path / "choices.json").write_text('{"name": ')
    with pytest.raises(RunCorruptError, match=r"choices\.json is damaged \(.*\): train again"):
        run.load("choices")
    with pytest.raises(RunCorruptError, match=r"audit\.json is missing: the run is incomplete"):
        run.load("audit")


def test_not_a_number_is_refused_and_leaves_the_old_document(run):
    run.save("evaluation", {"loss": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        run.save("evaluation", {"loss": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        run.append_history({"epoch": 1, "loss": float("inf")})
    assert run.load("evaluation") == {"loss": 1.0}
    assert run.history == []


def test_history_grows_and_is_cut(run):
    figure = 0.1 + 0.2
    for epoch in (1, 2, 3):
        run.append_history({"epoch": epoch, "loss": figure})
    assert [record["epoch"] for record in run.history] == [1, 2, 3]
    run.cut_history(2)
    assert run.history == [{"epoch": 1, "loss": figure}, {"epoch": 2, "loss": figure}]
    run.cut_history(0)
    assert run.history == []


def test_a_last_line_that_a_kill_tore_is_left_out(run):
    run.append_history({"epoch": 1, "loss": 0.5})
    whole = (run.path / "history.jsonl").read_bytes()
    line = json.dumps({"epoch": 2, "loss": 0.25}).encode()
    for kept in range(len(line)):
        (run.path / "history.jsonl").write_bytes(whole + line[:kept])
        assert [record["epoch"] for record in run.history] == [1]
    run.cut_history(1)
    run.append_history({"epoch": 2, "loss": 0.25})
    assert [record["epoch"] for record in run.history] == [1, 2]


def test_a_damaged_line_before_the_last_is_no_torn_one(run):
    (run.path / "history.jsonl").write_text('{"epoch": 1}\n{"epo\n{"epoch": 3}\n')
    with pytest.raises(RunCorruptError, match=r"history\.jsonl is damaged in line 2"):
        _ = run.history


def test_status_is_kept_with_its_time(run):
    run.mark("failed", "no room")
    assert run.status["state"] == "failed"
    assert run.status["message"] == "no room"
    assert run.status["when"].endswith("+00:00")
    assert repr(run) == f"Run({str(run.path)!r}, failed, 0 epochs)"
    run.save("evaluation", {"splits": {"te<st": {"count": 1200, "figures": {"accuracy": {"value": 0.925}}}}})
    assert "<td>te&lt;st</td><td>92.5% of 1,200 pictures right</td>" in run._repr_html_()


def test_a_file_is_written_whole_or_not_at_all(run):
    run.write_text("report.html", "old")

    def fails(path):
        path.write_text("half of the ne")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        run.write("report.html", fails)
    assert run.read_text("report.html") == "old"
    assert names(run) == {"recipe.json", "report.html"}


@pytest.mark.parametrize(
    ("code", "sentence"),
    [(errno.ENOSPC, "the disk is full: make room"), (errno.EDQUOT, "the disk quota is used up: make room")],
)
def test_a_full_disk_is_said_and_leaves_the_old_file(run, code, sentence):
    run.write_text("predictions/test.npz", "old")

    def fills(path):
        path.write_text("half")
        raise OSError(code, os.strerror(code))

    with pytest.raises(UnwritableError, match=sentence) as caught:
        run.write("predictions/test.npz", fills)
    assert "test.npz" in str(caught.value)
    assert run.read_text("predictions/test.npz") == "old"
    assert [path.name for path in (run.path / "predictions").iterdir()] == ["test.npz"]


def test_nothing_is_written_through_a_link_that_leads_out_of_the_run(run, tmp_path):
    precious, elsewhere = tmp_path / "precious", tmp_path / "elsewhere"
    precious.write_text("mine")
    elsewhere.mkdir()
    for name in ("report.html", "history.jsonl", ".lock"):
        (run.path / name).symlink_to(precious)
    (run.path / "predictions").symlink_to(elsewhere)
    attempts = (
        lambda: run.write_text("report.html", "theirs"), lambda: run.append_history({"epoch": 1}),
        lambda: run.write_text("predictions/test.npz", "theirs"), lambda: run.write_text("../report.html", "theirs"),
        lambda: run.locked().__enter__(),
    )  # fmt: skip
    for attempt in attempts:
        with pytest.raises(UnwritableError, match="leads out of the run's folder: remove that link"):
            attempt()
    assert precious.read_text() == "mine"
    assert not list(elsewhere.iterdir())
    (tmp_path / "link").symlink_to(run.path)  # the folder itself may be a link
    Run(tmp_path / "link").write_text("notes.txt", "mine")
    assert (run.path / "notes.txt").read_text() == "mine"


def test_a_full_disk_while_the_history_grows_is_said(run, monkeypatch):
    monkeypatch.setattr(Run, "_own", lambda self, file: Path("/dev/full"))
    with pytest.raises(UnwritableError, match="the disk is full"):
        run.append_history({"epoch": 1})


KILLED = """
import os, signal, sys
from tellapart.run import Run
def writer(path):
    with path.open("w") as file:
        file.write("half of the new")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
Run.open(sys.argv[1]).write("model.safetensors", writer)
"""


def test_a_process_killed_while_it_writes_leaves_the_old_file(run):
    run.write_text("model.safetensors", "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(run.path)], check=False)
    assert done.returncode == -9
    assert run.read_text("model.safetensors") == "old"
    (left,) = names(run) - {"recipe.json", "model.safetensors"}
    assert left.startswith(UNFINISHED)
    run.sub("baselines/softmax").write_text(f"{UNFINISHED}999999999-1-1-model.safetensors", "half")
    living = f"{UNFINISHED}{os.getppid()}-1-1-report.html"  # another program's, which writes a report of the run
    run.write_text(living, "half")
    run.clear_unfinished()
    assert names(run) == {"recipe.json", "model.safetensors", "baselines", living}
    assert not list((run.path / "baselines" / "softmax").iterdir())


def test_two_threads_may_write_one_file(run):
    texts = [str(number) * 50_000 for number in range(8)]
    threads = [threading.Thread(target=run.write_text, args=("report.html", text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.read_text("report.html") in texts
    assert names(run) == {"recipe.json", "report.html"}


def test_a_run_inside_a_run(run):
    inner = run.sub("baselines/softmax")
    inner.append_history({"epoch": 1})
    assert run.sub("baselines/softmax").history == [{"epoch": 1}]
    assert run.history == []
    run.discard()
    assert not run.path.exists()
    run.discard()


def test_what_came_with_a_discarded_run_goes_with_it_and_nothing_else(tmp_path):
    (tmp_path / "own").mkdir()
    run = Run.create(tmp_path / "own" / "new" / "runs" / "first", Recipe())
    run.discard()
    assert list((tmp_path / "own").iterdir()) == []
    first, second = (Run.create(tmp_path / "runs" / name, Recipe()) for name in ("first", "second"))
    first.discard()
    assert second.path.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photos", "photos"), ("my photos.zip", "my-photos"), ("A.ZIP", "A"), ("a.tar.gz", "a"), ("a.tgz", "a"),
        ("set.v2", "set.v2"), ("笔画 一.csv", "笔画-一"), ("../../etc", "etc"), ("..", "run"), ("", "run"),
        ("///", "run"), (".hidden", "hidden"), ("a\nb\0c", "a-b-c"), ("-rf", "rf"), ("🐈", "run"),
    ],
)  # fmt: skip
def test_a_new_run_is_named_after_its_pictures(tmp_path, name, expected):
    path = new_run_path(tmp_path, name)
    assert path == tmp_path / expected
    Run.create(path, Recipe())


@pytest.mark.parametrize("letter", ["a", "画", "𝔞"])
def test_a_name_of_any_length_fits_the_file_system(tmp_path, letter):
    for _ in range(2):
        Run.create(new_run_path(tmp_path, letter * 1000), Recipe())
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_that_is_taken_is_counted_on(tmp_path):
    made = [Run.create(new_run_path(tmp_path, "photos"), Recipe()).name for _ in range(3)]
    assert made == ["photos", "photos-2", "photos-3"]


def test_a_file_system_without_locks_stops_no_training(tmp_path, monkeypatch):
    import fcntl

    def none(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with Run.create(tmp_path / "run", Recipe()).locked():
        pass


def test_two_processes_do_not_work_on_one_run(tmp_path):
    run = Run.create(tmp_path / "run", Recipe())
    code = "import sys; from tellapart import Run\nwith Run.open(sys.argv[1]).locked(): print('had it')"
    with run.locked():
        other = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=False)
    assert "RunBusyError" in other.stderr
    assert "another process is working on 'run'" in other.stderr
    after = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=True)
    assert after.stdout.strip() == "had it"


def test_a_name_that_no_system_takes_is_no_run():
    with pytest.raises(RunNotFoundError, match="there is no run at"):
        Run.open("x" * 300)


def test_two_runs_that_begin_together_never_share_a_folder(tmp_path, monkeypatch):
    """Both find the same free name; the one that comes second takes the next."""
    free = [tmp_path / "photos", tmp_path / "photos", tmp_path / "photos-2"]
    monkeypatch.setattr(tellapart.run, "new_run_path", lambda parent, name: free.pop(0))
    first, second = (Run.create_below(tmp_path, "photos", Recipe.make(training={"seed": n})) for n in (1, 2))
    assert [(one.path.name, one.recipe.training.seed) for one in (first, second)] == [("photos", 1), ("photos-2", 2)]


def test_a_folder_that_another_process_has_just_made_is_not_taken(tmp_path):
    (tmp_path / "run").mkdir()  # and its recipe is not written yet
    with pytest.raises(TargetExistsError, match="made by another process just now"):
        Run.create(tmp_path / "run", Recipe(), fresh=True)


def test_a_link_that_leads_nowhere_ends_the_search_for_a_name(tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted" / "disk")
    with pytest.raises(UnwritableError, match="File exists"):
        Run.create_below(tmp_path / "runs", "photos", Recipe())


def test_a_lock_that_its_former_holder_removed_is_no_lock(run, monkeypatch):
    """A second process opens the file, the first removes it and ends, the second locks what no third one can see."""
    taken = []

    def lock_late(handle):
        if not taken:
            taken.append(handle)
            (run.path / ".lock").unlink()  # by the first process, between opening and locking
        return locked(handle)

    locked = tellapart.run._lock
    monkeypatch.setattr(tellapart.run, "_lock", lock_late)
    with run.locked(), pytest.raises(RunBusyError), Run.open(run.path).locked():
        pass
    assert not (run.path / ".lock").exists()


def test_where_a_run_cannot_be_written_to_no_other_out_is_advised(run, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refused)
    with pytest.raises(UnwritableError, match=r"Permission denied: make the run's folder writable, or go on with a"):
        run.save("choices", {})


def test_a_file_is_on_the_disk_before_what_it_replaces_goes(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    run = Run.create(tmp_path / "run", Recipe())
    run.write_text("model.safetensors", "weights")
    run.settle("model.safetensors")
    assert synced == [(run.path / "model.safetensors").stat().st_ino]
    run.settle("no such file")


def test_a_home_is_meant_by_a_run_s_path_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Run.create("~/runs/first", Recipe())
    assert Run.open("~/runs/first").path == tmp_path / "runs" / "first"
    assert not (tmp_path / "~").exists()


def test_a_mark_that_an_editor_puts_before_a_file_is_none_of_it(tmp_path):
    run = Run.create(tmp_path / "run", Recipe.make(training={"epochs": 3}))
    file = run.path / "recipe.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert run.recipe.training.epochs == 3


def test_a_part_of_a_run_is_named_as_such(tmp_path):
    run = Run.create(tmp_path / "run", Recipe())
    run.sub("baselines/softmax").save_recipe(Recipe())
    with pytest.raises(RunCorruptError, match=r"softmax' is a part of the run '.*run', where its figures stand"):
        Run.open(run.path / "baselines" / "softmax").load("evaluation")
    with pytest.raises(RunCorruptError, match="the run is incomplete, go on with it"):
        run.load("evaluation")


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path):
    write_whole(tmp_path / ("n" * 251 + ".csv"), b"1")
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]
