"""``python -m benchmarks.photographs --data cats-vs-dogs.zip``: the default on photographs, each seed twice."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..cats_vs_dogs.__main__ import existing
from ..harness.cells import Cells
from ..harness.environment import OURS, prepare
from ..harness.process import measure
from ..harness.question import RESULTS, ROOT, Column
from ..harness.result import PeerError
from ..harness.statistics import spread
from ..harness.table import cell

FOLDER = Path(__file__).resolve().parent
TIMES = ("first", "second")
COLUMNS = (
    Column("wall_s", "process start to end, s", digits=1),
    Column("cpu_s", "processor time, s", digits=1),
    Column("peak_memory_mb", "peak memory, MiB", digits=0),
    Column("validation", "validation, %", digits=1, percent=True),
    Column("test", "test, %", digits=1, percent=True),
    Column("others_share", "CPU used by others, %", digits=0, percent=True),
)


def train(data: Path, *, seed: int) -> dict[str, dict[str, float]]:
    """Train twice, with an empty cache and with what the first time has left there; return the figures of both.

    Raises:
        PeerError: a training failed.
    """
    program, found = str(prepare(OURS).with_name("tellapart")), {}
    with tempfile.TemporaryDirectory() as folder:
        for when in TIMES:
            run, log = Path(folder) / when, RESULTS / FOLDER.name / f"{when}-{seed}.log"
            asked = [program, "train", str(data), "--seed", str(seed), "--out", str(run)]
            measured = measure(asked, variables={"TELLAPART_CACHE": f"{folder}/cache"}, cwd=ROOT, log=log)
            splits = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))["splits"]
            found[when] = {
                **{name: float(splits[name]["figures"]["accuracy"]["value"]) for name in ("validation", "test")},
                **{key: float(getattr(measured, key)) for key in ("wall_s", "cpu_s", "peak_memory_mb", "others_share")},
            }
    return found


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for the first time and one for the second: median (smallest to largest) of the seeds."""
    lines = [
        f"| time | seeds | {' | '.join(column.label for column in COLUMNS)} |",
        f"|---|---:|{'---:|' * len(COLUMNS)}",
    ]
    for when in TIMES:
        figures = [one["figures"][when] for one in cells]
        shown = " | ".join(cell(spread([one[column.key] for one in figures]), column) for column in COLUMNS)
        lines.append(f"| {when} | {len(figures)} | {shown} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train each seed that is asked for and not measured yet, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=existing, required=True, help="cats-vs-dogs.zip")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="(0 1 2 3 4)")
    parser.add_argument("--again", action="store_true", help="measure anew what is measured already")
    options = parser.parse_args(arguments)
    cells = Cells(FOLDER, table=table)
    for seed in options.seeds:
        if cells.has(f"seed {seed}") and not options.again:
            continue
        try:
            figures = train(options.data, seed=seed)
        except PeerError as error:
            print(f"FAILED: seed {seed}: {error}", file=sys.stderr)
            return 1
        cells.keep(f"seed {seed}", {"seed": seed, "figures": figures})
        print(f"seed {seed}: {figures['first']['wall_s']:.1f} s, then {figures['second']['wall_s']:.1f} s", flush=True)
    print("\n" + cells.markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
