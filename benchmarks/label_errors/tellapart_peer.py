"""One search: labels are changed at random, the commands of a person run, and the list is held against the truth."""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.result import say

LIST = "labels.csv"


def changed_labels(labels: NDArray[np.int64], *, share: float, classes: int, seed: int) -> NDArray[np.int64]:
    """Return the labels with a share of them changed to any other class, each equally likely."""
    rng = np.random.default_rng(seed)
    where = rng.choice(len(labels), size=round(share * len(labels)), replace=False)
    out = labels.copy()
    out[where] = (labels[where] + rng.integers(1, classes, size=len(where))) % classes
    return out


def write_pictures(source: str, path: Path, *, pictures: int, share: float, seed: int) -> dict[str, tuple[str, str]]:
    """Write the training pictures of a set with changed labels; return, by id, the true and the given class."""
    from tellapart.images import open_dataset

    dataset = open_dataset(source)
    train = np.flatnonzero(dataset.given_split == "train")
    train = np.sort(np.random.default_rng(seed).permutation(train)[:pictures])
    names = np.array(dataset.class_names)
    true = dataset.labels[train]
    given = changed_labels(true, share=share, classes=len(names), seed=seed)
    np.savez(path, x=np.stack([dataset.images.load(int(i)).pixels for i in train]), y=given, class_names=names)
    return {str(i): (str(names[a]), str(names[b])) for i, (a, b) in enumerate(zip(true, given, strict=True))}


def run(*arguments: str, cache: Path) -> float:
    """Run tellapart; return the seconds that it took. A failure ends this process, too."""
    program = str(Path(sys.executable).with_name("tellapart"))
    started = time.monotonic()
    done = subprocess.run([program, *arguments], env={**os.environ, "TELLAPART_CACHE": str(cache)}, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return time.monotonic() - started


def figures_of(listed: list[dict[str, str]], truth: dict[str, tuple[str, str]]) -> dict[str, float]:
    """Return how many changed labels are among the first of a list: as many as were changed, and twice as many."""
    changed = {id for id, (true, given) in truth.items() if true != given}
    twice = [row for row in listed[: 2 * len(changed)] if row["id"] in changed]
    once = [row for row in listed[: len(changed)] if row["id"] in changed]
    clear = [row for row in listed if row["ruled_out"] == "yes"]
    right = [row for row in twice if row["suggested"] == truth[row["id"]][0]]
    return {
        "changed": len(changed),
        "found_twice": len(twice) / len(changed),
        "found_once": len(once) / len(changed),
        "suggested_right": len(right) / max(1, len(twice)),
        "clear": len(clear),
        "clear_right": sum(row["id"] in changed for row in clear) / max(1, len(clear)),
    }


def own_word(path: Path, pictures: Path) -> list[dict[str, str]]:
    """Return the list that the network's own probabilities give on all pictures."""
    from tellapart.classifier import Classifier
    from tellapart.evaluation import Predictions, find_label_errors

    classifier = Classifier.load(path)
    with np.load(pictures) as file:
        x, y, names = file["x"], file["y"], tuple(file["class_names"].tolist())
    said = Predictions(np.arange(len(y)).astype(str), classifier.logits(x), y, classifier.class_names)
    if classifier.class_names != names:
        raise SystemExit(f"the classes are in another order: {classifier.class_names}")
    found = find_label_errors(said, temperature=classifier.description.temperature).candidates
    return [{"id": one.id, "suggested": one.suggested, "ruled_out": "yes" if one.ruled_out else "no"} for one in found]


def search(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Train on changed labels, look for them, and return the figures."""
    pictures, path, cache = folder / "pictures.npz", folder / "run", folder / "cache"
    truth = write_pictures(options.source, pictures, pictures=options.pictures, share=options.share, seed=options.seed)
    epochs = ["--epochs", str(options.epochs)] if options.epochs else []
    train_s = run(
        "train", str(pictures), "--out", str(path), "--test-fraction", "0", "--allow-leaks", "--no-baselines", *epochs,
        cache=cache,
    )  # fmt: skip
    started = time.monotonic()
    if options.way == "itself":
        listed = own_word(path, pictures)
    else:
        folds = ["--label-folds", "3"] if options.way == "folds" else []
        run("evaluate", str(path), "--label-errors", str(folder / LIST), *folds, cache=cache)
        with (folder / LIST).open(encoding="utf-8-sig", newline="") as file:
            listed = list(csv.DictReader(file))
    search_s = time.monotonic() - started
    return {**figures_of(listed, truth), "train_s": train_s, "search_s": search_s}


def main(arguments: list[str] | None = None) -> None:
    """Search once, and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", help="a set that tellapart opens, with a train split")
    parser.add_argument("--pictures", type=int, required=True)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--way", choices=["neighbours", "folds", "itself"], default="neighbours")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = search(options, Path(folder))
    versions = {name: version(name) for name in ("tellapart", "torch", "numpy")}
    say(figures=figures, versions=versions)


if __name__ == "__main__":
    main()
