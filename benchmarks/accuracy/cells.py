"""The figures of all trainings so far, in ``results.json``, and the table that the README shows of them."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from ..harness.table import between_markers

NAMES = ("hwdb55", "mnist", "fashion-mnist")
FOLDER = Path(__file__).resolve().parent
SETTINGS: dict[str, tuple[str, ...]] = {
    "default": (),
    "1m": ("--time", "1m"),
    "5m": ("--time", "5m"),
    "30m": ("--time", "30m"),
    "small": ("--recipe", str(FOLDER / "small.toml")),
}
"""What a training is told beside its pictures and its seed."""

HEAD = (
    "| pictures | told | trainings | parameters | epochs | validation, % | test, % | calibration error, % | "
    "process start to end, s | CPU used by others, % |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclasses.dataclass(frozen=True)
class Training:
    """One training: which pictures, what it is told, which seed."""

    name: str
    setting: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}, {self.setting}, seed {self.seed}"


class Cells:
    """What was measured so far.

    Args:
        folder: the question's, with README.md.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = folder / "results.json"
        self._kept: dict[str, dict[str, object]] = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def has(self, one: Training) -> bool:
        """Say whether a training was measured."""
        return str(one) in self._kept

    def keep(self, one: Training, figures: dict[str, float], *, where: str) -> None:
        """Write a training's figures and the table anew."""
        self._kept[str(one)] = {**dataclasses.asdict(one), "where": where, "figures": figures}
        text = json.dumps(dict(sorted(self._kept.items())), indent=1, ensure_ascii=False) + "\n"
        (self._folder / "results.json").write_text(text, encoding="utf-8")
        readme = self._folder / "README.md"
        page = between_markers(readme.read_text(encoding="utf-8"), text=self.markdown())
        readme.write_text(page, encoding="utf-8")

    def markdown(self) -> str:
        """Return the table, a row for each cell with at least one training, and where it was measured."""
        rows, places = [], []
        for name in NAMES:
            for setting in SETTINGS:
                found = [one for one in self._kept.values() if (one["name"], one["setting"]) == (name, setting)]
                if found:
                    rows.append(_row(name, setting, [one["figures"] for one in found]))  # type: ignore[misc]
                    places += [str(one["where"]) for one in found]
        where = "\n".join(f"- {place}" for place in sorted(set(places)))
        return "\n".join([HEAD, *rows]) + f"\n\n{where}" if rows else "Nothing is measured yet."


def _row(name: str, setting: str, figures: Sequence[dict[str, float]]) -> str:
    def mean(key: str, *, digits: int = 2, scale: float = 100.0) -> str:
        return spread([scale * one[key] for one in figures], digits=digits)

    whole = {key: mean(key, digits=0, scale=1.0) for key in ("parameters", "epochs", "wall_s")}
    told = "nothing" if setting == "default" else "small.toml" if setting == "small" else f"--time {setting}"
    cells = (
        name, told, str(len(figures)), whole["parameters"], whole["epochs"], mean("validation_accuracy"),
        mean("test_accuracy"), mean("calibration_error"), whole["wall_s"], mean("others_share", digits=0),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float], *, digits: int) -> str:
    """Return "mean ± deviation" of the sample, or the one value where there is one or all are the same."""
    shown = f"{statistics.fmean(values):,.{digits}f}"
    if len(values) < 2 or len(set(values)) == 1:
        return shown
    return f"{shown} ± {statistics.stdev(values):,.{digits}f}"
