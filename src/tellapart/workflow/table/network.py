"""A network's row: a run like any other, made by the main job in the table's folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...classifier import Classifier
from ...defaults import preprocessing_of
from ...evaluation import Predictions
from ...images.cache import scan
from ...images.dataset import SPLIT_NAMES
from ...images.sources.base import is_bundled
from ...images.split_ids import read_ids
from ...progress import TO_LOG, Progress
from ...recipe import LOOP_SETTINGS, AugmentRecipe, Recipe
from ...run import Run
from ...runtime import tuned
from ..external import evaluate_external
from ..main_job import resume, train
from ..prepare import Prepared
from .methods import Method
from .plan import ExternalSource
from .variants import Variant

TIMED = 512
"""Pictures on which the time to predict is measured, at most."""


def network_recipe(method: Method, recipe: Recipe) -> Recipe:
    """Return the recipe of a network's row: what ``train`` would be given for it alone.

    Args:
        method: a network from scratch, or transfer.
        recipe: the table's; a transfer takes the size that its network was made for, and no setting of the loop where
            it sees each picture once.
    """
    sections: dict[str, Any] = recipe.model_dump()
    own = method.net == ("compact" if recipe.net.name == "auto" else recipe.net.name)
    weights = "none" if method.transfer == "none" else "imagenet"
    sections["net"] |= {"name": method.net, "weights": weights, "options": recipe.net.options if own else {}}
    sections["training"]["transfer"] = method.transfer
    named = recipe.net.name != "auto"
    if named and not (own and method.transfer == (recipe.training.transfer or method.transfer)):
        sections["training"]["optimizer"]["learning_rate"] = None  # that of another network, or way of transfer
    if method.transfer != "none":
        sections["data"] |= {"image_size": None, "channels": None}
        sections["data"]["resample"] = None if named and not own else recipe.data.resample
    if method.transfer == "features":
        for setting in LOOP_SETTINGS:
            sections["training"].pop(setting)
    return Recipe.make(**{**sections, "baselines": ()})


def varied_recipe(resolved: Recipe, variant: Variant, *, file: Path) -> Recipe:
    """Return a row's recipe on a variant of its pictures: nothing else is decided anew.

    Random changes, which move pixels to their neighbours' places, mean nothing to shuffled ones: they are left out.

    Args:
        resolved: the recipe of the row on the pictures as they are.
        variant: what was done to them.
        file: where they lie.
    """
    sections: dict[str, Any] = resolved.model_dump()
    sections["data"] |= {
        "source": str(file.resolve()),
        "source_options": {},
        "labels": None,
        "group_by": None,
        "validation_fraction": None,
        "test_fraction": 0.0,
        "leaks": "allow",
    }
    if variant.kind in ("shuffled", "unchanged") and resolved.training.augment is not None:
        sections["training"]["augment"] = AugmentRecipe().model_dump()
    return Recipe.make(**sections)


def learn_network(folder: Path, recipe: Recipe, *, progress: Progress = TO_LOG) -> Run:
    """Train a row's network, or go on with it.

    Raises:
        KeyboardInterrupt: a person stopped it; the row can go on later.
        TellapartError: as ``train``.
    """
    if (folder / "recipe.json").exists():
        run = resume(folder, explain=False, progress=progress)
    else:
        shutil.rmtree(folder, ignore_errors=True)  # what a kill left of a run that had not begun
        run = train(None, recipe, out=folder, explain=False, progress=progress)
    if run.stop_asked or run.status["state"] == "interrupted":  # the former in its last epoch, after which it was done
        raise KeyboardInterrupt
    return run


def measure_external(run: Run, external: ExternalSource, *, progress: Progress = TO_LOG) -> Predictions:
    """Evaluate a row's run on external pictures; they join its report."""
    name = evaluate_external(
        run, external.source, group_by=external.group_by, by_name=is_bundled(external.source),
        source_options=external.source_options, progress=progress,
    ).name  # fmt: skip
    return Predictions.load(run.path / "predictions" / f"{name}.npz")


def costs_of(run: Run, prepared: Prepared) -> Mapping[str, Any]:
    """Return train_seconds, predict_ms, size_bytes and notes of a row's run.

    The training's time has the features of the training pictures in it, not those of the others. Predicting is timed on
    validation pictures that are resized already, after a first batch that is not counted.
    """
    recipe = run.recipe
    classifier = Classifier.load(run.path)
    positions = prepared.splits.validation[:TIMED]
    pixels = np.array(scan(prepared.dataset, preprocessing_of(recipe.data)).pixels[positions])
    with tuned(recipe.training.threads):
        classifier.logits(pixels[:32])
        started = time.perf_counter()
        classifier.logits(pixels)
        seconds = (time.perf_counter() - started) / len(pixels)
    training = run.load("training")
    ids = read_ids(run.path / "splits.json")
    train = len(ids["train"])
    others = 1 - train / sum(len(ids[name]) for name in SPLIT_NAMES)  # features are made of all of them at once
    spent = training["seconds"] + training.get("head_seconds", 0.0) - others * training.get("features_seconds", 0.0)
    notes: tuple[str, ...] = ()
    if there := training.get("features_there"):
        spent += seconds * there * train
        notes = (f"{there:.0%} of its features were there before: their time is taken from the time to predict",)
    size = (run.path / "model.safetensors").stat().st_size
    return {"train_seconds": spent, "predict_ms": 1000 * seconds, "size_bytes": size, "notes": notes}
