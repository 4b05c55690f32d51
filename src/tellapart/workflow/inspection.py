"""The audit alone."""

from __future__ import annotations

from pathlib import Path

from ..images.audit import Audit, audit, guess_kind, repeats_of
from ..images.cache import scan
from ..images.split import split
from ..progress import SILENT, Progress
from ..recipe import Recipe
from .prepare import open_source, sample_facts


def inspect_pictures(
    source: str | Path | None = None, recipe: Recipe | None = None, *, progress: Progress = SILENT
) -> Audit:
    """Audit labelled pictures, in the splits that their source brings.

    Args:
        source: as ``train`` takes it.
        recipe: its data settings count.
        progress: is told of each picture.

    Example:
        >>> found = inspect_pictures("digits")
        >>> found.pictures
        1797
    """
    from ..training import choose

    recipe = recipe or Recipe()
    if source is not None:
        recipe = recipe.changed(data={"source": str(source)})
    dataset = open_source(recipe.data)
    kind = guess_kind(sample_facts(dataset)).name
    recipe, _ = choose.choose_start(recipe, kind=kind)
    data, _ = choose.choose_data(recipe, sample_facts(dataset), kind=kind)
    scanned = scan(dataset, choose.preprocessing_of(data), progress=progress)
    given = None if dataset.given_split is None else split(dataset, validation_fraction=0, test_fraction=0)
    repeats = repeats_of(dataset, scanned, progress=progress)
    return audit(dataset, splits=given, scan=scanned, repeats=repeats)
