"""One training that is told nothing but its pictures; each epoch's weights, looked at afterwards on the test pictures.

So it is known when the default first was as good as the course's script. Nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy.tellapart_peer import command, read_run
from benchmarks.harness.result import PeerError, say
from tellapart import Classifier
from tellapart.run import Run
from tellapart.training.checkpoint import FILE
from tellapart.workflow.own_pictures import OwnPictures

LOOKED_FOR = 0.05
"""Seconds between two looks for an epoch's checkpoint."""


def epochs(process: subprocess.Popen[bytes], run: Path, *, started: float, kept: Path) -> Iterator[tuple[float, Path]]:
    """Yield each epoch's checkpoint while a training runs, and the seconds from the start to its being written.

    Args:
        process: the training.
        run: its folder.
        started: by the wall clock, as files' times are.
        kept: a folder on the same disk; a checkpoint stays there, under a second name, when the next replaces it.
    """
    seen, number = 0, 1
    while process.poll() is None:
        time.sleep(LOOKED_FOR)
        link = kept / f"{number}.pt"
        try:
            if (run / FILE).stat().st_ino == seen:
                continue
            os.link(run / FILE, link)
        except FileNotFoundError:  # there is none yet, or the training is over
            continue
        seen, number = link.stat().st_ino, number + 1
        yield link.stat().st_mtime - started, link


def accuracies(checkpoints: list[Path], run: Path) -> list[float]:
    """Return what each checkpoint's weights, averaged ones where there are any, get of the run's test pictures.

    Raises:
        PeerError: they are not those of epochs 1, 2, 3, ...
    """
    classifier = Classifier.load(run)
    own = OwnPictures.reopened(Run.open(run), classifier)
    at = np.sort(own.splits["test"])
    pixels, labels = own.pixels[at], own.dataset.labels[at]
    found = []
    for epoch, path in enumerate(checkpoints, start=1):
        document = torch.load(path, weights_only=True)
        if document["epoch"] != epoch:
            raise PeerError(f"the checkpoint of epoch {epoch} was missed: the next is that of {document['epoch']}")
        classifier.net.load_state_dict(document["averaged"] or document["net"])
        found.append(float((classifier.logits(pixels).argmax(axis=1) == labels).mean()))
    return found


def first_passing(shares: list[float], *, least: float) -> int:
    """Return the position of the first share that is as high as one.

    Raises:
        PeerError: none is.
    """
    for position, share in enumerate(shares):
        if share >= least:
            return position
    raise PeerError(f"no epoch has {least:.2%} of the test pictures: the highest has {max(shares, default=0.0):.2%}")


def main() -> None:
    """Train, and say when it passed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--least", type=float, required=True, help="the script's test accuracy, 0 to 1")
    parser.add_argument("--script-seconds", type=float, required=True, help="the script's time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run, kept = Path(folder) / "run", Path(folder) / "kept"
        kept.mkdir()
        variables = {**os.environ, "TELLAPART_CACHE": str(Path(folder) / "cache")}
        started = time.time()
        process = subprocess.Popen(command(options.source, run, seed=options.seed, more=[]), env=variables)
        found = list(epochs(process, run, started=started, kept=kept))
        ended = time.time() - started
        if process.returncode != 0:
            sys.exit(process.returncode)
        os.environ["TELLAPART_CACHE"] = variables["TELLAPART_CACHE"]
        shares = accuracies([path for _, path in found], run)
        at = first_passing(shares, least=options.least)
        figures = {
            **read_run(run),
            "first_s": found[0][0],
            "first_accuracy": shares[0],
            "passed_s": found[at][0],
            "passed_epoch": at + 1.0,
            "passed_accuracy": shares[at],
            "script_times": options.script_seconds / found[at][0],
            "ended_s": ended,
        }
    say(figures=figures, versions={name: version(name) for name in ("tellapart", "torch", "numpy", "pillow")})


if __name__ == "__main__":
    main()
