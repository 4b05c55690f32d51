"""Selection: which pictures a report shows, the most telling first, so that the page stays small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..evaluation import Predictions, find_mistakes, surest_by_cell
from ..run import Run
from .audit_view import read_audit
from .contents import OWN_SPLITS, Contents, read_contents
from .evidence import LABELS_SHOWN, NEAR_SHOWN, label_error_ids, near_ids

MOST = 2400
"""Pictures of the run's own, and of each external set, at most."""

WORST = 600
NEAR_MAIN = 96
NEAR_OTHERS = 24
PER_CELL = 6
PER_CLASS = 6
OTHER_SPLITS = 150


def wanted_pictures(run: Run, *, external: str | None = None) -> list[str]:
    """Return the ids of the pictures that the report shows, the most telling first, each once.

    Args:
        run: evaluated; its predictions, evaluation and audit are read.
        external: name an external set to have its ids; the run's own data set where None.

    Raises:
        DataError: there is no such set.
        RunCorruptError: a file of the run is damaged.
    """
    return pictures_shown(read_contents(run), external=external)


def pictures_shown(contents: Contents, *, external: str | None = None) -> list[str]:
    """Return the same of what was read already."""
    if external is None:
        sources = list(_own(contents))
    elif external in contents.external:
        sources = list(_of_set(contents.about(external), external, limit=WORST))  # it has a page of its own
    else:
        raise DataError(f"external must be one of {list(contents.external)}, got {external!r}")
    return list(dict.fromkeys(id for source in sources for id in source))[:MOST]


def expected_count(classes: int, *, main: int, other: int, labels: bool) -> int:
    """Return about how many pictures a report will show, before it is known which: a tenth is taken to be mistaken.

    Args:
        classes: that there are.
        main: pictures of the split that it is about.
        other: of the other one.
        labels: whether doubtful labels are shown, too.

    Example:
        >>> expected_count(2, main=300, other=1000, labels=False)
        358
    """
    wrong, elsewhere = min(main // 10, WORST), min(other // 10, OTHER_SPLITS)
    near = NEAR_SHOWN * (min(wrong, NEAR_MAIN) + min(elsewhere, NEAR_OTHERS))
    doubtful = LABELS_SHOWN * (1 + NEAR_SHOWN) if labels else 0
    return min(MOST, PER_CLASS * classes + wrong + elsewhere + near + doubtful)


def class_examples(predictions: Predictions, *, temperature: float, each: int) -> dict[str, list[str]]:
    """Return ids of right pictures of each class, spread from the surest to the least sure."""
    confidence, ids = predictions.confidence(temperature), predictions.ids
    # The right ones by class, of each class the surest first; where each class begins among them.
    where = np.flatnonzero(predictions.correct())
    where = where[np.lexsort((where, -confidence[where], predictions.labels[where]))]
    begins = np.searchsorted(predictions.labels[where], np.arange(len(predictions.class_names) + 1)).tolist()
    spans = zip(predictions.class_names, begins, begins[1:], strict=False)
    return {name: ids[_spread(where[start:stop], each)].tolist() for name, start, stop in spans}


def _spread(where: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    steps = np.linspace(0, len(where) - 1, num=min(count, len(where))).round().astype(np.int64)
    return where[steps]


def _own(contents: Contents) -> Iterator[Sequence[str]]:
    """Yield lists of ids of the run's own pictures, the most telling ones first."""
    if contents.audit is not None:
        yield [id for finding in read_audit(contents.audit).findings for group in finding.groups for id in group.ids]
    yield label_error_ids(contents)
    for name in (*OWN_SPLITS, *contents.external):
        yield from _mistakes_and_neighbours(contents, name)
    for name in OWN_SPLITS:
        if name in contents.predictions:
            yield from _of_set(contents, name, limit=WORST if name == contents.main else OTHER_SPLITS)


def _mistakes_and_neighbours(contents: Contents, name: str) -> Iterator[list[str]]:
    """Yield the surest mistakes of a set, where they are the run's own, and the training pictures nearest to them."""
    if name not in contents.predictions:
        return
    limit = NEAR_MAIN if name == contents.main else NEAR_OTHERS
    if name not in contents.external:
        mistakes = find_mistakes(contents.predictions[name], temperature=contents.temperature, limit=limit)
        yield [mistake.id for mistake in mistakes]
    yield near_ids(contents, name, limit=limit)


def _of_set(contents: Contents, name: str, *, limit: int) -> Iterator[list[str]]:
    if name not in contents.predictions:
        return
    predictions = contents.predictions[name]
    mistakes = find_mistakes(predictions, temperature=contents.temperature, limit=limit)
    yield [mistake.id for mistake in mistakes[: limit // 3]]
    if name == contents.main:
        examples = class_examples(predictions, temperature=contents.temperature, each=PER_CLASS)
        for position in range(PER_CLASS):
            yield [ids[position] for ids in examples.values() if len(ids) > position]
        cells = surest_by_cell(predictions, temperature=contents.temperature, each=PER_CELL).values()
        for position in range(PER_CELL):
            yield [ids[position] for ids in cells if len(ids) > position]
    yield [mistake.id for mistake in mistakes]
