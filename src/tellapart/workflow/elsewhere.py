"""A finished run against another labelled set: pictures from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..classifier import Classifier
from ..errors import ClassMismatchError, DataError
from ..evaluation import Evaluation, Predictions, evaluate
from ..images import open_dataset
from ..images.cache import scan
from ..images.dataset import Dataset
from ..progress import SILENT, Progress
from ..run import Run
from ..training.machine import tuned
from ..wording import counted
from .closer import look_closer_elsewhere
from .learn import logits_at
from .pictures import keep_thumbnails


def evaluate_elsewhere(
    run: Run | str | Path, source: str | Path, *, group_by: str | None = None, progress: Progress = SILENT
) -> tuple[Evaluation, str]:
    """Evaluate a run on another labelled set; its figures and predictions join the run and its report.

    Classes are matched by name. Pictures of classes that the model does not know are left out and counted.

    Args:
        run: the run, or its folder.
        source: labelled pictures, as ``train`` takes them; splits in it are not looked at.
        group_by: as in ``open_dataset``.
        progress: is told of each picture.

    Returns:
        the figures, and the name under which they and the predictions stand in the run.

    Raises:
        ClassMismatchError: no class name is the same.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    classifier = Classifier.load(run.path)
    original = open_dataset(source, group_by=group_by)
    dataset = matched_by_name(original, classifier)
    _say_unmatched(original, dataset, classifier, progress)
    scanned = scan(dataset, classifier.preprocessing, progress=progress)
    positions = np.flatnonzero(scanned.facts["readable"] & (dataset.labels >= 0))
    if not len(positions):
        raise DataError(f"none of the {len(dataset):,} pictures in {str(source)!r} can be read and has a known class")
    if scanned.problems:
        progress.warn(f"{counted(len(scanned.problems), 'picture')} left out: unreadable")
    with tuned():
        predictions = Predictions(
            ids=dataset.ids[positions],
            logits=logits_at(classifier, scanned.pixels, positions),
            labels=dataset.labels[positions],
            class_names=classifier.class_names,
        )
    document = run.load("evaluation")
    name = _free_name(document, dataset)
    trained = run.load("audit")["counts"]["train"]
    found = evaluate(
        predictions,
        temperature=classifier.description.temperature,
        majority_class=max(trained, key=lambda one: trained[one]),
    )
    run.write(f"predictions/{name}.npz", predictions.save)
    document["splits"][name] = found.to_dict()
    document.setdefault("elsewhere", {})[name] = {"source": str(source), "fingerprint": dataset.images.fingerprint()}
    run.save("evaluation", document)
    own = look_closer_elsewhere(
        run, classifier, name=name, predictions=predictions, pixels=scanned.pixels, positions=positions,
        progress=progress,
    )  # fmt: skip
    keep_thumbnails(run, dataset, external=name)
    if own is not None:
        keep_thumbnails(run, own.dataset)  # with the neighbours of these mistakes
    return found, name


def _say_unmatched(original: Dataset, dataset: Dataset, classifier: Classifier, progress: Progress) -> None:
    """Warn of classes that only one side knows."""
    if unknown := sorted(set(original.class_names) - set(classifier.class_names)):
        left_out = counted(int((dataset.labels < 0).sum()), "picture")
        progress.warn(f"{left_out} left out, of classes that the model does not know: {_some(unknown)}")
    if missing := [name for name in classifier.class_names if name not in original.class_names]:
        progress.warn(f"{len(missing)} of the model's classes have no pictures here: {_some(missing)}")


def _free_name(document: Mapping[str, Any], dataset: Dataset) -> str:
    """Return the name of a set from elsewhere: another set never takes one's place, the same set its own."""
    stem = re.sub(r"[^\w.-]+", "-", dataset.name).strip("-.") or "elsewhere"
    stem = f"{stem}-elsewhere" if stem in ("train", "validation", "test") else stem
    known = {name: one["fingerprint"] for name, one in document.get("elsewhere", {}).items()}
    name, number = stem, 2
    while known.get(name, dataset.images.fingerprint()) != dataset.images.fingerprint():
        name, number = f"{stem}-{number}", number + 1
    return name


def matched_by_name(dataset: Dataset, classifier: Classifier) -> Dataset:
    """Return the pictures with labels that count in the model's classes, −1 where it does not know the class.

    Raises:
        ClassMismatchError: no class name is the same.
    """
    shared = set(dataset.class_names) & set(classifier.class_names)
    if not shared:
        raise ClassMismatchError(
            f"no class of {dataset.name!r} ({_some(dataset.class_names)}) is one of the model's "
            f"({_some(classifier.class_names)}): classes are matched by name, so rename the folders or labels"
        )
    return dataset.with_class_names(classifier.class_names)


def _some(names: object) -> str:
    listed = [repr(name) for name in list(names)]  # type: ignore[call-overload]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
