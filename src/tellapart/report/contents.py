"""Contents: what a run folder holds, read once; whatever a run did not come to write is empty here."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DataError, RunCorruptError
from ..evaluation import Comparison, Evaluation, Figure, LabelErrors, NearTraining, Predictions, compare
from ..images.split_ids import read_ids
from ..run import Run

OWN_SPLITS = ("test", "validation")
"""The run's own splits that have predictions, in the order in which the report shows them."""


@dataclasses.dataclass(frozen=True)
class ShownChoice:
    """Something that was decided for the person.

    Attributes:
        field: of the recipe: ``"data.image_size"``.
        value: what was chosen, as text.
        reason: why.
    """

    field: str
    value: str
    reason: str


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """What the header of the model file says.

    Attributes:
        size: of the file, in bytes.
        parameters: how many numbers its tensors hold.
    """

    size: int
    parameters: int


@dataclasses.dataclass(frozen=True, eq=False)
class Contents:
    """What a run folder holds.

    Attributes:
        run: the folder.
        recipe: the full recipe as JSON.
        choices: what was decided for the person.
        environment: versions, machine and data.
        audit: what is wrong with the pictures; None where there was no audit.
        splits: ids per split, as arrays, and the notes.
        history: one record an epoch.
        rate_test: rates and smoothed losses of the range test; empty where there was none.
        training: best_epoch, epochs, stopped, seconds, findings.
        status: where the run stands.
        temperature: what logits are divided by.
        evaluations: by split or external set, test first.
        predictions: likewise.
        baselines: by network, then by split.
        leaks: what was found across the splits and what was done.
        abstain: the threshold for "not sure"; None where none was asked for.
        model: None where there is no model file.
        external_records: by external set, how it was scored and what explains its figures.
        classes_below: the recall, 0 to 1, under which a class is listed as hardly recognised.
    """

    run: Run
    recipe: Mapping[str, Any]
    choices: tuple[ShownChoice, ...]
    environment: Mapping[str, Any]
    audit: Mapping[str, Any] | None
    splits: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    rate_test: Mapping[str, Any]
    training: Mapping[str, Any]
    status: Mapping[str, Any]
    temperature: float
    evaluations: Mapping[str, Evaluation]
    predictions: Mapping[str, Predictions]
    baselines: Mapping[str, Mapping[str, Evaluation]]
    leaks: Mapping[str, Any]
    abstain: Mapping[str, Any] | None
    model: ModelFile | None
    external_records: Mapping[str, Any]
    classes_below: float = 0.5

    @property
    def main(self) -> str | None:
        """The split that the report is about: test, else validation, else whatever was evaluated first."""
        return next(iter(self.evaluations), None)

    @property
    def shows_labels(self) -> bool:
        """Whether the page has the part about labels, which is about the run's own pictures."""
        return self.main_predictions is not None and self.main not in self.external

    @property
    def finished(self) -> str:
        """When the run came to its end, in ISO 8601; nothing where it has not."""
        return "" if self.status.get("state") == "running" else str(self.status.get("when") or "")

    @property
    def by_features(self) -> bool:
        """Whether the network saw each picture once, so that there were no epochs."""
        return bool(self.recipe.get("training", {}).get("transfer") == "features")

    @property
    def main_evaluation(self) -> Evaluation | None:
        """The main split's figures."""
        return None if self.main is None else self.evaluations[self.main]

    @property
    def main_predictions(self) -> Predictions | None:
        """The main split's predictions, where they were kept."""
        return None if self.main is None else self.predictions.get(self.main)

    @property
    def external(self) -> tuple[str, ...]:
        """The names of the external sets."""
        return tuple(name for name in self.evaluations if name not in (*OWN_SPLITS, "train"))

    @property
    def unanswerable(self) -> tuple[str, ...]:
        """Classes of the main set, among those with figures, that the network does not know."""
        unknown = self.external_records.get(self.main or "", {}).get("unknown", {})
        figures = self.main_evaluation
        return () if figures is None else tuple(one.name for one in figures.classes if one.name in unknown)

    def about(self, external: str) -> Contents:
        """Return the same with an external set as the main one, its own main set beside it, and no other.

        Raises:
            DataError: there is no such set.
        """
        if external not in self.external:
            there = (
                ", ".join(map(repr, self.external)) or "of which this run has none: tellapart evaluate measures some"
            )
            raise DataError(f"about must be one of the external sets, {there}; got {external!r}")
        kept = [external, *([self.main] if self.main is not None and self.main != external else [])]
        return dataclasses.replace(
            self,
            evaluations={name: self.evaluations[name] for name in kept},
            predictions={name: self.predictions[name] for name in kept if name in self.predictions},
            history=(),
            audit=None,
            leaks={},
        )

    def own_beside(self, external: str, split: str) -> Figure:
        """Return the run's own accuracy on a split as it is held against an external set: both scored alike."""
        return self._beside(external, split)["accuracy"]

    def figures_beside(self, split: str) -> Mapping[str, Figure]:
        """Return a set's figures as the main one's are held against them: an external one's page scores both alike."""
        return self._beside(self.main or "", split)

    def _beside(self, external: str, split: str) -> Mapping[str, Figure]:
        record = self.external_records.get(external, {})
        if record.get("own_name") != split:
            return self.evaluations[split].figures
        try:
            found = {key: Figure.from_dict(figure) for key, figure in record["own"].items()}
            found["accuracy"]
        except (KeyError, TypeError, AttributeError) as error:
            raise RunCorruptError(
                f"evaluation.json has no figures beside {external}: {error!r}: evaluate again"
            ) from error
        return found

    @functools.cached_property
    def near(self) -> Mapping[str, NearTraining]:
        """By split or external set, the training pictures nearest to each mistake, where they were looked for."""
        files = {name: self.run.path / "near" / f"{name}.npz" for name in self.predictions}
        return {name: NearTraining.load(file) for name, file in files.items() if file.is_file()}

    @functools.cached_property
    def label_errors(self) -> LabelErrors | None:
        """The labels that are likely wrong; None where nobody looked for them."""
        document = _document(self.run, "label_errors", default={})
        return LabelErrors.from_dict(document) if document else None

    @functools.cached_property
    def baseline_predictions(self) -> Mapping[str, Predictions]:
        """Each baseline's predictions on the main split, where they were kept."""
        files = {net: self.run.path / "baselines" / net / "predictions" / f"{self.main}.npz" for net in self.baselines}
        return {net: Predictions.load(file) for net, file in files.items() if file.is_file()}

    @functools.cached_property
    def against_baselines(self) -> Mapping[str, Comparison]:
        """By baseline, how the network compares with it on the main split, picture by picture, where both are known."""
        own = self.main_predictions
        if own is None:
            return {}
        return {
            net: compare(other, own, names=(net, "the network")) for net, other in self.baseline_predictions.items()
        }


def read_contents(run: Run) -> Contents:
    """Read everything that the report needs.

    Raises:
        RunCorruptError: a file of the run is damaged.
    """
    evaluation = _document(run, "evaluation", default={})
    evaluations = {
        name: Evaluation.from_dict(evaluation["splits"][name]) for name in _ordered(evaluation.get("splits", {}))
    }
    return Contents(
        run=run,
        recipe=run.recipe.model_dump(mode="json"),
        choices=tuple(_choice(one) for one in _document(run, "choices", default=[])),
        environment=_document(run, "environment", default={}),
        audit=_document(run, "audit", default={}) or None,
        splits=_splits(run),
        history=_history(run),
        rate_test=_document(run, "learning_rate", default={}),
        training=_document(run, "training", default={}),
        status=run.status,
        temperature=float(evaluation.get("temperature", 1.0)),
        evaluations=evaluations,
        predictions=_predictions(run, evaluations),
        baselines=_baselines(evaluation.get("baselines", {})),
        leaks=evaluation.get("leaks") or {},
        abstain=evaluation.get("abstain"),
        model=_model_file(run.path / "model.safetensors"),
        external_records=evaluation.get("external") or {},
        classes_below=float(_document(run, "page", default={}).get("classes_below", 0.5)),
    )


def _document(run: Run, subject: str, *, default: Any) -> Any:
    document = run.load(subject) if run.has(f"{subject}.json") else default
    if not isinstance(document, type(default)):
        raise RunCorruptError(f"{run.path / subject}.json does not hold what it should: train again")
    return document


def _splits(run: Run) -> dict[str, Any]:
    """Return the splits' ids as arrays, which take a fifth of a list's memory, and the notes."""
    return read_ids(run.path / "splits.json") if run.has("splits.json") else {}


def _history(run: Run) -> tuple[Mapping[str, Any], ...]:
    needed = ("epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
    history = run.history
    for record in history:
        if not isinstance(record, dict) or not all(isinstance(record.get(key), int | float) for key in needed):
            raise RunCorruptError(f"{run.path / 'history.jsonl'} does not hold what it should: train again")
    return tuple(history)


def _ordered(splits: Mapping[str, Any]) -> list[str]:
    own = [name for name in OWN_SPLITS if name in splits]
    return own + [name for name in splits if name not in own]


def _predictions(run: Run, evaluations: Mapping[str, Evaluation]) -> dict[str, Predictions]:
    out = {}
    for name, evaluation in evaluations.items():
        file = run.path / "predictions" / f"{name}.npz"
        if file.is_file():
            out[name] = Predictions.load(file).labelled()
            if out[name].class_names != evaluation.class_names:
                raise RunCorruptError(f"{file} and evaluation.json name different classes: evaluate the run again")
    return out


def _baselines(document: Mapping[str, Any]) -> dict[str, dict[str, Evaluation]]:
    return {
        net: {split: Evaluation.from_dict(one) for split, one in splits.items()} for net, splits in document.items()
    }


def _choice(record: Mapping[str, Any]) -> ShownChoice:
    try:
        field = str(record["field"])
        return ShownChoice(field, as_text(record["value"], key=field), str(record["reason"]))
    except (KeyError, TypeError) as error:
        raise RunCorruptError(f"choices.json does not hold what it should: {error!r}: train again") from error


def as_text(value: Any, *, key: str = "") -> str:
    """Return a value of a JSON document as a person would write it.

    Args:
        value: anything that JSON holds.
        key: what it is a value of: a picture's size is written as such.

    Example:
        >>> as_text([28, 28], key="image_size"), as_text([100, 47], key="steps_per_epoch"), as_text({"shift": 0.1})
        ('28 × 28', '100, 47', 'shift 0.1')
        >>> as_text({"dropout": 0.0, "aux": None}), as_text({"rotation": 0, "shift": 0.1}, key="augment")
        ('dropout 0', 'shift 0.1')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        off = key.endswith("augment")  # there a zero says that a change is not made
        parts = {k: v for k, v in value.items() if v is not None and v is not False and not (off and v == 0)}
        return ", ".join(f"{key} {as_text(part)}" for key, part in parts.items()) or "none"
    if isinstance(value, list | tuple):
        between = " × " if key.endswith("image_size") else ", "
        return between.join(as_text(one) for one in value) or "none"
    return str(value)


def _model_file(path: Path) -> ModelFile | None:
    """Read the header of a safetensors file: eight bytes of its length, then JSON; no tensor is loaded."""
    if not path.is_file():
        return None
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < min(size, 100_000_000) else {}
        shapes = [one["shape"] for name, one in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunCorruptError(f"{path} is damaged ({error!r}): train again") from error
    return ModelFile(size, sum(functools.reduce(lambda a, b: a * b, shape, 1) for shape in shapes))
