"""Fixtures of the tests that go through the whole program: the command line in this process, and made pictures."""

import contextlib
import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@dataclasses.dataclass(frozen=True)
class Called:
    """What a call of the program left: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def errors(self):
        """The lines that say what was wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


@pytest.fixture(scope="session")
def call(tmp_path_factory):
    """Return a function that runs ``tellapart`` with some arguments in this process, with a cache of the tests' own."""
    from tellapart.cli import main

    cache = str(tmp_path_factory.mktemp("cache"))

    def run(*arguments, stdin=None, cache=cache, columns=100):
        out, err, status = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setenv("TELLAPART_CACHE", str(cache))
            patch.setenv("COLUMNS", str(columns))
            patch.delenv("FORCE_COLOR", raising=False)
            patch.setenv("TELLAPART_OFFLINE", "0")  # and as it was afterwards
            if stdin is not None:
                patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as left:
                status = left.code or 0
        return Called(status, out.getvalue(), err.getvalue())

    return run


def make_pictures(folder, classes=("a", "b"), *, count=12, size=(12, 10), colour=True, seed=0):
    """Write PNG pictures of noise around one tone a class; every one is different."""
    rng = np.random.default_rng(seed)
    for position, name in enumerate(classes):
        inside = Path(folder) / name
        inside.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            tone = 30 + 150 * position // max(1, len(classes) - 1)
            pixels = (tone + 60 * rng.random((*size, 3))).astype(np.uint8)
            Image.fromarray(pixels if colour else pixels[..., 0]).save(inside / f"{number}.png")
    return Path(folder)


@pytest.fixture(scope="session")
def pictures():
    """Return ``make_pictures``."""
    return make_pictures


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """Return a folder of two classes with nothing wrong."""
    return make_pictures(tmp_path_factory.mktemp("good") / "photos", count=14)


QUICK = ("--net", "softmax", "--image-size", "8x8", "--no-baselines", "--epochs", "1")


@pytest.fixture(scope="session")
def quick():
    """Return options with which a training takes a fraction of a second."""
    return QUICK


@pytest.fixture(scope="session")
def trained(call, good, tmp_path_factory):
    """Return a finished run on ``good``; copy it before changing it."""
    run = tmp_path_factory.mktemp("trained") / "run"
    called = call("train", good, *QUICK, "--out", run)
    assert called.status == 0, called.err
    return run
