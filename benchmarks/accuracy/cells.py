"""What trainings there are, and the table that the README shows of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..harness.cells import mean_and_deviation

NAMES = ("hwdb55", "mnist", "fashion-mnist")
FOLDER = Path(__file__).resolve().parent
SETTINGS: dict[str, tuple[str, ...]] = {
    "default": (),
    "1m": ("--time", "1m"),
    "5m": ("--time", "5m"),
    "16m": ("--time", "16m"),
    "30m": ("--time", "30m"),
    "small": ("--recipe", str(FOLDER / "small.toml")),
}
"""What a training is told beside its pictures and its seed."""

ONLY = {"16m": ("hwdb55",), "small": ("fashion-mnist",)}
"""Settings that are for some of the sets, unless they are asked for by name: a course's time, a recipe with flips."""

HEAD = (
    "| pictures | told | trainings | parameters | epochs | validation, % | test, % | calibration error, % | "
    "process start to end, s | the longest, s | CPU used by others, % | measured |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
)


@dataclasses.dataclass(frozen=True)
class Training:
    """One training: which pictures, what it is told, which seed."""

    name: str
    setting: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}, {self.setting}, seed {self.seed}"


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return the table, a row for each set, setting and processor with at least one training, and one for all."""
    rows = []
    for name in NAMES:
        for setting in SETTINGS:
            found = [one for one in cells if (one["name"], one["setting"]) == (name, setting)]
            processors = sorted({_processor(one) for one in found})  # a time allows more on a faster one
            for processor in processors:
                rows.append(_row(name, setting, [one for one in found if _processor(one) == processor]))
            if len(processors) > 1:
                rows.append(_row(name, setting, found, measured=f"all of the {len(processors)} rows above"))
    return "\n".join([HEAD, *rows])


def _processor(cell: Mapping[str, Any]) -> str:
    """Return name, cores and instructions of "2026-11-22, AMD EPYC, 2 cores, 23.5 GiB, avx2, ...; Linux"."""
    _, name, cores, *flags = str(cell["where"]).partition(";")[0].split(", ")
    return ", ".join([name, cores, *flags[1:]])


def _lacking(cell: Mapping[str, Any]) -> str:
    """Say that a processor has AVX2 only; two of one name may differ in that."""
    return " with AVX2 only" if "avx2" in _processor(cell) and "avx512f" not in _processor(cell) else ""


def _row(name: str, setting: str, trainings: Sequence[Mapping[str, Any]], *, measured: str = "") -> str:
    figures = [one["figures"] for one in trainings]
    # "2026-11-22, AMD EPYC, 2 cores, ...": the day and the processor; the whole sentence stands below the table
    places = sorted({", ".join(str(one["where"]).split(", ")[:2]) + _lacking(one) for one in trainings})

    def mean(key: str, *, digits: int = 2, scale: float = 100.0) -> str:
        return mean_and_deviation([scale * one[key] for one in figures], digits=digits)

    longest = f"{max(one['wall_s'] for one in figures):.0f}"
    whole = {key: mean(key, digits=0, scale=1.0) for key in ("parameters", "wall_s")}
    told = "nothing" if setting == "default" else "small.toml" if setting == "small" else f"--time {setting}"
    cells = (
        name, told, str(len(figures)), whole["parameters"], mean("epochs", digits=1, scale=1.0),
        mean("validation_accuracy"), mean("test_accuracy"), mean("calibration_error"), whole["wall_s"], longest,
        mean("others_share", digits=0), measured or "; ".join(places),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"
