"""What is wrong is said in one line: the value, what is allowed, what to do; nothing half-written stays."""

import errno
import json
import os
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from tellapart.run import Run

from .failing import refused


def nothing(folder, pictures):
    folder.mkdir()


def deep(folder, pictures):
    pictures(folder / "x" / "y")
    pictures(folder / "z" / "w")


def one_class(folder, pictures):
    pictures(folder, classes=("a",))


def two_pictures(folder, pictures):
    pictures(folder, count=1)


def all_broken(folder, pictures):
    for path in pictures(folder).rglob("*.png"):
        path.write_bytes(b"no picture")


def one_class_broken(folder, pictures):
    for path in (pictures(folder) / "b").iterdir():
        path.write_bytes(b"\x89PNG\r\n\x1a\n")


def a_text(folder, pictures):
    folder.write_text("hello", encoding="utf-8")


def a_picture(folder, pictures):
    Image.new("L", (9, 9)).save(folder, "PNG")


def an_empty_file(folder, pictures):
    folder.touch()


def missing(folder, pictures):
    pass


def class_in_test_only(folder, pictures):
    pictures(folder / "train")
    pictures(folder / "test", classes=("a", "b", "c"), seed=1)


def table_with_missing_files(folder, pictures):
    folder.write_text("path,label\nno.png,a\nnot.png,b\n", encoding="utf-8")


def lists_of_objects(folder, pictures):
    with folder.open("wb") as file:
        np.savez(file, X=np.array([{}], dtype=object), y=np.array([0]))


SOURCES = {
    nothing: ["is empty", "one subfolder"],
    deep: ["deeper than classes lie", "class/picture"],
    one_class: ["one class only, 'a'", "at least two"],
    two_pictures: ["2 training pictures", "add pictures"],
    all_broken: ["none of the pictures", "not a picture"],
    one_class_broken: ["no picture of 'b' can be read", "remove the class"],
    a_text: ["is no data set", "looks like text"],
    a_picture: ["is one picture", "predict"],
    an_empty_file: ["is an empty file"],
    missing: ["there is no file, folder or data set", "digits"],
    class_in_test_only: ["classes that no training picture has", "'c'"],
    table_with_missing_files: ["'no.png'", "do not exist"],
    lists_of_objects: ["the array 'X' holds pickled Python objects", "np.stack(X)"],
}
SUFFIX = {a_text: ".txt", a_picture: ".png", an_empty_file: ".zip", table_with_missing_files: ".csv",
          lists_of_objects: ".npz"}  # fmt: skip


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_pictures_that_cannot_be_trained_on(make, call, pictures, quick, tmp_path):
    source = tmp_path / f"source{SUFFIX.get(make, '')}"
    make(source, pictures)
    out = tmp_path / "run"
    refused(call("train", source, *quick, "--out", out), *SOURCES[make])
    assert not out.exists()


OPTIONS = {
    "--epochs 0": ["training.epochs", "greater than or equal to 1", "got 0"],
    "--epochs three": ["--epochs", "must be a whole number, got 'three'"],
    "--epochs 99999999999999999999": ["less than or equal to 1000000"],
    "--image-size 80x": ["--image-size must be HEIGHTxWIDTH", "'80x'"],
    "--image-size abc": ["HEIGHTxWIDTH", "'abc'"],
    "--image-size ²x8": ["HEIGHTxWIDTH", "'²x8'"],
    "--image-size 0x0": ["4 to 4096", "(0, 0)"],
    "--learning-rate -1": ["learning_rate must be greater than 0", "-1.0"],
    "--learning-rate nan": ["must be a finite number"],
    "--net convnt16": ["'convnt16'", "did you mean 'convnet16'"],
    "--net lenet5 --image-size 8x8": ["at least 28x28", "'lenet5'", "8x8"],
    "--baseline sofmax": ["'sofmax'", "did you mean 'softmax'"],
    "--optimizer adam --momentum 0.9": ["momentum = 0.9 would be ignored by adam", "sgd"],
    "--batch-size 0": ["training.batch_size"],
    "--threads 100000": ["training.threads", "1024"],
    "--drop-leaks --allow-leaks": ["contradict each other"],
    "--no-baselines --baseline softmax": ["contradict each other"],
    "--monitor loss": ["goes with --patience"],
    "--group-by (": ["must be a regular expression, got '('"],
    "--validation-fraction 1": ["must be less than 1"],
    "--net-option width": ["must be NAME=VALUE, got 'width'"],
    "--net-option wdth=3": ["has no option 'wdth'"],
    "--source-option x=3": ["has no option 'x'"],
    "--weights nowhere": ["'nowhere'", "imagenet"],
    "--resize squash": ["'squash' is not one of 'stretch', 'crop', 'pad'"],
    "--rotation 999": ["rotation must be less than or equal to 180", "999"],
    "--nope": ["No such option: --nope", "tellapart train --help"],
    "too many": ["unexpected extra argument"],
    "--resume nowhere": ["give no other choices"],
    "--recipe nowhere.toml": ["there is no recipe at 'nowhere.toml'"],
    "--device cuda": ["'cuda' is not there"],
}


@pytest.mark.parametrize("options", OPTIONS)
def test_options_that_make_no_sense(options, call, good, tmp_path):
    if options == "--device cuda" and __import__("torch").cuda.is_available():
        pytest.skip("there is one")
    out = tmp_path / "run"
    refused(call("train", good, "--net", "softmax", *options.split(), "--out", out), *OPTIONS[options])
    assert not out.exists()


RECIPES = {
    "a.toml": ("x = = 3", ["is not TOML"]),
    "b.toml": ("[training]\nepoch = 3", ["training.epoch is not a setting", "did you mean training.epochs"]),
    "c.toml": ("[trainig]\nepochs = 3", ["trainig is not a setting", "training"]),
    "d.toml": ("training = 3", ["training must be a section"]),
    "e.json": ("[1]", ["must be a JSON object"]),
    "f.json": ("{", ["is not JSON"]),
    "g.json": ("[" * 100_000, ["is not JSON"]),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_that_cannot_be_read(name, call, good, tmp_path):
    text, words = RECIPES[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    refused(call("train", good, "--recipe", tmp_path / name, "--out", tmp_path / "run"), *words)


@pytest.mark.parametrize(("text", "words"), [("def (", "SyntaxError"), ("raise ValueError('boom')", "boom")])
def test_a_plugin_that_fails(text, words, call, tmp_path):
    (tmp_path / "own.py").write_text(text, encoding="utf-8")
    refused(call("--plugin", tmp_path / "own.py", "nets"), "own.py", words)


def test_run_folders_that_cannot_be_made(call, good, quick, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    refused(call("train", good, *quick, "--out", tmp_path / "file" / "run"), "Not a directory", "--out")
    refused(call("train", good, *quick, "--out", tmp_path / "file"), "choose another --out")
    refused(call("train", good, *quick, "--out", tmp_path / "mine"), "not an empty folder")
    refused(call("train", good, *quick, "--out", tmp_path / ("n" * 300)), "File name too long")
    assert (tmp_path / "mine" / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_a_run_is_never_overwritten(call, good, quick, trained):
    before = (trained / "model.safetensors").read_bytes()
    refused(call("train", good, *quick, "--out", trained), "a run stands", "--resume")
    assert (trained / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("full", ["recipe.json", "splits.json", "model.safetensors", "report.html"])
def test_a_full_disk_while_the_run_is_written(full, call, good, quick, tmp_path, monkeypatch):
    write = Run.write

    def fill(run, file, writer):
        def no_room(path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        write(run, file, no_room if file == full else writer)

    monkeypatch.setattr(Run, "write", fill)
    out = tmp_path / "run"
    refused(call("train", good, *quick, "--out", out), full, "the disk is full: make room")
    assert not list(tmp_path.rglob(".unfinished*"))
    assert out.exists() == (full in ("model.safetensors", "report.html"))
    monkeypatch.undo()
    if out.exists():
        assert call("train", "--resume", out).status == 0
        assert json.loads((out / "status.json").read_text(encoding="utf-8"))["state"] == "done"


def test_a_full_disk_under_the_cache(call, good, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 100, 0))
    called = call("train", good, *quick, "--out", tmp_path / "run", cache=tmp_path / "cache")
    refused(called, "the disk is full while the pictures are cached", "TELLAPART_CACHE")
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "cache").iterdir())


def test_a_cache_that_cannot_be_made(call, good, quick, tmp_path):
    (tmp_path / "file").touch()
    called = call("train", good, *quick, "--out", tmp_path / "run", cache=tmp_path / "file" / "cache")
    refused(called, "cannot be written", "TELLAPART_CACHE")


def png(width, height):
    """Return a PNG that claims a size and holds little."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


@pytest.fixture
def strange(tmp_path, pictures):
    """Return a folder where good pictures lie beside ones that cannot be read."""
    folder = pictures(tmp_path / "strange")
    inside = folder / "a"
    (inside / "text.jpg").write_text("no picture", encoding="utf-8")
    (inside / "empty.png").touch()
    (inside / "cut.png").write_bytes((inside / "0.png").read_bytes()[:90])
    (inside / "huge.png").write_bytes(png(30_000, 30_000))
    if hasattr(os, "mkfifo"):
        os.mkfifo(inside / "pipe.png")
        (folder / "b" / "round").symlink_to(folder)
        (folder / "b" / "nowhere.png").symlink_to(folder / "none.png")
    return folder


def test_unreadable_pictures_are_named_and_left_out(call, quick, strange, tmp_path):
    called = call("train", strange, *quick, "--out", tmp_path / "run")
    assert called.status == 0, called.err
    assert "cannot be read" in called.err
    listed = json.loads((tmp_path / "run" / "audit.json").read_text(encoding="utf-8"))
    assert "30000x30000" in json.dumps(listed)
    refused(call("train", strange, *quick, "--strict", "--out", tmp_path / "strict"), "without --strict")


def test_predict_names_the_rest(call, strange, trained):
    called = call("predict", trained, strange, "--csv")
    assert called.status == 1
    assert "text.jpg: not a picture" in called.err
    assert called.out.count("\n") == 1 + 2 * 12 + 4 + 2 * hasattr(os, "mkfifo")


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty"), (b"hello", "not a picture")])
def test_standard_input_that_is_no_picture(data, reason, call, trained):
    called = call("predict", trained, "-", stdin=data)
    assert (called.status, called.out) == (1, "")
    assert reason in called.err


def test_predict_says_a_mistyped_path_before_anything_else(call, good, trained, tmp_path):
    called = call("predict", trained, good, tmp_path / "none.png")
    refused(called, "there is no file or folder", "none.png")
    assert called.out == ""


def test_a_colour_model_on_grey_pictures_and_the_reverse(call, good, pictures, quick, trained, tmp_path):
    grey = pictures(tmp_path / "grey", colour=False)
    assert call("train", grey, *quick, "--out", tmp_path / "run").status == 0
    assert call("predict", trained, grey / "a" / "0.png").status == 0
    assert call("predict", tmp_path / "run", good / "a" / "0.png").status == 0


def test_a_zip_that_climbs_out_or_unpacks_without_end(call, good, quick, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(good.rglob("*.png")):
            archive.write(path, path.relative_to(good))
        archive.write(good / "a" / "0.png", "../climbs.png")
        archive.writestr("a/bomb.png", png(8, 8) + b"\0" * 50_000_000)
    called = call("train", tmp_path / "evil.zip", *quick, "--out", tmp_path / "deep" / "run")
    assert called.status == 0, called.err
    assert not list(tmp_path.rglob("climbs.png"))
    (tmp_path / "cut.zip").write_bytes((tmp_path / "evil.zip").read_bytes()[:3000])
    refused(call("inspect", tmp_path / "cut.zip"), "damaged or cut zip")


def test_leaks_stop_until_they_are_answered(call, pictures, quick, tmp_path):
    source = tmp_path / "leaky"
    pictures(source / "train", count=10)
    pictures(source / "test", count=6, seed=1)
    shutil.copy(source / "train" / "a" / "0.png", source / "test" / "a" / "copy.png")
    refused(call("train", source, *quick, "--out", tmp_path / "stop"), "two splits", "--drop-leaks", "--allow-leaks")
    assert not (tmp_path / "stop").exists()
    for answer, dropped in (("drop", 1), ("allow", 0)):
        out = tmp_path / answer
        called = call("train", source, *quick, f"--{answer}-leaks", "--out", out)
        assert called.status == 0, called.err
        assert "! " in called.err
        leaks = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))["leaks"]
        assert leaks == {"found": 1, "between": {"train-test": 1}, "answer": answer, "dropped": dropped}
        assert "two splits" in (out / "report.html").read_text(encoding="utf-8")
