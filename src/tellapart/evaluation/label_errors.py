"""Label errors: pictures whose label is likely wrong, by confident learning."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, RunCorruptError
from ..wording import counted, sureness
from .cells import cells_of, table_of
from .intervals import Floats
from .label_list import REMOVE, Mended
from .neighbours import Neighbour
from .predictions import Predictions
from .spreadsheet import write_csv

CLEAR = 0.01
"""A label is all but ruled out where its odds against the suggested class are below this, and fall below this share of
what they are among all labels: rare classes are neither ruled out nor suggested for being rare."""

LIKELY = 0.5
"""And where the suggested class has at least this probability: else no class is likely."""

LABEL_LIST = (
    "id", "split", "given", "suggested", "label", "given_probability", "suggested_probability", "confident",
    "ruled_out", "most_like_it",
)  # fmt: skip
"""Columns of a list to mend."""


@dataclasses.dataclass(frozen=True, slots=True)
class LabelError:
    """A label that looks wrong, with the evidence.

    Attributes:
        id: of the picture.
        given: the label as it is.
        suggested: the class that the picture looks like.
        given_probability: of the given class, 0 to 1.
        suggested_probability: of the suggested class.
        margin: ``given_probability − suggested_probability``.
        threshold: how sure the classifier is of ``suggested`` on average where that is the label.
        confident: whether ``suggested_probability`` reaches that threshold: confident learning's own criterion.
        split: the split that the picture is in; "" where that is not known.
        near: the pictures most like it, the nearest first, where they were looked for.
        ruled_out: whether the label is all but ruled out: the evidence for ``suggested`` is 100 to 1.
    """

    id: str
    given: str
    suggested: str
    given_probability: float
    suggested_probability: float
    margin: float
    threshold: float
    confident: bool
    split: str = ""
    near: tuple[Neighbour, ...] = ()
    ruled_out: bool = False

    def __str__(self) -> str:
        return (
            f"{self.id}: labelled “{self.given}” ({sureness(self.given_probability)}), looks like “{self.suggested}” "
            f"({sureness(self.suggested_probability)}; its own pictures: {sureness(self.threshold)})"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class LabelErrors:
    """What confident learning says of a set of labels.

    Attributes:
        candidates: the labels that look wrong, the likeliest errors first.
        joint: (K, K) counts: a row the given label, a column the class that the picture confidently belongs to.
        estimated: how many of all labels are wrong, as the joint estimates it; too many where classes are easily
            confused.
        count: the labels that were looked at.
        doubtful: how many look wrong, those that are left out of ``candidates`` with them.
        clear: of those, how many are all but ruled out: the evidence for the suggested class is 100 to 1.
        class_names: the K classes.
    """

    candidates: tuple[LabelError, ...]
    joint: NDArray[np.int64]
    estimated: float
    count: int
    doubtful: int
    clear: int
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.candidates)

    def __str__(self) -> str:
        listed = " and listed" if len(self) == self.doubtful else f", of which the {len(self):,} likeliest are listed"
        return (
            f"{self.clear:,} of {counted(self.count, 'label')} have hardly any support "
            f"({1 / CLEAR:.0f} to 1 for another class); "
            f"{self.doubtful:,} are doubtful{listed}, the likeliest wrong first"
        )

    def likeliest(self, most: int) -> LabelErrors:
        """Return the same with the first ``most`` candidates alone; the counts stay those of all."""
        return dataclasses.replace(self, candidates=self.candidates[:most])

    def write(self, path: Path | str, *, mended: Mapping[str, Mended] | None = None) -> None:
        """Write the candidates as a list to mend, which ``read_label_list`` takes back, as ``write_csv`` does.

        The column ``label`` is empty, for a person to fill in: a class, ``(remove)``, or nothing to leave it as it is.

        Args:
            path: the file.
            mended: the list that the labels have been mended with already: its rows come along, filled in, so that
                the new list alone gives all of it.
        """
        done = dict(mended or {})
        rows: list[tuple[object, ...]] = []
        for one in self.candidates:
            # What a list that did not say it had found there is not known any more: the picture has the list's label.
            before = done.pop(one.id, Mended("", one.given))
            near = "; ".join(f"{near.label}: {near.id}" for near in one.near)
            label, given = _written(before), before.given or ""
            judged = ("yes" if said else "no" for said in (one.confident, one.ruled_out))
            shares = one.given_probability, one.suggested_probability
            rows.append((one.id, one.split, given, one.suggested, label, *shares, *judged, near))
        for name, before in done.items():
            rows.append((name, "", before.given or "", "", _written(before), "", "", "", "", "from the list before"))
        write_csv(path, LABEL_LIST, rows=rows)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; ``from_dict`` gives equal label errors back."""
        return {
            **vars(self),
            "joint": cells_of(self.joint),
            "candidates": [dataclasses.asdict(o) for o in self.candidates],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelErrors:
        """Return what ``to_dict`` described; raises RunCorruptError where a part is missing."""
        try:
            candidates = tuple(
                LabelError(**{**one, "near": tuple(Neighbour(*near) for near in one["near"])})
                for one in data["candidates"]
            )
            counts = {name: int(data[name]) for name in ("count", "doubtful", "clear")}
            names = tuple(data["class_names"])
            joint = table_of(data["joint"], size=len(names))
            return cls(candidates, joint, float(data["estimated"]), **counts, class_names=names)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunCorruptError(f"the label errors cannot be read: {error!r}: look for them again") from error


def _written(mended: Mended) -> str:
    return REMOVE if mended.label is None else mended.label


def find_label_errors(predictions: Predictions, *, temperature: float = 1.0, limit: int | None = None) -> LabelErrors:
    """List the labels that are likely wrong.

    The probabilities must come from a classifier that has not seen the picture's label: out-of-fold predictions
    (``make_folds``, ``Predictions.join``), or those of a held-out split. A classifier that has learned a wrong label
    by heart will not give it away.

    A picture is a candidate where its most likely class is not its label, or where it confidently belongs to another
    class: the probability of that class is at least what the class's own pictures have on average. Candidates are
    ranked by the probability of the given label (self-confidence), then by the margin between the two: where classes
    resemble each other, as shirts and coats do, the margin alone puts hard pictures above wrong labels.

    Args:
        predictions: out-of-fold or held-out; pictures without a label are left out.
        temperature: what the logits are divided by.
        limit: how many candidates at most; all where None.

    Raises:
        DataError: no picture is labelled.

    Source: C. Northcutt, L. Jiang and I. Chuang, "Confident learning", JAIR 70 (2021), sections 3.1 to 3.3; the rank:
    J. Kuan and J. Mueller, "Model-agnostic label quality scoring to detect real-world label errors", 2022.

    Example:
        >>> logits = [[3, 0], [3, 0], [3, 0], [0, 3], [0, 3]]
        >>> said = Predictions(list("abcde"), logits, [0, 0, 1, 1, 1], class_names=("cat", "dog"))
        >>> print(find_label_errors(said).candidates[0])
        c: labelled “dog” (4.7%), looks like “cat” (95.3%; its own pictures: 95.3%)
    """
    known = predictions.labelled()
    if not len(known):
        raise DataError("there is no labelled picture to look for label errors in")
    probabilities = known.probabilities(temperature)
    thresholds = class_thresholds(probabilities, known.labels)
    belongs = _confident_class(probabilities, thresholds)
    size = len(known.class_names)
    joint = _confident_joint(known.labels, belongs, size=size)
    candidates = _candidates(known, probabilities, thresholds=thresholds, belongs=belongs)
    estimate = estimated_joint(joint, np.bincount(known.labels, minlength=size))
    wrong = float(estimate.sum() - np.trace(estimate)) * len(known)
    clear = sum(one.ruled_out for one in candidates)
    return LabelErrors(
        candidates[:limit], joint, wrong, len(known), len(candidates), clear, class_names=known.class_names
    )


def class_thresholds(probabilities: Floats, labels: NDArray[np.int64]) -> Floats:
    """Return (K,): the mean probability of each class over the pictures that carry its label; ∞ for a class without.

    Source: Northcutt et al. 2021, equation 2.
    """
    size = probabilities.shape[1]
    counts = np.bincount(labels, minlength=size)
    sums = np.bincount(labels, weights=probabilities[np.arange(len(labels)), labels], minlength=size)
    out: Floats = np.full(size, np.inf)
    np.divide(sums, counts, out=out, where=counts > 0)
    return out


def _confident_class(probabilities: Floats, thresholds: Floats) -> NDArray[np.int64]:
    """Return (N,): the likeliest class among those at their threshold, −1 where none is (equation 1)."""
    # The mean of equal numbers may differ from them in the last digits, of which logits in float32 have few.
    reached = probabilities >= thresholds - 1e-6
    best = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1).astype(np.int64)


def _confident_joint(labels: NDArray[np.int64], belongs: NDArray[np.int64], *, size: int) -> NDArray[np.int64]:
    sure = belongs >= 0
    cells = np.bincount(labels[sure] * size + belongs[sure], minlength=size * size)
    return cells.reshape(size, size).astype(np.int64)


def estimated_joint(joint: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """Return (K, K) float64 that sums to 1: the joint distribution of given and true labels.

    Args:
        joint: (K, K) confident joint counts.
        counts: (K,) pictures with each given label.

    Source: Northcutt et al. 2021, equation 3.

    Example:
        >>> import numpy as np
        >>> estimated_joint(np.array([[8, 2], [0, 5]]), np.array([20, 20])).tolist()
        [[0.4, 0.1], [0.0, 0.5]]
    """
    # A class without a confident picture keeps its labels as they are.
    filled = joint + np.diag((joint.sum(axis=1) == 0).astype(np.int64))
    scaled: Floats = filled / filled.sum(axis=1, keepdims=True) * counts[:, None]
    scaled /= max(float(scaled.sum()), 1.0)
    return scaled


def _candidates(
    known: Predictions, probabilities: Floats, *, thresholds: Floats, belongs: NDArray[np.int64]
) -> tuple[LabelError, ...]:
    labels, rows = known.labels, np.arange(len(known))
    others = probabilities.copy()
    others[rows, labels] = -1.0
    confident = (belongs >= 0) & (belongs != labels)
    suggested = np.where(confident, belongs, others.argmax(axis=1))
    given_probability = probabilities[rows, labels]
    suggested_probability = probabilities[rows, suggested]
    margin = given_probability - suggested_probability
    shares = np.bincount(labels, minlength=len(known.class_names)) + 1
    odds = given_probability * np.maximum(1.0, shares[suggested] / shares[labels])
    ruled_out = (odds < CLEAR * suggested_probability) & (suggested_probability >= LIKELY)
    listed = np.flatnonzero(confident | (known.predicted() != labels))
    ids, names = known.ids.tolist(), known.class_names
    # Equal shares of votes differ in the last digits of their logits, by which no rank should go.
    order = sorted(listed.tolist(), key=lambda i: (float(f"{given_probability[i]:.4g}"), margin[i], ids[i]))
    return tuple(
        LabelError(
            ids[i], names[labels[i]], names[suggested[i]], float(given_probability[i]),
            float(suggested_probability[i]), float(margin[i]), float(min(thresholds[suggested[i]], 1.0)),
            bool(confident[i]), ruled_out=bool(ruled_out[i]),
        )
        for i in order
    )  # fmt: skip
