"""The five rungs, what a trained one's run folder says, and the table of all that were trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..harness.question import Column
from ..harness.statistics import spread
from ..harness.table import cell

FOLDER = Path(__file__).resolve().parent
HEAD = (
    "| rung | network | parameters | trained | seeds | epochs | validation, % | 95% interval | last epoch, % | "
    "training pictures, last epoch, % | the course, % | process start to end, s | CPU used by others, % |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclasses.dataclass(frozen=True)
class Rung:
    """One way to train.

    Attributes:
        words: what it does.
        course: the validation accuracy, in percent, that the course says its own such training reaches.
    """

    words: str
    course: str


RUNGS = {
    "scratch": Rung("from scratch", "70–75"),
    "augmented": Rung("with augmentation and dropout", "82"),
    "features": Rung("features", "90"),
    "frozen": Rung("frozen, with augmentation", "90–96"),
    "finetuned": Rung("fine-tuned", "95–97"),
}
"""By the name of the recipe."""


def recipe_of(rung: str) -> Path:
    """Return a rung's recipe."""
    return FOLDER / f"{rung}.toml"


def read_run(run: Path) -> dict[str, float]:
    """Return the figures of a finished run folder; a rung without epochs has none of the last epoch."""
    evaluation = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    validation = evaluation["splits"]["validation"]["figures"]["accuracy"]
    figures = {"validation_accuracy": float(validation["value"]), "validation_pictures": float(validation["count"])}
    history = run / "history.jsonl"
    lines = history.read_text(encoding="utf-8").splitlines() if history.exists() else []
    figures["epochs"] = float(len(lines))
    if lines:
        last = json.loads(lines[-1])
        figures |= {f"last_{split}_accuracy": float(last[f"{split}_accuracy"]) for split in ("train", "validation")}
        figures["best_epoch"] = float(json.loads((run / "training.json").read_text(encoding="utf-8"))["best_epoch"])
    return figures


def parameters(rung: str) -> dict[str, float]:
    """Return how many parameters a rung's network has, and how many of them it learns from the pictures."""
    from tellapart.nets import build_net
    from tellapart.recipe import Recipe
    from tellapart.training.transfer import moving_stages

    recipe = Recipe.load(recipe_of(rung))
    outputs, options = 1 if recipe.net.sigmoid else 2, recipe.net.options
    net = build_net(recipe.net.name, outputs=outputs, image_size=recipe.data.image_size, options=options)
    learnt = moving_stages(net, transfer=str(recipe.training.transfer), unfreeze=recipe.training.unfreeze)
    counts = {name: sum(p.numel() for p in stage.parameters()) for name, stage in net.stages().items()}
    return {"parameters": float(sum(counts.values())), "trained": float(sum(counts[name] for name in learnt))}


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return the table, a row for each rung with at least one training."""
    rows = []
    for name in RUNGS:
        found = [one for one in cells if one["rung"] == name]
        if found:
            rows.append(_row(name, net=str(found[-1]["net"]), figures=[one["figures"] for one in found]))
    return "\n".join([HEAD, *rows])


def _row(name: str, *, net: str, figures: Sequence[Mapping[str, float]]) -> str:
    def shown(key: str, *, digits: int = 1, percent: bool = True) -> str:
        values = [one[key] for one in figures if key in one]
        return cell(spread(values), Column(key, key, digits=digits, percent=percent)) if values else "–"

    whole = {key: shown(key, digits=0, percent=False) for key in ("parameters", "trained", "epochs", "wall_s")}
    rung = RUNGS[name]
    cells = (
        f"[{rung.words}]({name}.toml)", f"`{net}`", whole["parameters"], whole["trained"], str(len(figures)),
        whole["epochs"] if figures[0]["epochs"] else "–", shown("validation_accuracy"), _interval(figures),
        shown("last_validation_accuracy"), shown("last_train_accuracy"), rung.course, whole["wall_s"],
        shown("others_share", digits=0),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _interval(figures: Sequence[Mapping[str, float]]) -> str:
    """Return what chance leaves open at the median: every seed is judged by the same pictures."""
    from tellapart.evaluation.intervals import wilson_interval

    pictures = figures[0]["validation_pictures"]
    median = spread([one["validation_accuracy"] for one in figures]).median
    low, high = wilson_interval(median * pictures, pictures)
    return f"{100 * float(low):.1f} to {100 * float(high):.1f}"
