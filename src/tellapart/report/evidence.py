"""What the report shows beside a mistake and a doubtful label: the pictures most like it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from ..evaluation import LabelError, find_mistakes
from ..evaluation.near_training import REASONS
from ..wording import counted
from .contents import Contents

NEAR_SHOWN = 4
"""Neighbours beside a mistake."""

NEAR_MISTAKES = 600
"""Mistakes of a set that have neighbours on the page, at most."""

LABELS_SHOWN = 48
"""Labels that the page lists; the list to mend has all."""

CODES = tuple(REASONS)


@dataclasses.dataclass(frozen=True)
class LabelsView:
    """What the report shows of labels that are likely wrong.

    Attributes:
        sentence: how many, of how many.
        how: where the evidence comes from.
        shown: the likeliest first.
        more: how many are listed beside them.
    """

    sentence: str
    how: str
    shown: tuple[LabelError, ...]
    more: int


def labels_view(contents: Contents) -> LabelsView | None:
    """Return what the report shows of label errors; None where nobody looked for them."""
    found = contents.label_errors
    if found is None:
        return None
    folds = contents.run.load("label_errors").get("folds")
    beside = "validation and test pictures are judged by the network, too"
    training = (
        f"so are training pictures, by {folds} trainings that left them out"
        if folds
        else "training pictures by those features alone, as the network has learnt their labels"
    )
    how = (
        f"Each label is held against those of the 25 pictures most like it, by features that know no labels; {beside}; "
        f"{training}. A list to look through, not a verdict: hard pictures with right labels are on it, too."
    )
    sentence = (
        f"{found.clear:,} of {counted(found.count, 'label')} {'has' if found.clear == 1 else 'have'} hardly any "
        "support: the evidence is 100 to 1 for another class. The likeliest errors come first."
    )
    shown = found.candidates[:LABELS_SHOWN]
    return LabelsView(sentence, how, shown, found.doubtful - len(shown))


def labels_sentence(contents: Contents) -> Iterator[Markup]:
    """Yield the first page's sentence on labels that may be wrong, where some are all but ruled out."""
    found = contents.label_errors
    if found is not None and found.clear and contents.main not in contents.external:
        sentence = Markup("{} of {} {} hardly any support among the pictures most like them").format(
            f"{found.clear:,}", counted(found.count, "label"), "has" if found.clear == 1 else "have"
        )
        where = Markup(': <a href="#labels">the likeliest first</a>') if contents.shows_labels else ""
        yield Markup("{}{}.").format(sentence, where)


def near_data(contents: Contents, name: str) -> dict[str, Any]:
    """Return what the scripts draw of the neighbours of a set's mistakes.

    Returns:
        ``near``: by the mistake's id, a position in CODES and, for each neighbour, its position in ``near_ids``, its
        label's position in the set's classes, and its distance in thousandths; ``near_ids``; ``near_usual``. A label
        that the set does not have is a negative number, counted from −1 in ``near_names``.
    """
    if name not in contents.near or name not in contents.predictions:
        return {}
    near, predictions = contents.near[name], contents.predictions[name]
    label_of = {one: position for position, one in enumerate(predictions.class_names)}
    places: dict[str, int] = {}
    strange = sorted(set(near.near_labels.ravel().tolist()) - set(label_of))
    label_of |= {one: -1 - position for position, one in enumerate(strange)}
    out = {}
    for mistake in find_mistakes(predictions, temperature=contents.temperature, limit=NEAR_MISTAKES):
        around = [
            [places.setdefault(one.id, len(places)), label_of[one.label], round(1000 * one.distance)]
            for one in near.of(mistake.id)[:NEAR_SHOWN]
        ]
        if around:
            out[mistake.id] = [CODES.index(near.reason(mistake)), around]
    usual = round(1000 * near.usual)
    return {"near": out, "near_ids": list(places), "near_names": strange, "near_usual": usual}


def near_ids(contents: Contents, name: str, *, limit: int) -> list[str]:
    """Return the ids of the training pictures nearest to the surest mistakes of a set."""
    if name not in contents.near or name not in contents.predictions:
        return []
    mistakes = find_mistakes(contents.predictions[name], temperature=contents.temperature, limit=limit)
    return [one.id for mistake in mistakes for one in contents.near[name].of(mistake.id)[:NEAR_SHOWN]]


def label_error_ids(contents: Contents) -> list[str]:
    """Return the ids of the pictures whose labels the page lists, each followed by its evidence."""
    found = contents.label_errors
    shown = () if found is None else found.candidates[:LABELS_SHOWN]
    return [id for one in shown for id in (one.id, *(near.id for near in one.near[:NEAR_SHOWN]))]
