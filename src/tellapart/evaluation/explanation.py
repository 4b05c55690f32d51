"""Explanation: why a classifier does worse on external pictures, with chance left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..wording import decimal_percent
from .drift import Shift, compare_pictures
from .evaluation import Evaluation
from .external import ClassChange, ConfusionChange, ExternalComparison, compare_evaluations, difference
from .figure import Figure
from .groups import Floats
from .intervals import BY_GROUP, proportion_of
from .predictions import Predictions

LEVEL = 0.05
"""A change counts as shown where chance alone would make it so large less often than this, all classes that were
tested taken together, and so all confusions, and all statistics of the pictures."""

NOTICEABLE = 0.1
"""Distributions that part by less are no explanation, however many pictures show that they do."""

FEW = 20
"""Pictures below which nothing is said of a part of them."""

USUAL = (0.05, 0.95)
"""Quantiles of one's own pictures between which a statistic is usual."""


@dataclasses.dataclass(frozen=True, slots=True)
class Suspect:
    """A statistic of the pictures that has shifted, and whether the mistakes go with it.

    Attributes:
        shift: how it has shifted.
        usual: accuracy elsewhere on pictures that are usual among one's own.
        unusual: on the others, outside of the middle nine tenths.
        change: the second less the first.
        explains: whether the unusual ones are shown to be recognised worse.
    """

    shift: Shift
    usual: Figure
    unusual: Figure
    change: Figure
    explains: bool

    def __str__(self) -> str:
        shift = self.shift.sentence(by_chance=False)  # that it is none was tested, beside all others
        if self.usual.count < FEW:
            return f"{shift}; almost none lies within the usual range of the run's own: its effect cannot be judged"
        if self.unusual.count < FEW:
            return f"{shift}; almost all lie within the usual range of the run's own: its effect cannot be judged"
        said = f"{shift}; right within the usual range of the run's own: {self.usual}, outside: {self.unusual}"
        if self.explains:
            return f"{said}: the mistakes go with it"
        return f"{said}: that the mistakes go with it is not shown"


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """What a drop is made of.

    Attributes:
        comparison: the figures on both sides.
        worse: classes that are shown to be recognised worse, the largest drop first.
        better: those shown to be recognised better.
        confusions: that are shown to have grown, the one that costs most first; None where they were not tested.
        suspects: statistics of the pictures that have shifted noticeably, those that go with the mistakes first.
        unlike: the share of pictures unlike anything in training; None where the model cannot tell.
        novelty_auroc: how often a picture from elsewhere is stranger than a validation picture.
    """

    comparison: ExternalComparison
    worse: tuple[ClassChange, ...]
    better: tuple[ClassChange, ...]
    confusions: tuple[ConfusionChange, ...] | None
    suspects: tuple[Suspect, ...]
    unlike: Figure | None = None
    novelty_auroc: float | None = None

    def sentences(self) -> list[str]:
        """Return the explanation in words, the main point first."""
        return [*self._change(), *self._classes(), *self._confusions(), *self._pictures()]

    def _change(self) -> list[str]:
        found = self.comparison
        low, high = found.change.low or 0.0, found.change.high or 0.0
        verb = "falls" if high < 0 else "rises" if low > 0 else "is not shown to change"
        out = [
            f"accuracy {verb}: {found.own} on its own pictures, {found.other} here, {found.change.short()} "
            f"(95% interval {found.change.interval()})"
        ]
        if high < 0 or low > 0:
            out.append(f"of that {found.parts()}")
        return out

    def _classes(self) -> list[str]:
        out = []
        count = len(self.comparison.classes)
        for classes, word in ((self.worse, "worse"), (self.better, "better")):
            if classes:
                shown = "; ".join(str(one) for one in classes[:5])
                more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
                out.append(f"{len(classes)} of {count} classes are shown to be recognised {word}: {shown}{more}")
        if not self.worse:
            out.append(f"no single class of {count} is shown to be recognised worse")
        return out

    def _confusions(self) -> list[str]:
        if self.confusions is None:
            return ["single confusions were not tested: pictures of one group do not stand for themselves"]
        if not self.confusions:
            return ["no single confusion is shown to have grown"]
        return ["confusions that have grown: " + "; ".join(str(one) for one in self.confusions[:5])]

    def _pictures(self) -> list[str]:
        out = [str(one) for one in self.suspects] or ["no statistic of the pictures has shifted noticeably"]
        if self.suspects and self.confusions is None:
            out.append("shifts were tested picture by picture: with groups, one may be that of a few groups alone")
        if self.unlike is not None:
            often = decimal_percent(self.novelty_auroc or 0.0)
            out.append(
                f"{self.unlike} are unlike anything in training, where at most about 1% of its own kind would be; a "
                f"picture here is stranger than one of its own {often} of the time (50% would be chance)"
            )
        return out

    def __str__(self) -> str:
        return "\n".join(f"- {one}" for one in self.sentences())

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, the sentences with it."""
        return {**dataclasses.asdict(self), "sentences": self.sentences()}


def explain(
    own: Evaluation,
    other: Evaluation,
    predictions: Predictions,
    *,
    own_statistics: Mapping[str, Floats] | None = None,
    statistics: Mapping[str, Floats] | None = None,
    novelty: NDArray[np.float64] | None = None,
    novelty_auroc: float | None = None,
) -> Explanation:
    """Explain how a classifier does on external pictures.

    Classes and confusions are tested by Fisher's exact test, statistics by Kolmogorov–Smirnov's, each family corrected
    by Holm's method, so that of all that is said of one family nothing is made by chance with 95%. The tests take each
    picture by itself: where there are groups, a class must have an interval that respects them on one side of 0, too,
    as wide as so many classes ask for (Bonferroni's correction), and confusions are not tested.

    Args:
        own: the evaluation of its own test pictures.
        other: of the external pictures.
        predictions: N labelled ones that ``other`` was made of.
        own_statistics: by name, numbers of its own test pictures.
        statistics: by name, (N,) numbers of the external pictures; NaN where there is none.
        novelty: (N,) how strange each is; above 1 it is unlike anything in training.
        novelty_auroc: how often one of them is stranger than a validation picture.

    Raises:
        ClassMismatchError: no class has pictures in both sets.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65–70.
    """
    comparison = compare_evaluations(own, other)
    adjusted = holm([_fisher(one, own, other) for one in comparison.classes])
    shown = [one for one, p in zip(comparison.classes, adjusted, strict=True) if p < LEVEL]
    groups = predictions.group_numbers()
    grouped = groups is not None or own["accuracy"].method == BY_GROUP
    tests, unlike = len(comparison.classes) if grouped else 1, None
    if novelty is not None:
        unlike = proportion_of(novelty > 1, groups=groups, name="unlike anything in training")
    return Explanation(
        comparison=comparison,
        worse=tuple(one for one in shown if (one.change.among(tests).high or 0.0) < 0),
        better=tuple(one for one in reversed(shown) if (one.change.among(tests).low or 0.0) > 0),
        confusions=None if grouped else _grown(comparison, own, other),
        suspects=_suspects(own_statistics or {}, statistics or {}, predictions),
        unlike=unlike,
        novelty_auroc=novelty_auroc,
    )


def holm(p_values: Sequence[float], *, tests: int | None = None) -> list[float]:
    """Return p-values corrected for their number, by Holm's method.

    Args:
        p_values: any number of them.
        tests: how many tests there were, where these are the smallest of more.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    total = tests or len(p_values)
    largest, out = 0.0, [0.0] * len(p_values)
    for rank, at in enumerate(order.tolist()):
        largest = max(largest, min(1.0, p_values[at] * max(1, total - rank)))
        out[at] = round(largest, 12)
    return out


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return Fisher's exact two-sided p-value of two proportions, each (hits, trials).

    Example:
        >>> round(fisher((8, 10), (1, 6)), 4)  # Fisher's own kind of table
        0.035
    """
    from scipy.stats import fisher_exact

    table = [[first[0], first[1] - first[0]], [second[0], second[1] - second[0]]]
    return float(fisher_exact(table).pvalue)


def _fisher(one: ClassChange, own: Evaluation, other: Evaluation) -> float:
    mine = own.classes[own.class_names.index(one.name)]
    theirs = other.classes[other.class_names.index(one.name)]
    return fisher((mine.correct, mine.count), (theirs.correct, theirs.count))


def _grown(comparison: ExternalComparison, own: Evaluation, other: Evaluation) -> tuple[ConfusionChange, ...]:
    """Return the confusions that are shown to have grown; all cells of the shared classes count as tested."""
    p_values = []
    for one in comparison.confusions:
        row, there = own.class_names.index(one.true), other.class_names.index(one.true)
        before = own.confusion[row]
        hits = int(before[own.class_names.index(one.predicted)]) if one.predicted in own.class_names else 0
        p_values.append(fisher((hits, int(before.sum())), (one.count, int(other.confusion[there].sum()))))
    tests = len(comparison.classes) * max(1, len(other.class_names) - 1)
    adjusted = holm(p_values, tests=tests)
    return tuple(one for one, p in zip(comparison.confusions, adjusted, strict=True) if p < LEVEL)


def _suspects(own: Mapping[str, Floats], other: Mapping[str, Floats], predictions: Predictions) -> tuple[Suspect, ...]:
    finite = [{name: values[np.isfinite(values)] for name, values in side.items()} for side in (own, other)]
    both = [name for name in finite[0] if name in finite[1] and len(finite[0][name]) and len(finite[1][name])]
    shifts = compare_pictures({name: finite[0][name] for name in both}, {name: finite[1][name] for name in both})
    adjusted = holm([shift.p_value for shift in shifts])
    noticed = [
        shift for shift, p in zip(shifts, adjusted, strict=True) if p < LEVEL and shift.overlap_gap >= NOTICEABLE
    ]
    parted = [_parted(finite[0][shift.name], other[shift.name], predictions) for shift in noticed]
    chances = holm([p for _, _, p in parted])
    out = []
    for shift, (usual, unusual, _), p in zip(noticed, parted, chances, strict=True):
        change = difference(usual, unusual)
        explains = min(usual.count, unusual.count) >= FEW and p < LEVEL and (change.high or 0.0) < 0
        out.append(Suspect(shift, usual, unusual, change, explains))
    return tuple(sorted(out, key=lambda one: not one.explains))


def _parted(own: Floats, values: Floats, predictions: Predictions) -> tuple[Figure, Figure, float]:
    """Return accuracy within and outside of the usual range of a statistic, and the chance that they are the same."""
    low, high = np.quantile(own, USUAL)
    known = np.isfinite(values)
    usual = known & (values >= low) & (values <= high)
    right, groups = predictions.correct(), predictions.group_numbers()
    figures = [
        proportion_of(right[where], groups=None if groups is None else groups[where], name="accuracy")
        for where in (usual, known & ~usual)
    ]
    counts = [(int(right[where].sum()), int(where.sum())) for where in (usual, known & ~usual)]
    return figures[0], figures[1], fisher(counts[0], counts[1]) if counts[0][1] and counts[1][1] else 1.0
