"""``python -m benchmarks.settings --data hwdb55=hwdb55.zip``: two trainings at a time, each kept once measured."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from ..harness.cells import Cells, mean_and_deviation
from ..harness.environment import OURS, prepare
from ..harness.pictures import named_source
from ..harness.process import measure
from ..harness.question import RESULTS, ROOT
from ..harness.result import PeerError, parse
from .questions import LOOKS, QUESTIONS

FOLDER = Path(__file__).resolve().parent
HEAD = "| | trainings | validation, % | loss | seconds of one core |"


@dataclasses.dataclass(frozen=True)
class Training:
    """One training: of which question, which row, which seed."""

    question: str
    row: str
    seed: int

    def __str__(self) -> str:
        return f"{self.question}, {self.row}, seed {self.seed}"


def wanted(options: argparse.Namespace, cells: Cells) -> list[Training]:
    """Return the trainings that are asked for, whose pictures are given, and that are not measured yet."""
    asked = [
        Training(name, row, seed)
        for seed in range(options.seeds)
        for name in options.question or QUESTIONS
        if QUESTIONS[name].data in dict(options.data)
        for row in QUESTIONS[name].rows
        if not options.only or any(text in row for text in options.only)
    ]
    return [one for one in asked if options.again or not cells.has(str(one))]


def train(one: Training, source: str) -> dict[str, float]:
    """Run one training in a process of its own, on one core, and return its figures.

    Raises:
        PeerError: it failed.
    """
    question = QUESTIONS[one.question]
    command = [str(prepare(OURS)), "-m", "benchmarks.settings.peer", source, "--seed", str(one.seed)]
    command += ["--plugin", str(question.plugin)] if question.plugin else []
    command += [word for how in question.looks for word in ("--look", how)]
    log = RESULTS / "settings" / f"{one.question}-{list(question.rows).index(one.row)}-{one.seed}.log"
    told = (*question.told, *question.rows[one.row])
    measured = measure([*command, "--", *told], variables={"OMP_NUM_THREADS": "1"}, cwd=ROOT, log=log)
    return dict(parse(measured.output).figures)


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return a table a question, with a row for each that has a training."""
    parts = []
    for name, question in QUESTIONS.items():
        rows = {row: [c["figures"] for c in cells if (c["question"], c["row"]) == (name, row)] for row in question.rows}
        lines = [_row(row, figures, looks=question.looks) for row, figures in rows.items() if figures]
        if lines:
            head = " ".join([HEAD, *(f"{LOOKS[how]} |" for how in question.looks)])
            rule = "|---|" + "---:|" * (4 + len(question.looks))
            parts.append("\n".join([f"### {question.title}", "", head, rule, *lines]))
    return "\n\n".join(parts)


def _row(name: str, figures: Sequence[Mapping[str, float]], *, looks: Sequence[str]) -> str:
    def mean(key: str, *, digits: int, scale: float = 1.0) -> str:
        if not all(key in one for one in figures):  # measured before this was looked at
            return "–"
        return mean_and_deviation([scale * one[key] for one in figures], digits=digits)

    rates = ", ".join(f"{one['learning_rate']:.2g}" for one in figures)
    shown = [
        f"{name} ({rates})" if "found" in name else name,
        str(len(figures)),
        mean("accuracy", digits=2, scale=100),
        mean("loss", digits=4),
    ]
    shown += [mean("train_s", digits=0), *(mean(how, digits=2, scale=100) for how in looks)]
    return f"| {' | '.join(shown)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the cells that are asked for, and write the tables after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = sorted({one.data for one in QUESTIONS.values()})
    parser.add_argument(
        "--data", type=named_source(names), action="append", required=True, help="NAME=SOURCE; repeat it"
    )
    parser.add_argument("--question", action="append", choices=QUESTIONS, help="one of them (all with their pictures)")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only rows whose name has this text")
    parser.add_argument("--seeds", type=int, default=3, help="how many trainings a row has (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time (%(default)s)")
    parser.add_argument("--again", action="store_true", help="measure anew what is measured already")
    options = parser.parse_args(arguments)
    cells, failed = Cells(FOLDER, table=table), 0
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(train, one, dict(options.data)[QUESTIONS[one.question].data]): one
                   for one in wanted(options, cells)}  # fmt: skip
        for done in as_completed(running):
            one = running[done]
            try:
                figures = done.result()
            except PeerError as error:
                print(f"FAILED: {one}: {error}", file=sys.stderr)
                failed += 1
                continue
            cells.keep(str(one), {**dataclasses.asdict(one), "figures": figures})
            print(f"{one}: validation {figures['accuracy']:.2%}, loss {figures['loss']:.4f}", flush=True)
    print("\n" + cells.markdown())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
