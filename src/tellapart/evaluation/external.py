"""External: one classifier on two sets of pictures: what the drop is made of, which classes and which confusions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import ClassMismatchError
from ..wording import decimal_percent
from .evaluation import Evaluation
from .figure import Figure
from .intervals import Floats


@dataclasses.dataclass(frozen=True, slots=True)
class ClassChange:
    """How much better or worse one class is recognised elsewhere.

    Attributes:
        name: the class.
        own: its recall on one's own pictures.
        other: its recall elsewhere.
        change: the second less the first, with Newcombe's interval.
    """

    name: str
    own: Figure
    other: Figure
    change: Figure

    def __str__(self) -> str:
        return (
            f"“{self.name}”: {self.own.short()} to {self.other.short()}, {self.change.short()} "
            f"({self.change.interval()}, {self.change.count:,} pictures)"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ConfusionChange:
    """How much more or less often one class is taken for another elsewhere.

    Attributes:
        true: the class.
        predicted: what it is taken for.
        own: the share of the class's own pictures.
        other: the share elsewhere.
        count: how many pictures elsewhere.
    """

    true: str
    predicted: str
    own: float
    other: float
    count: int

    def __str__(self) -> str:
        own, other = decimal_percent(self.own), decimal_percent(self.other)
        return f"“{self.true}” taken for “{self.predicted}”: {own} to {other} of its pictures"


@dataclasses.dataclass(frozen=True, slots=True)
class ExternalComparison:
    """One classifier on its own test pictures and on external pictures.

    Attributes:
        own: accuracy on one's own pictures, over all of them.
        other: accuracy elsewhere.
        change: the second less the first, with Newcombe's interval.
        from_mix: the part of the change that comes from a different mix of classes, over the classes of both sets.
        from_recognition: the part that comes from recognising the same classes better or worse.
        classes: of both sets, the largest drop first.
        confusions: the one that has grown most first.
        only_own: classes that have pictures among one's own alone.
        only_other: classes that have pictures elsewhere alone.
    """

    own: Figure
    other: Figure
    change: Figure
    from_mix: float
    from_recognition: float
    classes: tuple[ClassChange, ...]
    confusions: tuple[ConfusionChange, ...]
    only_own: tuple[str, ...]
    only_other: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"accuracy {self.own.short()} on one's own pictures, {self.other} on the others: {self.change.short()} "
            f"({self.change.interval()})",
            self.parts(),
        ]
        for names, where in ((self.only_own, "among the others"), (self.only_other, "among one's own pictures")):
            if names:
                lines.append(f"no pictures {where} of: {', '.join(names)}")
        lines += [str(one) for one in self.classes[:5]]
        lines += [str(one) for one in self.confusions[:5]]
        return "\n".join(lines)

    @property
    def from_unshared(self) -> float:
        """The part of the change that comes from classes that have pictures on one side alone."""
        return (self.change.value or 0.0) - self.from_mix - self.from_recognition

    def parts(self) -> str:
        """Return in words what the change is made of."""
        said = (
            f"{points(self.from_recognition)} from recognising the same classes better or worse, "
            f"{points(self.from_mix)} from a different mix of classes"
        )
        if self.only_own or self.only_other:
            said += f", {points(self.from_unshared)} from classes that only one side has"
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)


def compare_evaluations(own: Evaluation, other: Evaluation, *, confusions: int = 20) -> ExternalComparison:
    """Explain how accuracy changes from one's own pictures to others; classes are matched by name.

    Args:
        own: the evaluation of one's own test pictures.
        other: of the external pictures, by the same classifier.
        confusions: how many changed confusions at most.

    Raises:
        ClassMismatchError: no class has pictures in both sets.

    Source: E. Kitagawa, "Components of a difference between two rates", JASA 50 (1955), for the two parts; R. Newcombe,
        Statistics in Medicine 17 (1998), 873–890, method 10, for the intervals.
    """
    mine = {one.name: one for one in own.classes if one.count}
    theirs = {one.name: one for one in other.classes if one.count}
    shared = [name for name in mine if name in theirs]
    if not shared:
        raise ClassMismatchError(
            f"no class has pictures in both sets: there are {', '.join(list(mine)[:5])} and "
            f"{', '.join(list(theirs)[:5])}: give pictures of the same classes"
        )
    changes = [
        ClassChange(name, mine[name].recall, theirs[name].recall, difference(mine[name].recall, theirs[name].recall))
        for name in shared
    ]
    counts = np.array([[mine[name].count, theirs[name].count] for name in shared], dtype=np.float64)
    recalls = np.array([[one.own.value, one.other.value] for one in changes], dtype=np.float64)
    mix, recognition = _parts(counts, recalls)
    return ExternalComparison(
        own=own["accuracy"],
        other=other["accuracy"],
        change=difference(own["accuracy"], other["accuracy"]),
        from_mix=mix,
        from_recognition=recognition,
        classes=tuple(sorted(changes, key=lambda one: (one.change.value or 0.0, one.name))),
        confusions=_confusions(own, other, shared=shared, limit=confusions),
        only_own=tuple(name for name in mine if name not in theirs),
        only_other=tuple(name for name in theirs if name not in mine),
    )


def difference(own: Figure, other: Figure) -> Figure:
    """Return the second proportion less the first, of different pictures, with Newcombe's interval.

    Args:
        own: a proportion with its Wilson interval.
        other: likewise, at the same level; its count becomes the difference's.

    Source: R. Newcombe, Statistics in Medicine 17 (1998), 873–890, method 10.

    Example:
        >>> from tellapart.evaluation.intervals import proportion
        >>> print(difference(proportion(48, 80), proportion(56, 70)))
        20.0 points (5.2 to 33.4, 70 pictures)
    """
    if None in (own.value, own.low, own.high, other.value, other.low, other.high):
        return Figure(None, count=other.count, name="change", unit="points", level=other.level)
    a, b = own.value or 0.0, other.value or 0.0
    down = np.hypot(b - (other.low or 0.0), (own.high or 0.0) - a)
    up = np.hypot((other.high or 0.0) - b, a - (own.low or 0.0))
    return Figure(
        b - a, float(b - a - down), float(b - a + up), other.count, "change", "points", other.level, "Newcombe"
    )  # fmt: skip


def _parts(counts: Floats, recalls: Floats) -> tuple[float, float]:
    """Return Kitagawa's two parts of the accuracy's change over the shared classes; they sum to it exactly."""
    shares = counts / counts.sum(axis=0)
    mix = ((shares[:, 1] - shares[:, 0]) * recalls.mean(axis=1)).sum()
    recognition = ((recalls[:, 1] - recalls[:, 0]) * shares.mean(axis=1)).sum()
    return float(mix), float(recognition)


def _confusions(own: Evaluation, other: Evaluation, *, shared: list[str], limit: int) -> tuple[ConfusionChange, ...]:
    """Return the confusions of the shared classes whose share has grown, by the pictures that this costs elsewhere."""
    column = {name: i for i, name in enumerate(own.class_names)}
    rows = [column[name] for name in shared]
    there = [other.class_names.index(name) for name in shared]
    # Columns of the other set that this one does not know count as never predicted here.
    order = [column.get(name, -1) for name in other.class_names]
    counts = other.confusion[there]
    # Only what is there can have grown: of K² cells at most as many as there are pictures.
    true, said = np.nonzero(counts)
    named = np.array(order)[said]
    known, count, sizes = np.array(rows)[true], counts[true, said], counts.sum(axis=1)[true]
    before = np.where(named >= 0, own.confusion[known, named], 0) / own.confusion.sum(axis=1)[known]
    grown = np.where(np.array(there)[true] == said, 0.0, (count / sizes - before) * sizes)
    return tuple(
        ConfusionChange(
            shared[true[at]],
            other.class_names[said[at]],
            float(before[at]),
            float(count[at] / sizes[at]),
            int(count[at]),
        )
        for at in np.argsort(-grown, kind="stable")[:limit].tolist()
        if grown[at] > 0
    )


def points(value: float) -> str:
    """Return a difference of two proportions in percentage points, with its sign.

    Example:
        >>> points(-0.123)
        '−12.3 points'
    """
    return f"{round(100 * value, 1) + 0.0:+.1f} points".replace("-", "−")  # + 0.0: nothing is "−0.0"
