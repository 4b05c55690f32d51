"""``python -m benchmarks.cats_vs_dogs --data cats-vs-dogs.zip``: five rungs, each kept once it is measured."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from ..harness.cells import Cells
from ..harness.environment import OURS, prepare
from ..harness.process import measure
from ..harness.question import RESULTS, ROOT
from ..harness.result import PeerError
from .rungs import RUNGS, parameters, read_run, recipe_of, table

FOLDER = Path(__file__).resolve().parent


def name_of(rung: str, seed: int) -> str:
    """Return what a training is called in ``results.json``."""
    return f"{rung}, seed {seed}"


def wanted(options: argparse.Namespace, cells: Cells) -> list[tuple[str, int]]:
    """Return the rungs and seeds that are asked for and not measured yet."""
    # Seeds outermost: where time is lacking, every rung has one training before any has two.
    asked = [(rung, seed) for seed in options.seeds for rung in RUNGS if rung in (options.only or RUNGS)]
    return [(rung, seed) for rung, seed in asked if options.again or not cells.has(name_of(rung, seed))]


def command(data: Path, *, rung: str, seed: int, run: Path) -> list[str]:
    """Return the command that a person types."""
    program = str(prepare(OURS).with_name("tellapart"))
    return [program, "train", str(data), "--recipe", str(recipe_of(rung)), "--seed", str(seed), "--out", str(run)]


def train(data: Path, *, rung: str, seed: int) -> dict[str, float]:
    """Run one training with an empty cache and return its figures, the wall-clock and the others' share too.

    The run folder stays in ``benchmarks/results``, for the pictures of the documents.

    Raises:
        PeerError: it failed.
    """
    run = RESULTS / FOLDER.name / f"{rung}-{seed}"
    shutil.rmtree(run, ignore_errors=True)
    asked = command(data, rung=rung, seed=seed, run=run)
    with tempfile.TemporaryDirectory() as cache:
        measured = measure(asked, variables={"TELLAPART_CACHE": cache}, cwd=ROOT, log=run.with_suffix(".log"))
    outside = {"wall_s": measured.wall_s, "cpu_s": measured.cpu_s, "others_share": measured.others_share}
    return {**read_run(run), **parameters(rung), **outside}


def existing(text: str) -> Path:
    """Read a path that must be there."""
    path = Path(text).resolve()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is nothing at {text!r}: give cats-vs-dogs.zip")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is asked for, one after the other, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=existing, required=True, help="cats-vs-dogs.zip")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="(0 1 2 3 4)")
    parser.add_argument("--only", nargs="+", choices=list(RUNGS), help="some of the rungs (all)")
    parser.add_argument("--again", action="store_true", help="measure anew what is measured already")
    options = parser.parse_args(arguments)
    cells = Cells(FOLDER, table=table)
    for rung, seed in wanted(options, cells):
        try:
            figures = train(options.data, rung=rung, seed=seed)
        except PeerError as error:
            print(f"FAILED: {name_of(rung, seed)}: {error}", file=sys.stderr)
            return 1
        net = tomllib.loads(recipe_of(rung).read_text(encoding="utf-8"))["net"]["name"]
        cells.keep(
            name_of(rung, seed),
            {"rung": rung, "seed": seed, "net": net, "figures": figures},
        )
        accuracy, seconds = figures["validation_accuracy"], figures["wall_s"]
        print(f"{name_of(rung, seed)}: validation {accuracy:.1%}, {seconds:.0f} s", flush=True)
    print("\n" + cells.markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
