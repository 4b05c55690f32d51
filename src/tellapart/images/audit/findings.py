"""Findings: what an audit says in sentences, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...wording import NUMBER, counted, listed, without_numbers
from ..cache import Scan
from ..dataset import SPLIT_NAMES, Dataset, Splits
from ..notes import NOTED, loses_much
from ..pixels import scaling
from ..sources.classes import twins_of
from .groups import Groups
from .leaks import Leaks
from .near import Repeats
from .result import Finding, Severity

IMBALANCE = 10
"""Largest over smallest class from which imbalance is called severe."""

TINY_CLASS = 20
"""Pictures below which a class is tiny: of five to validate on, one mistake is 20%."""

FEW_GROUPS = 3
"""Groups of a split below which it tells little of how groups differ."""

KEPT = 1000
"""Groups of positions that a finding holds."""

ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def find_all(
    dataset: Dataset, scan: Scan, repeats: Repeats, leaks: Leaks | None, splits: Splits | None
) -> tuple[Finding, ...]:
    """Return every finding about a data set, errors first."""
    make = _Maker(dataset)
    found = [
        *_about_leaks(make, leaks),
        *(make("note", "source", note) for note in dataset.notes),
        *_about_files(make, scan),
        *_about_repeats(make, repeats),
        *_about_classes(make, splits),
        *_about_groups(make, splits),
    ]
    return tuple(sorted(found, key=lambda finding: ORDER[finding.severity]))


class _Maker:
    """Makes findings about one data set."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __call__(
        self, severity: Severity, code: str, sentence: str, groups: Sequence[Iterable[int]] | NDArray[np.int64] = ()
    ) -> Finding:
        kept = tuple(tuple(int(position) for position in group) for group in groups[:KEPT])
        ids = tuple(tuple(str(self.dataset.ids[position]) for position in group[:KEPT]) for group in kept)
        return Finding(severity, code, sentence, kept, ids, len(groups))

    def names(self, classes: Iterable[int], of: Callable[[int], str] = lambda c: "") -> str:
        """Return up to five class names in quotes."""
        every = list(classes)
        shown = ", ".join(repr(self.dataset.class_names[c]) + of(c) for c in every[:5])
        return shown + (f" and {len(every) - 5} more" if len(every) > 5 else "")


def _about_leaks(make: _Maker, leaks: Leaks | None) -> list[Finding]:
    if not leaks:
        return []
    exact = int(leaks.exact.sum())
    between = ", ".join(f"{count:,} of {side[0]} in {side[1]}" for side, count in leaks.between().items())
    sentence = (
        f"{counted(len(leaks), 'picture stands', plural='pictures stand')} in two splits ({between}): "
        f"{exact:,} equal, {len(leaks) - exact:,} re-encoded, "
        "resized or trimmed; figures on those splits would flatter"
    )
    return [make("error", "leak", sentence, leaks.pairs)]


def _about_files(make: _Maker, scan: Scan) -> list[Finding]:
    found = []
    facts = scan.facts
    if scan.problems:
        first, reason = next(iter(scan.problems.items()))
        unreadable = counted(len(scan.problems), "picture")
        sentence = f"{unreadable} cannot be read, such as {str(make.dataset.ids[first])!r}: {reason}"
        found.append(make("warning", "unreadable", sentence, [(position,) for position in scan.problems]))
    constant = np.flatnonzero(facts["readable"] & facts["one_tone"])
    if len(constant):
        sentence = f"{counted(len(constant), 'picture shows', plural='pictures show')} one tone and nothing else"
        found.append(make("warning", "constant", sentence, constant[:, None]))
    for note, positions in alike(scan.notes):
        count = counted(len(positions), "picture") + (" or more" if len(positions) >= NOTED else "")
        severity: Severity = "warning" if loses_much(note) else "note"
        found.append(make(severity, "decoding", f"{note}: {count}", [(position,) for position in positions]))
    if (ways := len({scaling(note) for note in scan.notes} - {""})) > 1:
        # Of pictures that were treated alike but for numbers some are kept, so that some ways may not be known.
        cut = any(len(positions) >= NOTED and scaling(note) for note, positions in alike(scan.notes))
        more = " or more" if cut else ""
        sentence = (
            f"numbers of more than 8 bits are scaled in {ways:,}{more} ways: one value has different greys in two files"
        )
        found.append(make("warning", "scaling", sentence))
    names = np.unique(facts["channels"][facts["readable"]])
    if len(names) > 1:
        grey = int((facts["channels"][facts["readable"]] == 1).sum())
        sentence = f"{grey:,} grey and {int(facts['readable'].sum()) - grey:,} in colour"
        found.append(make("note", "channels", sentence))
    return found


def alike(notes: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, list[int]]]:
    """Yield notes with the positions of their pictures; those that differ in numbers alone as one, with their ranges.

    Example:
        >>> list(alike({"first of 2 frames": [0], "transposed": [1], "first of 30 frames": [2, 3]}))
        [('first of 2 to 30 frames', [0, 2, 3]), ('transposed', [1])]
    """
    by_words: dict[str, list[str]] = {}
    for note in notes:
        by_words.setdefault(without_numbers(note), []).append(note)
    for several in by_words.values():
        yield _as_one(several), [position for note in several for position in notes[note]]


def _as_one(notes: Sequence[str]) -> str:
    """Return what notes with the same words say together: the range of each of their numbers."""
    ranges = []
    for column in zip(*(NUMBER.findall(note) for note in notes), strict=True):
        low, high = min(column, key=float), max(column, key=float)
        ranges.append(low if low == high else f"{low} to {high}")
    return NUMBER.sub(lambda _: ranges.pop(0), notes[0])


def _about_repeats(make: _Maker, repeats: Repeats) -> list[Finding]:
    found = []
    labels = make.dataset.labels
    exact, families = repeats.exact_groups(), repeats.families()
    if exact:
        copies = len(exact.members) - len(exact)
        sentence = (
            f"{counted(len(exact), 'picture stands', plural='pictures stand')} there more than once, bytes or pixels "
            f"equal: {counted(copies, 'copy', plural='copies')}"
        )
        found.append(make("note", "exact-repeat", sentence, exact))
    if len(repeats.pairs):
        sentence = (
            f"{counted(len(repeats.pairs), 'pair is', plural='pairs are')} one picture re-encoded, resized, trimmed or "
            "scanned again"
        )
        found.append(make("note", "near-repeat", sentence, repeats.pairs))
    torn = _torn(families, labels)
    if torn:
        first = list(dict.fromkeys(repr(make.dataset.label_name(int(position))) for position in torn[0]))[:2]
        stand = counted(len(torn), "picture stands", plural="pictures stand")
        sentence = f"{stand} under two labels or more, the first under {' and '.join(first)}"
        found.append(make("warning", "two-labels", sentence, torn))
    return found


def _torn(families: Groups, labels: NDArray[np.int64]) -> Groups:
    """Return the families whose members stand under two labels or more; an unknown label is none."""
    if not len(families):
        return families
    known = labels[families.members]
    largest = np.maximum.reduceat(known, families.bounds[:-1])
    smallest = np.minimum.reduceat(np.where(known < 0, np.iinfo(np.int64).max, known), families.bounds[:-1])
    return families.chosen(np.flatnonzero(smallest < largest))


def _about_classes(make: _Maker, splits: Splits | None) -> list[Finding]:
    dataset = make.dataset
    size = len(dataset.class_names)
    counts = np.bincount(dataset.labels[dataset.labels >= 0], minlength=size)
    found = []
    if (empty := np.flatnonzero(counts == 0)).size:
        found.append(make("warning", "empty-class", f"classes without pictures: {make.names(empty.tolist())}"))
    present = counts[counts > 0]
    if len(present) > 1 and present.max() >= IMBALANCE * present.min():
        ratio = present.max() / present.min()
        most, least = int(counts.argmax()), int(np.where(counts > 0, counts, counts.max()).argmin())
        sentence = (
            f"the classes are uneven, {ratio:.0f} to 1: {dataset.class_names[most]!r} has {counts[most]:,} pictures, "
            f"{dataset.class_names[least]!r} has {counts[least]:,}"
        )
        found.append(make("warning", "imbalance", sentence))
    if twins := twins_of(dataset.class_names):
        named = "; ".join(listed(several) for several in twins[:5]) + ("; and more" if len(twins) > 5 else "")
        found.append(make("warning", "twin-classes", f"classes whose names differ in case or spaces alone: {named}"))
    tiny = np.flatnonzero((counts > 0) & (counts < TINY_CLASS)).tolist()
    if tiny:
        named = make.names(tiny, lambda c: f" ({counts[c]:,})")
        found.append(make("warning", "tiny-class", f"classes with fewer than {TINY_CLASS} pictures: {named}"))
    return found + (_one_sided(make, splits) if splits is not None else [])


def _one_sided(make: _Maker, splits: Splits) -> list[Finding]:
    dataset = make.dataset
    used = [name for name in SPLIT_NAMES if len(splits[name])]
    table = np.stack([np.bincount(dataset.labels[splits[n]], minlength=len(dataset.class_names)) for n in used])
    found = []
    for row, name in enumerate(used):
        only = np.flatnonzero((table[row] > 0) & (table.sum(axis=0) == table[row]))
        if len(only) and len(used) > 1:
            sentence = f"classes with pictures in {name} alone: {make.names(only.tolist())}"
            found.append(make("warning", "one-split-only", sentence))
    return found


def _about_groups(make: _Maker, splits: Splits | None) -> list[Finding]:
    groups = make.dataset.groups
    if splits is None or groups is None:
        return []
    names, numbers = np.unique(groups, return_inverse=True)
    stands = {name: np.zeros(len(names), dtype=bool) for name in splits}
    for name, positions in splits.items():
        stands[name][numbers[positions]] = True
        stands[name] &= np.asarray(names != "", dtype=bool)
    found = []
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    both = {(a, b): int((stands[a] & stands[b]).sum()) for a, b in pairs}
    if any(both.values()):
        said = ", ".join(f"{count:,} in {a} and {b}" for (a, b), count in both.items() if count)
        sentence = f"groups stand in two splits: {said}; figures there may flatter"
        found.append(make("warning", "group-across-splits", sentence))
    held = {name: int(stands[name].sum()) for name in ("validation", "test") if (groups[splits[name]] != "").all()}
    few = [f"{name} has {counted(count, 'group')}" for name, count in held.items() if 0 < count < FEW_GROUPS]
    if few:
        sentence = (
            f"{' and '.join(few)} of {np.count_nonzero(names != ''):,}: that tells little of pictures of other groups"
        )
        found.append(make("warning", "few-groups", sentence))
    return found
