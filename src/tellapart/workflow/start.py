"""Where a run starts: decided by what the pictures are and, in doubt, by a probe of some that train."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ..defaults.choice import Choice
from ..defaults.data import choose_data
from ..defaults.preprocessing import preprocessing_of
from ..defaults.pretrained import Leaning, choose_start, decide, is_open, lean
from ..images.audit import guess_kind
from ..images.cache import Scan, is_cached, scan
from ..images.cache_folder import free_bytes
from ..images.dataset import Dataset
from ..progress import TO_LOG, Progress
from ..recipe import Recipe
from .ahead import Ahead
from .prepare import check_same_again
from .probe import probe


@dataclasses.dataclass(frozen=True)
class Start:
    """Network, weights, and size of the pictures.

    Attributes:
        given: the recipe as it was given.
        recipe: the same with net and data decided.
        choices: the decisions.
        facts: rows of FACTS of some pictures, by which it was decided.
        leaning: what they say; one that is doubtful counts as from scratch for the time being.
    """

    given: Recipe
    recipe: Recipe
    choices: list[Choice]
    facts: NDArray[np.void]
    leaning: Leaning

    @property
    def doubtful(self) -> bool:
        """Whether a probe has to decide."""
        return self.leaning.start == "doubtful" and is_open(self.given)

    def scan(
        self,
        dataset: Dataset,
        *,
        known: NDArray[np.int64] | None = None,
        look: bool = True,
        retry: bool = True,
        progress: Progress = TO_LOG,
    ) -> Scan:
        """Read the pictures at this size; a pretrained network looks at some while others are decoded.

        Args:
            dataset: all pictures.
            known: positions of those whose features are there already.
            look: whether features are needed at all.
            retry: as for ``scan``.
            progress: is told of the pictures.
        """
        ahead = Ahead(self.recipe, known=known, progress=progress)
        watch = ahead if look and ahead.wanted else None
        found = scan(dataset, preprocessing_of(self.recipe.data), watch=watch, retry=retry, progress=progress)
        ahead.keep(found.folder, pictures=len(dataset))
        return found


def begin(recipe: Recipe, dataset: Dataset, facts: NDArray[np.void]) -> Start:
    """Decide where to start by what the pictures are.

    Args:
        recipe: as given, or a resumed run's, in which nothing is open.
        dataset: all pictures.
        facts: of some of them.
    """
    kind, pictures = guess_kind(facts).name, len(dataset)
    leaning = lean(facts, kind=kind, pictures=pictures, data=recipe.data)
    if leaning.start != "scratch" and is_open(recipe):
        spec = preprocessing_of(_decided(recipe, facts, Leaning("pretrained", "")).recipe.data)
        needed, free = pictures * int(np.prod(spec.image_size)) * spec.channels, free_bytes()
        leaning = lean(facts, kind=kind, pictures=pictures, data=recipe.data, needed_bytes=needed, free_bytes=free)
        if leaning.start == "scratch" and is_cached(dataset, spec):  # what lies there already needs no room
            leaning = lean(facts, kind=kind, pictures=pictures, data=recipe.data)
    return _decided(recipe, facts, leaning)


def settle(
    start: Start,
    dataset: Dataset,
    train: NDArray[np.int64],
    scanned: Scan,
    *,
    together: NDArray[np.int64] | None = None,
    progress: Progress = TO_LOG,
) -> tuple[Start, Scan]:
    """Let a probe decide a doubtful start; any other is returned as it is.

    Args:
        start: what ``begin`` decided.
        dataset: all pictures.
        train: positions of those that train: no others are looked at.
        scanned: the pictures at the size for a training from scratch.
        together: (N,) numbers, equal for copies of one picture.
        progress: is told of the pictures.

    Returns:
        the start, and the pictures at its size.

    Raises:
        DataError: pictures changed, or could be read no more, before they were read at that size.
    """
    if not start.doubtful:
        return start, scanned
    pretrained = _decided(start.given, start.facts, Leaning("pretrained", ""))
    found = probe(
        dataset,
        train,
        pixels=scanned.pixels,
        recipe=pretrained.recipe,
        folder=scanned.folder,
        together=together,
        progress=progress,
    )
    leaning = decide(start.leaning, found.figures, kind=guess_kind(start.facts).name)
    settled = _decided(start.given, start.facts, leaning)
    if leaning.start == "pretrained":
        again = settled.scan(dataset, known=found.rows, progress=progress)
        check_same_again(dataset, again, digests=scanned.facts["digest"])
        found.keep(again.folder, pictures=len(dataset))
        return settled, again
    return settled, scanned


def _decided(given: Recipe, facts: NDArray[np.void], leaning: Leaning) -> Start:
    recipe, choices = choose_start(given, leaning=leaning)
    recipe, more = choose_data(recipe, facts, kind=guess_kind(facts).name)
    return Start(given, recipe, [*choices, *more], facts, leaning)
