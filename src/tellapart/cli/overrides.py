"""What is typed beside a recipe file takes the place of what stands there, and of what was chosen to go with that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..recipe import LOOP_SETTINGS, Recipe, TrainingRecipe


def without_conflicts(base: Recipe, sections: Mapping[str, Any], *, timed: bool) -> tuple[Recipe, list[str]]:
    """Return a recipe file's choices without those that would contradict what is typed, and their names.

    Args:
        base: of the file; a run's has nothing open.
        sections: the typed settings.
        timed: whether a time is typed, which decides about the epochs.

    Example:
        >>> base = Recipe.make(training={"epochs": 9, "optimizer": {"name": "sgd", "momentum": 0.9}})
        >>> room, names = without_conflicts(base, {"training": {"optimizer": {"name": "adamw"}}}, timed=True)
        >>> names
        ['training.epochs', 'training.optimizer.momentum']
    """
    document, names = base.model_dump(), []
    for section, fields in _outdated(base, sections, timed=timed).items():
        place: dict[str, Any] = document
        for part in section.split("."):
            place = place[part]
        for field, blank in fields.items():
            if place[field] != blank and field not in _typed(sections, section):
                place[field] = blank
                names.append(f"{section}.{field}")
    return Recipe.make(**document), names


def _outdated(base: Recipe, sections: Mapping[str, Any], *, timed: bool) -> dict[str, dict[str, Any]]:
    """Return what is chosen anew, by section, with what each setting is while it is open."""
    net, training, optimizer = (_typed(sections, name) for name in ("net", "training", "training.optimizer"))
    outdated: dict[str, dict[str, Any]] = {"net": {}, "training": {}, "training.optimizer": {}}
    if base.net.name != "auto" and _other(net.get("name"), base.net.name):
        outdated["net"] |= {"options": {}, "weights": None}
        outdated["training.optimizer"] |= {"learning_rate": None}
    if timed:
        outdated["training"] |= {"epochs": None, "steps_per_epoch": None, "early_stopping": None}
    if "epochs" in training and isinstance(base.training.steps_per_epoch, tuple):
        outdated["training"] |= {"steps_per_epoch": None}
    stopping = base.training.early_stopping
    timed_before = base.training.transfer == "finetune" and stopping and stopping.patience == base.training.epochs
    if "epochs" in training and timed_before:  # the time ended it; by itself a fine-tuning has the usual patience
        outdated["training"] |= {"early_stopping": None}
    if _other(training.get("transfer"), base.training.transfer):
        outdated["training"] |= {"unfreeze": None}
        outdated["training.optimizer"] |= {"learning_rate": None}
        if "none" in (training["transfer"], base.training.transfer):
            outdated["training"] |= {"epochs": None, "early_stopping": None}
            outdated["net"] |= {"weights": None}
            if isinstance(base.training.steps_per_epoch, tuple):
                outdated["training"] |= {"steps_per_epoch": None}
        if training["transfer"] == "features":
            fields = TrainingRecipe.model_fields
            outdated["training"] |= {name: fields[name].default for name in LOOP_SETTINGS if name != "optimizer"}
            outdated["training.optimizer"] = fields["optimizer"].default.model_dump()
    if _other(optimizer.get("name"), base.training.optimizer.name):
        outdated["training.optimizer"] |= {"learning_rate": None, "weight_decay": None, "momentum": None}
    if optimizer.get("find_learning_rate"):
        outdated["training.optimizer"] |= {"learning_rate": None}
    if "learning_rate" in optimizer:
        outdated["training.optimizer"] |= {"find_learning_rate": False}
    return outdated


def _other(typed: str | None, stands: str | None) -> bool:
    """Return whether a name is typed in place of another one, and not of an open one."""
    return None not in (typed, stands) and typed != stands


def _typed(sections: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """Return what is typed of a section, by its dotted name."""
    found: Any = sections
    for part in section.split("."):
        found = found.get(part) or {}
    return dict(found)
