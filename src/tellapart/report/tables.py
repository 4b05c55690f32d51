"""Tables: the figures side by side, the classes, the recipe and the environment, ready to be set."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..commands import advised, to_find_labels, to_resume, to_retrain
from ..evaluation import Figure
from ..images.dataset import SPLIT_NAMES
from ..wording import bytes_text, decimal_percent, quoted
from .contents import OWN_SPLITS, Contents, as_text
from .words import as_asked

ROWS = (
    ("accuracy", "Accuracy", "pictures that get the right name"),
    ("top", "", "the right name is among the best guesses"),
    ("balanced_accuracy", "Balanced accuracy", "every class counts alike"),
    ("macro_precision", "Precision", "mean over the classes: of the pictures given a name, those that deserve it"),
    ("macro_recall", "Recall", "mean over the classes: of the pictures of a class, those that are found"),
    ("macro_f1", "F1", "mean over the classes: precision and recall in one"),
    ("loss", "Loss", "negative log-likelihood in nats; lower is better"),
    ("brier", "Brier score", "squared error of the probabilities; lower is better"),
    ("calibration_error", "Calibration error", "how far the confidence is off; lower is better"),
)


@dataclasses.dataclass(frozen=True)
class FigureColumn:
    """A column of the table of figures.

    Attributes:
        title: who was measured: ``"this network"``.
        subtitle: on what: ``"test, 7,677 pictures"``.
        own: whether it is the run's own network.
        figures: by row.
    """

    title: str
    subtitle: str
    own: bool
    figures: Mapping[str, Figure]


def figure_columns(contents: Contents) -> list[FigureColumn]:
    """Return the columns: the network on every set, then the majority class and each baseline."""
    columns = [
        FigureColumn("this network", _counted(_named(contents, split, figures), figures), True, figures)
        for split, figures in ((split, contents.figures_beside(split)) for split in contents.evaluations)
    ]
    for split, evaluation in contents.evaluations.items():
        if split == contents.main and "majority_accuracy" in evaluation.figures:
            always = {"accuracy": evaluation["majority_accuracy"]}
            columns.append(FigureColumn("majority class", _counted(split, evaluation.figures), False, always))
    for net, splits in contents.baselines.items():
        for split in sorted(splits, key=lambda name: OWN_SPLITS.index(name) if name in OWN_SPLITS else 9):
            figures = splits[split].figures
            columns.append(FigureColumn(net, _counted(split, figures), False, figures))
    return columns


def figure_rows(columns: list[FigureColumn]) -> list[tuple[str, str, list[Figure | None]]]:
    """Return (name, meaning, a figure a column); rows that no column has are left out."""
    rows = []
    for key, title, meaning in ROWS:
        figures = [_of_row(column.figures, key) for column in columns]
        present = [figure for figure in figures if figure is not None]
        if present:
            heading = title or present[0].name.capitalize()
            rows.append((heading, meaning, figures))
    return rows


@dataclasses.dataclass(frozen=True)
class Standing:
    """One row of the comparison strip: a proportion with its interval.

    Attributes:
        name: of the classifier.
        kind: class of the style sheet: ``"own"`` or ``"other"``.
        value: 0 to 1.
        low: the interval's lower end.
        high: its upper end.
        text: the value in words.
    """

    name: str
    kind: str
    value: float
    low: float
    high: float
    text: str


def standings(contents: Contents) -> list[Standing]:
    """Return the comparison strip: this network, each baseline, the majority class, all on the main split."""
    if contents.main is None:
        return []
    evaluation = contents.evaluations[contents.main]
    found = [("this network", "own", evaluation["accuracy"])]
    if contents.main in contents.external:  # a page about that set: its own pictures beside it
        found += [
            (f"its own {split}", "other", contents.own_beside(contents.main, split))
            for split in OWN_SPLITS
            if split in contents.evaluations
        ]
    beside = {net: one[contents.main] for net, one in contents.baselines.items() if contents.main in one}
    found += [(net, "other", one["accuracy"]) for net, one in beside.items()]
    if "majority_accuracy" in evaluation.figures:
        found.append(("majority class", "other", evaluation["majority_accuracy"]))
    return [
        Standing(title, kind, figure.value, figure.low or 0.0, figure.high or 0.0, figure.short())
        for title, kind, figure in found
        if figure.value is not None
    ]


def _of_row(figures: Mapping[str, Figure], key: str) -> Figure | None:
    """Return the figure of a row; "top" is that of however many guesses."""
    if key != "top":
        return figures.get(key)
    return next((figure for name, figure in figures.items() if name.startswith("top_")), None)


def _named(contents: Contents, split: str, figures: Mapping[str, Figure]) -> str:
    """Return a set's name, and where only the pictures of some classes count beside an external set."""
    some = figures["accuracy"].count != contents.evaluations[split]["accuracy"].count
    return f"{split}, of the same classes" if some else split


def _counted(split: str, figures: Mapping[str, Figure]) -> str:
    return f"{split}, {figures['accuracy'].count:,} pictures"


def epoch_rows(contents: Contents) -> list[tuple[int, bool, list[str]]]:
    """Return (epoch, whether it is the best one, cells) for each epoch."""
    best = contents.training.get("best_epoch")
    out = []
    for r in contents.history:
        losses = [f"{r[key]:.4f}" for key in ("train_loss", "validation_loss")]
        accuracies = [decimal_percent(r[key], digits=2) for key in ("train_accuracy", "validation_accuracy")]
        others = [f"{r.get('learning_rate', 0.0):.3g}", f"{r.get('seconds', 0.0):.1f}"]
        out.append((int(r["epoch"]), r["epoch"] == best, [*losses, *accuracies, *others]))
    return out


def rate_rows(contents: Contents) -> list[tuple[str, str]]:
    """Return (learning rate, smoothed loss) for each step of the range test; none where there was none."""
    test = contents.rate_test
    if not test:
        return []
    return [(f"{rate:.3g}", f"{loss:.4f}") for rate, loss in zip(test["rates"], test["smoothed"], strict=True)]


def recipe_rows(contents: Contents) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the recipe as (section, rows of (field, value))."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for section, values in contents.recipe.items():
        if isinstance(values, Mapping):
            sections[section] = [(key, _without_secrets(as_text(value, key=key))) for key, value in values.items()]
        else:
            sections.setdefault("beside it", []).append((section, as_text(values)))
    return list(sections.items())


def _without_secrets(text: str) -> str:
    """Return an address without user, password and what follows its path, as pages are sent to others.

    Example:
        >>> _without_secrets("https://me:word@host/w.pth?signature=1"), _without_secrets("hf:owner/name")
        ('https://host/w.pth', 'hf:owner/name')
    """
    scheme, between, rest = text.partition("://")
    host, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{between}{host.rpartition('@')[2]}{slash}{path}"


def environment_rows(contents: Contents) -> list[tuple[str, str]]:
    """Return the environment as (what, which)."""
    return list(_environment(contents))


def _environment(contents: Contents) -> Iterator[tuple[str, str]]:
    environment = contents.environment
    data = environment.get("data") or {}
    for key in ("source", "pictures", "fingerprint"):
        if data.get(key) is not None:
            value = data[key]
            yield f"data {key}", f"{value:,}" if isinstance(value, int) else str(value)
    for key, value in environment.items():
        if key in ("data", "versions") or value is None:
            continue
        yield (
            key.removesuffix("_bytes").replace("_", " "),
            bytes_text(value) if key.endswith("_bytes") else as_text(value),
        )
    for package, version in (environment.get("versions") or {}).items():
        yield package, str(version)
    if contents.model is not None:
        yield "model file", f"{contents.model.parameters:,} numbers, {bytes_text(contents.model.size)}"
    if contents.finished:
        yield "finished", contents.finished


def label_commands(contents: Contents) -> tuple[str, str]:
    """Return the commands that make a list of labels to mend, and train with it."""
    folder, plugins = _folder(contents), _plugins(contents)
    return to_find_labels(folder, "labels.csv", plugins=plugins), to_retrain(folder, "labels.csv", plugins=plugins)


def commands(contents: Contents) -> list[tuple[str, str]]:
    """Return (what it does, the command) for this run."""
    run, plugins = quoted(_folder(contents)), _plugins(contents)

    def command(*words: str) -> str:
        return advised(*words, plugins=plugins)

    about = ("--about", quoted(contents.main)) if contents.main in contents.external else ()
    page = ("Make and open this page again", command("report", run, *about, "--open"))
    if contents.model is None:
        return [("Go on with the training", to_resume(_folder(contents), plugins=plugins)), page]
    classify = command("predict", run, "picture.jpg folder/")
    found = [("Classify pictures: files, folders, or - for standard input", classify)]
    if contents.abstain and contents.abstain.get("confidence"):
        asked = as_asked(contents.abstain["max_error"])
        found.append(
            ("The same, with “not sure” where it would be wrong too often", f"{classify} --abstain-at {asked}")
        )
    return [*found, ("Measure it on other labelled pictures", command("evaluate", run, "more-pictures/")), page]


def _plugins(contents: Contents) -> list[str]:
    """Return the files with what is no part of tellapart, such as the run's own network."""
    return list(contents.environment.get("plugins") or ())


def python_lines(contents: Contents) -> str:
    """Return the same from Python."""
    folder = _folder(contents)
    return "\n".join(
        [
            "import tellapart",
            f"classifier = tellapart.Classifier.load({folder!r})",
            'answer = classifier.classify("picture.jpg")',
            "print(answer.name, answer.probability)",
        ]
    )


def _folder(contents: Contents) -> str:
    """Return the run folder as a person would type it: ``runs/NAME`` from where ``runs`` lies, else the whole path."""
    path = contents.run.path
    return f"runs/{path.name}" if path.is_absolute() and path.parent.name == "runs" else path.as_posix()


def splits_rows(contents: Contents) -> tuple[list[tuple[str, int]], list[str]]:
    """Return (split, pictures) and how each was made."""
    notes: Any = contents.splits.get("notes") or []
    sizes = [(name, len(ids)) for name, ids in contents.splits.items() if name in SPLIT_NAMES]
    return sizes, [str(note) for note in notes]
