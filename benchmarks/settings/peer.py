"""One training on one core; its run folder, read."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.result import say
from tellapart import Classifier, Run, open_dataset
from tellapart.evaluation import Predictions
from tellapart.images.cache import scan
from tellapart.images.dataset import positions_of


def command(source: str, run: Path, *, seed: int, plugin: str | None, more: list[str]) -> list[str]:
    """Return the command; the network is trained alone, with no other beside it."""
    program = [str(Path(sys.executable).with_name("tellapart")), *(("--plugin", plugin) if plugin else ())]
    fixed = ["--no-baselines", "--drop-leaks", "--threads", "1", "--seed", str(seed)]
    return [*program, "train", source, "--out", str(run), *fixed, *more]


def read_run(run: Run) -> dict[str, float]:
    """Return what the validation pictures say of a finished run, and the seconds of its epochs' training parts."""
    figures = run.load("evaluation")["splits"]["validation"]["figures"]
    return {
        "accuracy": float(figures["accuracy"]["value"]),
        "loss": float(figures["loss"]["value"]),
        "train_s": sum(float(record["train_seconds"]) for record in run.history),
        "learning_rate": float(run.recipe.training.optimizer.learning_rate or 0.0),
    }


def looked(run: Run, source: str, *, how: str) -> float:
    """Return the accuracy on the validation pictures as one of ``LOOKS`` shows them."""
    classifier = Classifier.load(run.path / "model.safetensors")
    said = Predictions.load(run.path / "predictions" / "validation.npz")
    dataset = open_dataset(source)
    pixels = scan(dataset, classifier.preprocessing).pixels[positions_of(dataset.ids, said.ids)]
    total = np.zeros((len(said), len(said.class_names)), dtype=np.float64)
    for part in np.array_split(np.arange(len(said)), max(1, len(said) // 1000)):
        for shown in VERSIONS[how](pixels[part]):
            total[part] += classifier.probabilities(shown)
    return float((total.argmax(axis=1) == said.labels).mean())


def shifted(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures moved by up to a pixel each way."""
    for y in (0, 1, 2):
        for x in (0, 1, 2):
            yield moved(pixels, y=y, x=x)


def extreme(pixels: NDArray[np.uint8], *, most: bool) -> NDArray[np.uint8]:
    """Return the maximum, or the minimum, of each pixel's 3×3 neighbourhood: strokes a pixel thicker all round.

    Example:
        >>> extreme(np.array([0, 9, 0, 0], dtype=np.uint8).reshape(1, 1, 4, 1), most=True).ravel().tolist()
        [9, 9, 9, 0]
    """
    shown = np.stack(list(shifted(pixels)))
    found: NDArray[np.uint8] = shown.max(axis=0) if most else shown.min(axis=0)
    return found


def moved(pixels: NDArray[np.uint8], *, y: int, x: int) -> NDArray[np.uint8]:
    """Return pictures, (N, height, width, channels), moved by 1 − y and 1 − x pixels; the edge is repeated.

    Example:
        >>> moved(np.arange(3, dtype=np.uint8).reshape(1, 1, 3, 1), y=1, x=2).ravel().tolist()
        [1, 2, 2]
    """
    height, width = pixels.shape[1:3]
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return padded[:, y : y + height, x : x + width]


VERSIONS: dict[str, Callable[[NDArray[np.uint8]], Iterable[NDArray[np.uint8]]]] = {
    "shifted": shifted,
    "thicker": lambda pixels: [extreme(pixels, most=False)],  # ink is dark
    "thinner": lambda pixels: [extreme(pixels, most=True)],
}


def arguments(given: list[str]) -> argparse.Namespace:
    """Read ``SOURCE --seed N -- ...``: what stands behind ``--`` is for ``tellapart train``."""
    end = given.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--plugin")
    parser.add_argument("--look", action="append", choices=VERSIONS, default=[])
    return parser.parse_args(given[:end], argparse.Namespace(more=given[end + 1 :]))


def main() -> None:
    """Train, and say what came out."""
    options = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        typed = command(options.source, path, seed=options.seed, plugin=options.plugin, more=options.more)
        # A child's status is passed on, so that the harness fails as loudly as the command did.
        done = subprocess.run(typed, check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
        run = Run.open(path)
        figures = read_run(run)
        figures |= {how: looked(run, options.source, how=how) for how in options.look}
    say(figures=figures, versions={name: version(name) for name in ("tellapart", "torch")})


if __name__ == "__main__":
    main()
