"""A finished run on an external test set: labelled pictures from elsewhere."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classifier import Classifier
from ..errors import ClassMismatchError, DataError, TellapartError
from ..evaluation import (
    Evaluation,
    Explanation,
    Figure,
    Predictions,
    auroc,
    evaluate,
    explain,
    proportion_of,
)
from ..images import open_dataset
from ..images.cache import Scan, scan
from ..images.dataset import SPLIT_NAMES, Dataset
from ..images.split import belonging
from ..progress import TO_LOG, Progress
from ..report import write_report
from ..run import OUT_OF_FOLD, Run
from ..training.devices import on_device
from ..wording import counted, listed, text_table
from .copies import copies_of_training, families_of
from .near_training import EmbeddingSpace, keep_near_training
from .own_pictures import OwnPictures, device_here, threads_here
from .prepare import on_background
from .scoring import Looked, Scored, Scoring, check_several, look, scored
from .statistics import STROKES, load_statistics, statistics_of
from .thumbnails import keep_thumbnails

TAKEN = (*SPLIT_NAMES, OUT_OF_FOLD, "own")
"""Names that a run's own files have."""


@dataclasses.dataclass(frozen=True)
class ExternalEvaluation:
    """A run's figures on an external set, beside those of its own test pictures, and why they differ.

    Attributes:
        name: that of the set in the run's files.
        own_name: the run's own split beside it: test, or validation where there is no test.
        evaluation: of the external pictures.
        own: of the run's own split.
        explanation: of the difference between them.
        unknown: pictures there of each class that the model does not know.
        missing: classes of the model that have no pictures there.
        unknown_unlike: the share of the unknown classes' pictures that are unlike anything in training.
        copies: ids of the pictures in the figures, or left out of them, that are copies of training or validation
            pictures; None where it is not known.
        scoring: how it was scored.
    """

    name: str
    own_name: str
    evaluation: Evaluation
    own: Evaluation
    explanation: Explanation
    unknown: Mapping[str, int]
    missing: tuple[str, ...]
    unknown_unlike: Figure | None
    copies: tuple[str, ...] | None
    scoring: Scoring

    def __str__(self) -> str:
        rows = [
            [figure.name, figure.short(), figure.interval(), *_cells(self.own.figures.get(key))]
            for key, figure in self.evaluation.figures.items()
        ]
        header = ["figure", self.name, "95% interval", f"its own {self.own_name}", "95% interval"]
        said = "\n".join(f"- {one}" for one in self.sentences())
        return f"{self.evaluation}\n\n{text_table(header, rows)}\n\n{said}"

    def sentences(self) -> list[str]:
        """Return what a person should know, in words."""
        return [*self.explanation.sentences(), *self._classes(), *self._copies()]

    def _classes(self) -> list[str]:
        out = []
        if self.unknown:
            who = f"of {listed(self.unknown)}, which the model does not know,"
            wrong = self.scoring.unknown == "wrong"
            one, more = ("counts as wrong", "count as wrong") if wrong else ("is left out", "are left out")
            out.append(counted(sum(self.unknown.values()), f"picture {who} {one}", plural=f"pictures {who} {more}"))
        if self.unknown_unlike is not None:
            out.append(f"of those, {self.unknown_unlike} are unlike anything in training")
        if self.missing:
            answer = "though it may answer with them"
            if self.scoring.only_present:
                own = counted(self.own.count, "picture")
                answer = f"and it may not answer with them; its own {self.own_name} is scored alike, on {own}"
            out.append(f"no pictures here of {listed(self.missing)}, {answer}")
        return out

    def _copies(self) -> list[str]:
        if self.copies is None:
            return ["copies of training pictures were not looked for: its own pictures could not be read as they were"]
        if not self.copies:
            return ["none of the pictures is a copy of one that it was trained on"]
        kept = "are left out" if self.scoring.drop_copies else "flatter the figures: --drop-copies leaves them out"
        what = counted(len(self.copies), "picture is a copy", plural="pictures are copies")
        return [f"{what} of one that it was trained or validated on, and {kept}"]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: the figures there, and under ``external`` all that is said beside them."""
        return self.evaluation.to_dict() | {
            "external": {
                "name": self.name,
                "own_name": self.own_name,
                "own": self.own.to_dict()["figures"],
                "unknown": dict(self.unknown),
                "missing": list(self.missing),
                "unknown_unlike": None if self.unknown_unlike is None else self.unknown_unlike.to_dict(),
                "copies": None if self.copies is None else list(self.copies),
                "scoring": dataclasses.asdict(self.scoring),
                "explained": {**self.explanation.to_dict(), "sentences": self.sentences()},
            }
        }


def evaluate_external(
    run: Run | str | Path,
    source: str | Path,
    *,
    group_by: str | None = None,
    by_name: bool = False,
    source_options: Mapping[str, Any] | None = None,
    scoring: Scoring | None = None,
    progress: Progress = TO_LOG,
) -> ExternalEvaluation:
    """Evaluate a run on another labelled set; its figures join the run and its report, and it has a page of its own.

    Classes are matched by name. The page is ``report-<name>.html`` in the run.

    Args:
        run: the run, or its folder.
        source: labelled pictures, as ``train`` takes them; splits in it are not looked at.
        group_by: as in ``open_dataset``.
        by_name: likewise.
        source_options: what the format alone understands, as in ``open_dataset``.
        scoring: what becomes of unknown and missing classes and of copies, such as
            ``Scoring(unknown="wrong", drop_copies=True)``.
        progress: is told of each picture.

    Raises:
        ClassMismatchError: no class name is the same.
        DataError: no picture is left to be scored, or copies are to be left out and cannot be searched for.
        RecipeError: with ``only_present``, only one of the model's classes has pictures: no other answer is possible.
        RunBusyError: another process is working on the run.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    run.load("evaluation")  # of what is no run of its own, or has not ended, before any picture is looked at
    scoring = scoring or Scoring()
    dataset = open_dataset(source, group_by=group_by, by_name=by_name, **(source_options or {}))
    with run.locked():
        classifier = Classifier.load(run.path)
        check_shared(dataset, classifier)
        if scoring.only_present:
            check_several([name for name, count in dataset.counts().items() if count], classifier)
        found = _measured(run, dataset, classifier=classifier, source=source, scoring=scoring, progress=progress)
        write_report(run)
        write_report(run, about=found.name)
    return found


def _measured(
    run: Run, dataset: Dataset, *, classifier: Classifier, source: str | Path, scoring: Scoring, progress: Progress
) -> ExternalEvaluation:
    """Look at the pictures and keep what is found in the run."""
    dataset = on_background(dataset, classifier.preprocessing.background)
    scanned = scan(dataset, classifier.preprocessing, progress=progress)
    _say_left_out(dataset, scanned, progress=progress)
    own = _reopened(run, classifier, progress=progress)
    copied = None if own is None else copies_of_training(own, dataset, scanned, progress=progress)
    if copied is None and scoring.drop_copies:
        raise DataError(
            "copies of training pictures cannot be left out, as they were not looked for: where its own pictures are "
            "gone, put them where data.source says in recipe.json, or leave --drop-copies out"
        )
    family = families_of(dataset, scanned, progress=progress)
    with on_device(classifier.net, device_here(run)):
        looked = look(classifier, dataset, scanned, threads=threads_here(run))
    kept = scored(looked, dataset, classifier, scoring=scoring, family=family, copied=copied)
    if not len(kept.at):
        why = ""
        if kept.copies is not None and len(kept.copies) and scoring.drop_copies:
            copies = counted(len(kept.copies), "is a copy", plural="are copies")
            why = f": {copies} of training or validation pictures"
        raise DataError(f"none of the {len(dataset):,} pictures in {str(source)!r} can be read and scored{why}")
    found = _explained(run, dataset, scanned, kept, classifier=classifier, scoring=scoring)
    _keep(run, found, kept.predictions, dataset, source=source)
    if own is not None:
        space = EmbeddingSpace.of(own, classifier, progress=progress)
        keep_near_training(
            run, space, name=found.name, predictions=kept.predictions, pixels=scanned.pixels, positions=kept.at
        )
    keep_thumbnails(run, dataset, external=found.name)
    if own is not None:
        keep_thumbnails(run, own.dataset)  # with the neighbours of these mistakes
    return found


def _say_left_out(dataset: Dataset, scanned: Scan, *, progress: Progress) -> None:
    """Say what the source did, and which pictures do not count."""
    for note in dataset.notes:
        progress.say(note)
    if scanned.problems:
        first, reason = next(iter(scanned.problems.items()))
        what = counted(len(scanned.problems), "unreadable picture")
        progress.warn(f"{what} left out, such as {str(dataset.ids[first])!r}: {reason}")
    if unlabelled := int((dataset.labels < 0).sum()):
        progress.say(f"{counted(unlabelled, 'picture')} without a label left out")


def _reopened(run: Run, classifier: Classifier, *, progress: Progress) -> OwnPictures | None:
    """Open a run's own pictures; None where they are gone, or have changed, which is said."""
    try:
        return OwnPictures.reopened(run, classifier, progress=progress)
    except TellapartError as error:
        progress.warn(f"copies of training pictures were not looked for, nor those nearest to each mistake: {error}")
        return None


def _explained(
    run: Run, dataset: Dataset, scanned: Scan, kept: Scored, *, classifier: Classifier, scoring: Scoring
) -> ExternalEvaluation:
    document = run.load("evaluation")
    own_name = "test" if "test" in document["splits"] else "validation"
    own = Evaluation.from_dict(document["splits"][own_name])
    majority = own.majority_class
    foreign = not set(kept.predictions.class_names) <= set(classifier.class_names)
    found = evaluate(
        kept.predictions,
        temperature=classifier.description.temperature,
        top_k=1 if foreign else 5,  # classes that cannot be answered would be among the first of few
        majority_class=majority if majority in kept.predictions.class_names else None,
    )
    shared = [name for name in kept.predictions.class_names if name in classifier.class_names]
    if len(shared) < len(classifier.class_names):
        own = _own_among(run, own_name, shared, classifier=classifier, majority=majority)
    names = np.array([dataset.class_names[label] for label in dataset.labels[kept.looked.at]], dtype=object)
    counts = Counter(names.tolist())
    scored_names = {dataset.class_names[label] for label in np.unique(dataset.labels[kept.at]).tolist()}
    strangers = [name for name in counts if name not in classifier.class_names]
    return ExternalEvaluation(
        name=_free_name(document, dataset),
        own_name=own_name,
        evaluation=found,
        own=own,
        explanation=_explain(run, dataset, scanned, kept, classifier=classifier, figures=(own, found)),
        unknown={name: counts[name] for name in sorted(strangers)},
        missing=tuple(name for name in classifier.class_names if name not in scored_names),
        unknown_unlike=_unlike(kept.looked, np.isin(names, strangers), dataset=dataset),
        copies=None if kept.copies is None else tuple(dataset.ids[kept.copies].tolist()),
        scoring=scoring,
    )


def _own_among(run: Run, name: str, classes: list[str], *, classifier: Classifier, majority: str) -> Evaluation:
    """Return a run's own figures where it may answer with some of its classes alone, on the pictures of these."""
    said = Predictions.load(run.path / "predictions" / f"{name}.npz").among(classes)
    if not len(said):
        raise DataError(
            f"the run's own {name} pictures have none of {listed(classes)}, so that nothing can be compared: leave "
            "--only-present out"
        )
    known = majority if majority in classes else None
    return evaluate(said, temperature=classifier.description.temperature, majority_class=known)


def _explain(
    run: Run, dataset: Dataset, scanned: Scan, kept: Scored, *, classifier: Classifier,
    figures: tuple[Evaluation, Evaluation],
) -> Explanation:  # fmt: skip
    own_statistics = load_statistics(run)
    statistics = statistics_of(dataset, scanned.facts, kept.at, strokes=STROKES in own_statistics)
    novelty, strangeness, known = kept.looked.novelty, kept.looked.strangeness, classifier.novelty
    return explain(
        *figures,
        kept.predictions,
        own_statistics=own_statistics,
        statistics=statistics,
        novelty=None if novelty is None else novelty[kept.rows],
        novelty_auroc=None if known is None or strangeness is None else auroc(known.held_out, strangeness[kept.rows]),
    )


def _unlike(looked: Looked, foreign: NDArray[np.bool_], *, dataset: Dataset) -> Figure | None:
    """Return how many of the pictures of unknown classes are unlike anything in training."""
    if looked.novelty is None or not foreign.any():
        return None
    groups = belonging(dataset.select(looked.at[foreign]))
    return proportion_of(looked.novelty[foreign] > 1, groups=groups, name="unlike anything in training")


def _keep(
    run: Run, found: ExternalEvaluation, predictions: Predictions, dataset: Dataset, *, source: str | Path
) -> None:
    """Write figures and predictions into the run."""
    run.write(f"predictions/{found.name}.npz", predictions.save)
    document = run.load("evaluation")
    record = found.to_dict()
    kept = record.pop("external")
    kept |= {"source": str(source), "fingerprint": dataset.images.fingerprint()}
    document["splits"][found.name] = record
    document.setdefault("external", {})[found.name] = kept
    run.save("evaluation", document)


def with_external(run: Run, figures: dict[str, Any], *, progress: Progress = TO_LOG) -> dict[str, Any]:
    """Return a run's figures with those of external sets that it has; those of other weights are forgotten."""
    before = run.load("evaluation") if run.has("evaluation.json") else {}
    beside = before.get("external", {})
    if before.get("model") == figures["model"]:
        return {**before, **figures, "splits": figures["splits"] | {name: before["splits"][name] for name in beside}}
    run.forget("label_errors.json")  # of other weights, too
    for name in beside:
        progress.warn(f"{name} was measured with earlier weights: tellapart evaluate measures it anew")
        files = [f"{folder}/{name}.npz" for folder in ("predictions", "near", "thumbnails")]
        run.forget(*files, f"report-{name}.html")
    return figures


def _free_name(document: Mapping[str, Any], dataset: Dataset) -> str:
    """Return the name of an external set: another set never takes one's place, the same set its own."""
    stem = re.sub(r"[^\w.-]+", "-", dataset.name).strip("-.")[:60].strip("-.") or "external"
    stem = f"{stem}-external" if stem.casefold() in TAKEN else stem  # some file systems take Test for test
    known = {name.casefold(): one["fingerprint"] for name, one in document.get("external", {}).items()}
    name, number, own = stem, 2, dataset.images.fingerprint()
    while known.get(name.casefold(), own) != own:
        name, number = f"{stem}-{number}", number + 1
    return name


def check_shared(dataset: Dataset, classifier: Classifier) -> None:
    """Raise ClassMismatchError unless a class name is the same."""
    if not set(dataset.class_names) & set(classifier.class_names):
        raise ClassMismatchError(
            f"no class of {dataset.name!r} ({listed(dataset.class_names)}) is one of the model's "
            f"({listed(classifier.class_names)}): classes are matched by name, so rename the folders or labels"
        )


def _cells(figure: Figure | None) -> list[str]:
    return ["", ""] if figure is None else [figure.short(), figure.interval()]
