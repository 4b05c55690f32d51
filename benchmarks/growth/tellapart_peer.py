"""One command on so many pictures, from an empty cache: watched from outside, timed by phase from inside."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.harness.result import say

from .watch import Sample, watched

SMALL_NET = ("--net", "lenet5", "--epochs", "1", "--augment", "none", "--precision", "float32")
SHOWN = ("open", "scan", "audit", "split", "baseline", "training", "prediction", "evaluation", "report")


def arguments(verb: str, archive: Path, folder: Path) -> list[str]:
    """Return the command line of ``tellapart train`` or ``inspect``."""
    return [verb, str(archive), *(("--out", str(folder / "run"), *SMALL_NET) if verb == "train" else ("--json",))]


def figures(
    records: list[tuple[str, float, float, float]], samples: list[Sample], *, pictures: int
) -> dict[str, float]:
    """Return seconds, processor microseconds a picture and MiB by phase, and the peaks of all."""
    found = {
        "own_mb": max(sample.own for sample in samples),
        "mapped_mb": max(sample.mapped for sample in samples),
        "both_mb": max(sample.own + sample.mapped for sample in samples),
        "job_s": records[-1][2] - records[0][1],
    }
    for name in SHOWN:
        parts = [record for record in records if record[0] == name]
        during = [s.own for s in samples if any(begin <= s.when <= end for _, begin, end, _ in parts)]
        found[f"{name}_s"] = sum(end - begin for _, begin, end, _ in parts)
        found[f"{name}_cpu_us"] = sum(cpu for *_, cpu in parts) / pictures * 1e6
        found[f"{name}_mb"] = max(during, default=0.0)
    return found


def main() -> None:
    """Run the command once and say what was seen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["train", "inspect"])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--pictures", type=int, required=True)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.archive.parent, prefix="job-"))
    try:
        records = folder / "phases.json"
        command = [sys.executable, "-m", "benchmarks.growth.job", str(records)]
        status, samples = watched(
            [*command, *arguments(options.verb, options.archive, folder)], variables={"TELLAPART_CACHE": str(folder)}
        )
        if status:
            sys.exit(status)
        found = figures(json.loads(records.read_text()), samples, pictures=options.pictures)
        report = folder / "run" / "report.html"
        found["report_mb"] = report.stat().st_size / 2**20 if report.exists() else 0.0
        found["pictures"] = options.pictures
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(figures=found, versions={name: version(name) for name in ("tellapart", "torch", "numpy", "pillow")})


if __name__ == "__main__":
    main()
