"""The rows: how each is learnt and measured, and how it is kept."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...defaults import preprocessing_of
from ...errors import RecipeError, RunCorruptError
from ...evaluation import Evaluation, Predictions, TableRow, evaluate, macro_f1_gap
from ...images.dataset import Dataset
from ...images.preprocessing import Preprocessing
from ...progress import TO_LOG, Progress
from ...run import Run
from ..copies import groups_at
from .classical import learn_classical
from .methods import Method
from .network import costs_of, learn_network, measure_external, network_recipe, varied_recipe
from .plan import ExternalSource, TablePlan
from .setting import MOST_PIXELS, Setting
from .variants import Variant, save_arrays, vary

ROW = "row.json"


@dataclasses.dataclass(frozen=True)
class RowJob:
    """One row that is to be made: a method on a variant of the pictures."""

    method: Method
    variant: Variant

    @property
    def folder(self) -> str:
        """Where the row lies, below the table's folder."""
        return f"rows/{self.method.slug}{'--' + self.variant.slug if self.variant.slug else ''}"

    @property
    def title(self) -> str:
        """What a person reads."""
        return f"{self.method.name}, {self.variant.label}" if self.variant.label else self.method.name


def jobs_of(methods: list[Method], plan: TablePlan, setting: Setting) -> list[RowJob]:
    """Return the rows of a table: all methods on the pictures as they are, then on each variant.

    Beside networks on shuffled pixels, which have no random changes, the same without shuffling are a row, too.
    """
    variants = {
        "plain": Variant(),
        "noise": Variant("noise", noise=plan.noise),
        "copies": Variant("copies", copies=plan.copies, changes=setting.changes),
        "shuffled": Variant("shuffled"),
    }
    jobs = []
    for kind in plan.variants:
        for method in methods:
            if method.kind == "majority class" and kind != "plain":
                continue
            if kind == "shuffled" and method.net and method.transfer != "features":
                jobs.append(RowJob(method, Variant("unchanged")))
            jobs.append(RowJob(method, variants[kind]))
    return jobs


def kept_row(folder: Path) -> TableRow | None:
    """Return a row that was finished before; None where there is none."""
    try:
        return TableRow.from_dict(json.loads((folder / ROW).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise RunCorruptError(f"{folder / ROW} is damaged ({error}): remove it, and its row is made again") from None


def keep_row(folder: Path, row: TableRow) -> None:
    """Write a finished row, whole or not at all: from now on it is not made again."""
    Run(folder).write_text(ROW, json.dumps(row.to_dict(), indent=1, ensure_ascii=False) + "\n")


def make_row(job: RowJob, plan: TablePlan, *, setting: Setting, table: Path, progress: Progress = TO_LOG) -> TableRow:
    """Learn and measure one row.

    Raises:
        TellapartError: it cannot be made.
        KeyboardInterrupt: a person stopped it.
    """
    folder = table / job.folder
    if job.method.kind == "majority class":
        predictions, costs = _majority(setting, folder)
    elif job.method.kind == "classical":
        predictions, costs = _classical(job, setting, folder)
    else:
        predictions, costs = _network(job, plan, setting=setting, table=table, progress=progress)
    validation = evaluate(predictions["validation"])
    external = evaluate(predictions["external"]) if "external" in predictions else None
    return TableRow(
        name=job.method.name, kind=job.method.kind, variant=job.variant.label, folder=job.folder,
        validation=validation["macro_f1"], accuracy=validation["accuracy"],
        external=None if external is None else external["macro_f1"],
        gap=None if external is None else macro_f1_gap(predictions["validation"], predictions["external"]),
        **{**costs, "notes": (*costs["notes"], *_cautions(validation, external))},
    )  # fmt: skip


def _cautions(validation: Evaluation, external: Evaluation | None) -> Iterator[str]:
    """Yield what the intervals of a row do not say."""
    for found, where in ((validation, "validation"), (external, "external")):
        if found is not None and found["accuracy"].value == 1:
            yield f"{where}: no mistake, so that F1 has no interval to show; that of accuracy is {found['accuracy']}"
    absent = 0 if external is None else sum(not one.count for one in external.classes)
    if absent:
        yield f"there are no external pictures of {absent} of {len(validation.classes)} classes"


def row_predictions(job: RowJob, *, setting: Setting, table: Path) -> Predictions:
    """Return what a finished row says of the validation pictures, by the pictures' own ids and groups.

    Raises:
        RunCorruptError: they are not those of the table.
    """
    found = Predictions.load(table / job.folder / "predictions" / "validation.npz")
    own = setting.prepared.dataset.select(setting.prepared.splits.validation)
    plain = job.variant.kind == "plain"
    if found.labels.tolist() != own.labels.tolist() or (plain and found.ids.tolist() != own.ids.tolist()):
        raise RunCorruptError(
            f"the row {job.title!r} was measured on other pictures than the table's: remove {job.folder!r} in the "
            "table's folder, and it is made again"
        )
    return dataclasses.replace(found, ids=own.ids, groups=_groups(setting))


def _said_of_validation(setting: Setting, logits: NDArray[np.float32]) -> Predictions:
    own = setting.prepared.dataset.select(setting.prepared.splits.validation)
    return Predictions(own.ids, logits, own.labels, setting.class_names, _groups(setting))


def _groups(setting: Setting) -> NDArray[np.str_] | None:
    prepared = setting.prepared
    return groups_at(prepared.dataset, prepared.splits.validation, family=prepared.audit.repeats.family)


def _said_of_external(external: Dataset, logits: NDArray[np.float32]) -> Predictions:
    return Predictions(external.ids, logits, external.labels, external.class_names, external.groups)


def _majority(setting: Setting, folder: Path) -> tuple[dict[str, Predictions], dict[str, Any]]:
    dataset, splits = setting.prepared.dataset, setting.prepared.splits
    counts = np.bincount(dataset.labels[splits.train], minlength=len(setting.class_names))
    largest = setting.class_names[counts.argmax()]

    def nothing(count: int) -> NDArray[np.float32]:
        return np.zeros((count, len(counts)), dtype=np.float32)

    found = {"validation": _said_of_validation(setting, nothing(len(splits.validation))).always(largest)}
    if setting.external is not None:
        found["external"] = _said_of_external(setting.external, nothing(len(setting.external))).always(largest)
    _keep(found, folder)
    return found, {"train_seconds": 0.0, "predict_ms": 0.0, "size_bytes": 0, "notes": ()}


def _classical(job: RowJob, setting: Setting, folder: Path) -> tuple[dict[str, Predictions], dict[str, Any]]:
    plain = setting.material(setting.prepared.preprocessing, most_pixels=MOST_PIXELS)
    material = vary(plain, job.variant, seed=setting.seed)
    result = learn_classical(
        job.method, material, classes=len(setting.class_names), seed=setting.seed, threads=setting.threads,
        cache=setting.features,
    )  # fmt: skip
    found = {"validation": _said_of_validation(setting, result.validation)}
    if result.external is not None and setting.external is not None:
        found["external"] = _said_of_external(setting.external, result.external)
    _keep(found, folder)
    costs = {"train_seconds": result.train_seconds, "predict_ms": result.predict_ms, "size_bytes": result.size_bytes}
    return found, {**costs, "notes": result.notes}


def _network(
    job: RowJob, plan: TablePlan, *, setting: Setting, table: Path, progress: Progress
) -> tuple[dict[str, Predictions], dict[str, Any]]:
    external, recipe = plan.external, network_recipe(job.method, plan.recipe)
    if job.variant.kind != "plain":
        plain = table / RowJob(job.method, Variant()).folder
        if (row := kept_row(plain)) is not None and row.failed:
            raise RecipeError(f"the row on the pictures as they are could not be made: {row.failed}")
        resolved = Run.open(plain).recipe
        file, moved = _varied_files(job, preprocessing_of(resolved.data), setting=setting, table=table)
        recipe, external = varied_recipe(resolved, job.variant, file=file), moved or external
    run = learn_network(table / job.folder, recipe, progress=progress)
    found = {"validation": row_predictions(job, setting=setting, table=table)}
    if external is not None:
        found["external"] = measure_external(run, external, progress=progress)
    return found, dict(costs_of(run, setting.prepared))


def _varied_files(
    job: RowJob, preprocessing: Preprocessing, *, setting: Setting, table: Path
) -> tuple[Path, ExternalSource | None]:
    """Write a network's pictures of a variant at its size, once; return them, and those from elsewhere if they change.

    What stands in the table's folder is a source like any other: the row can be trained from it alone.
    """
    stem = f"{job.variant.slug}-{preprocessing.pixel_key()}"
    file, external = table / "data" / f"{stem}.npz", table / "data" / f"{stem}-external.npz"
    moved = job.variant.kind == "shuffled" and setting.external is not None
    if not file.exists() or (moved and not external.exists()):
        material = vary(setting.material(preprocessing), job.variant, seed=setting.seed)
        if moved and material.external is not None and material.external_labels is not None:
            pictures: dict[str, NDArray[Any]] = {"x": material.external, "y": material.external_labels}
            if setting.external is not None and setting.external.groups is not None:
                pictures["groups"] = np.array(setting.external.groups.tolist(), dtype=np.str_)
            save_arrays(pictures, external, class_names=setting.class_names)
        own: dict[str, NDArray[Any]] = {"x_train": material.train, "y_train": material.train_labels}
        own |= {"x_validation": material.validation, "y_validation": material.validation_labels}
        if material.train_groups is not None:
            own["groups_train"] = material.train_groups
        save_arrays(own, file, class_names=setting.class_names)
    return file, ExternalSource(str(external)) if moved else None


def _keep(found: dict[str, Predictions], folder: Path) -> None:
    for name, predictions in found.items():
        predictions.save(folder / "predictions" / f"{name}.npz")
