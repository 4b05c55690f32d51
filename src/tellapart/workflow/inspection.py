"""The audit alone."""

from __future__ import annotations

from pathlib import Path

from ..images.audit import Audit, audit, repeats_of
from ..images.cache import scan
from ..images.preprocessing import Preprocessing
from ..images.split import given_splits
from ..progress import TO_LOG, Progress
from ..recipe import Recipe
from .prepare import open_source, sample_facts, with_absolute_paths

MOST_KEPT = 2 * 2**30
"""Bytes of pixels that an inspection keeps for a training to come; the audit itself reads the facts alone."""


def worth_keeping(preprocessing: Preprocessing, pictures: int) -> Preprocessing:
    """Return the size to keep pixels at: the one a training would take, or a small one where that is too much.

    Example:
        >>> large = Preprocessing(image_size=(224, 224), channels=3)
        >>> worth_keeping(large, 1_000).image_size, worth_keeping(large, 1_000_000).image_size
        ((224, 224), (16, 16))
    """
    height, width = preprocessing.image_size
    if height * width * preprocessing.channels * pictures <= MOST_KEPT:
        return preprocessing
    return Preprocessing(image_size=(16, 16), channels=1, background=preprocessing.background)


def inspect_pictures(
    source: str | Path | None = None, recipe: Recipe | None = None, *, progress: Progress = TO_LOG
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
    recipe = with_absolute_paths(recipe or Recipe(), source)
    dataset = open_source(recipe.data)
    facts = sample_facts(dataset)
    from ..defaults.preprocessing import preprocessing_of  # torch: not before the pictures are known to be there
    from .start import begin

    spec = preprocessing_of(begin(recipe, dataset, facts).recipe.data)
    scanned = scan(dataset, worth_keeping(spec, len(dataset)), progress=progress)
    repeats = repeats_of(dataset, scanned, progress=progress)
    return audit(dataset, splits=given_splits(dataset), scan=scanned, repeats=repeats)
