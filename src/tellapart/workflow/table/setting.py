"""The setting of a table: the pictures that all rows share, read and split once."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ClassMismatchError, DataError, RunCorruptError, TellapartError
from ...images import open_dataset
from ...images.block_average import block_averaged
from ...images.cache import scan
from ...images.cache_folder import cache_folder
from ...images.dataset import Dataset
from ...images.preprocessing import Preprocessing
from ...images.sources.base import is_bundled
from ...images.split import belonging
from ...progress import TO_LOG, Progress
from ...recipe import AUGMENTATIONS, AugmentRecipe, Recipe
from ...run import Run
from ...runtime import compute_threads, describe
from ...wording import counted, listed
from ..copies import families_of, groups_at
from ..prepare import Prepared, check_same_again, content_fingerprint, open_source, prepare
from .plan import ExternalSource, TablePlan
from .variants import Material, check_room

PICTURES = "pictures"
"""The folder of the audit, the splits and the choices that all rows share."""

MOST_PIXELS = 10_000
"""Pixels of a picture above which classical rows see it averaged down (a run's baselines: above as many values)."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all rows share.

    Attributes:
        prepared: pictures, splits and the recipe of a training from scratch.
        external: readable external pictures whose classes are known, labels in the own classes; None for none.
        external_digests: of their facts.
        threads: of the classical rows.
        changes: what changes copies.
        features: where features are kept.
    """

    prepared: Prepared
    external: Dataset | None
    external_digests: NDArray[np.void] | None
    threads: int
    changes: AugmentRecipe
    features: Path

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names."""
        return self.prepared.dataset.class_names

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.prepared.recipe.training.seed

    def material(self, preprocessing: Preprocessing, *, most_pixels: int | None = None) -> Material:
        """Return the pictures of all rows at one size, averaged down where they are larger than ``most_pixels``."""
        dataset, splits = self.prepared.dataset, self.prepared.splits
        height, width = preprocessing.image_size
        factor = 1 if most_pixels is None else max(1, int(np.ceil(np.sqrt(height * width / most_pixels))))
        coarse = preprocessing.coarser(factor) if factor > 1 else preprocessing
        ours = scan(dataset, preprocessing)
        check_same_again(dataset, ours, digests=self.prepared.facts["digest"])
        numbers = int(np.prod(coarse.image_size)) * coarse.channels
        others = 0 if self.external is None else len(self.external)
        held = numbers * (len(splits.train) + len(splits.validation) + others)
        check_room(held, what="its pictures", advice="ask for a smaller --image-size")
        own = block_averaged(ours.pixels, coarse, folder=ours.folder)
        external, labels = None, None
        if self.external is not None and self.external_digests is not None:
            scanned = scan(self.external, preprocessing)
            check_same_again(self.external, scanned, digests=self.external_digests)
            external = np.array(block_averaged(scanned.pixels, coarse, folder=scanned.folder))
            labels = self.external.labels
        together = belonging(dataset, together=self.prepared.audit.repeats.family)
        return Material(
            own[splits.train], dataset.labels[splits.train], own[splits.validation],
            dataset.labels[splits.validation], external, labels,
            None if together is None else together[splits.train],
        )  # fmt: skip


def scratch_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe of the row that is trained from scratch: its pictures are those of all rows."""
    name = "compact" if recipe.net.name == "auto" else recipe.net.name
    sections = recipe.model_dump()
    sections["net"] |= {"name": name, "weights": "none"}
    sections["training"] |= {"transfer": "none"}
    return Recipe.make(**{**sections, "baselines": ()})


def read_setting(plan: TablePlan, folder: Path, *, progress: Progress = TO_LOG) -> Setting:
    """Read, audit and split the pictures of all rows, or take up what the folder has of that.

    Raises:
        TellapartError: as ``prepare``; what the folder has of the pictures is removed then, if it was made here.
    """
    fresh = not (folder / PICTURES / "recipe.json").exists()
    if fresh:
        shutil.rmtree(folder / PICTURES, ignore_errors=True)
    try:
        dataset = open_source(plan.recipe.data)
        external = None if plan.external is None else open_external(plan.external, dataset, progress=progress)
        recipe = scratch_recipe(plan.recipe)
        run = Run.create(folder / PICTURES, recipe) if fresh else Run.open(folder / PICTURES)
        prepared = prepare(run, dataset, progress=progress)
    except TellapartError:
        if fresh:
            shutil.rmtree(folder / PICTURES, ignore_errors=True)
        raise
    training = prepared.recipe.training
    run.save("environment", {**describe(), "seed": training.seed, "data": run.load("data")})
    digests = None
    if external is not None:
        external, digests = _readable(external, prepared.preprocessing, run=run, progress=progress)
    return Setting(
        prepared, external, digests, plan.recipe.training.threads or compute_threads(),
        training.augment if training.augment and training.augment.parts() else AUGMENTATIONS["writing"],
        cache_folder() / "features",
    )  # fmt: skip


def open_external(asked: ExternalSource, dataset: Dataset, *, progress: Progress = TO_LOG) -> Dataset:
    """Return the external pictures whose classes are known; classes are matched by name.

    Raises:
        ClassMismatchError: no class name is the same.
    """
    named = is_bundled(asked.source)  # the plan has absolute paths
    found = open_dataset(asked.source, group_by=asked.group_by, by_name=named, **asked.source_options)
    if not set(found.class_names) & set(dataset.class_names):
        raise ClassMismatchError(
            f"no class of {asked.source!r} ({listed(found.class_names)}) is one of {dataset.name!r} "
            f"({listed(dataset.class_names)}): classes are matched by name, so rename the folders or labels"
        )
    matched = found.with_class_names(dataset.class_names)
    known = matched.labels >= 0
    if unknown := sorted(set(found.class_names) - set(dataset.class_names)):
        left_out = counted(int((~known).sum()), "picture")
        progress.warn(f"{left_out} from elsewhere left out, of classes that do not train: {listed(unknown)}")
    return matched.select(known)


def _readable(
    external: Dataset, preprocessing: Preprocessing, *, run: Run, progress: Progress
) -> tuple[Dataset, NDArray[np.void]]:
    """Return those pictures that can be read, and the digests of their facts."""
    scanned = scan(external, preprocessing, retry=not run.has("external.json"), progress=progress)
    fingerprint = content_fingerprint(external, scanned)
    if run.has("external.json") and run.load("external")["fingerprint"] != fingerprint:
        raise RunCorruptError(
            f"the external pictures, {external.name!r}, or their labels have changed since the table began, so "
            "that its rows could not be compared: make it again"
        )
    run.save("external", {"pictures": len(external), "fingerprint": fingerprint})
    if scanned.problems:
        progress.warn(f"{counted(len(scanned.problems), 'picture')} from elsewhere left out: unreadable")
    readable = scanned.facts["readable"]
    if not readable.any():
        raise DataError(f"none of the {len(external):,} pictures of known classes in {external.name!r} can be read")
    groups = groups_at(external, np.flatnonzero(readable), family=families_of(external, scanned, progress=progress))
    return dataclasses.replace(external.select(readable), groups=groups), scanned.facts["digest"][readable]
