"""Labels that are likely wrong, looked for among a run's own pictures, and the list to mend them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..classifier import Classifier
from ..errors import DataError, OutOfMemoryError, RecipeError, TargetExistsError
from ..evaluation import (
    Components,
    LabelErrors,
    Mended,
    Predictions,
    make_folds,
    read_label_list,
    search_labels,
    vote_of_neighbours,
    with_known_ids,
)
from ..evaluation.label_errors import LABEL_LIST
from ..evaluation.spreadsheet import read_csv
from ..features import extract
from ..files import check_writable, expanded, is_file
from ..images.blocks import by_block
from ..images.dataset import Dataset, Splits, positions_of
from ..images.split import belonging
from ..machine import available_memory, return_free_memory, usable_processors
from ..progress import TO_LOG, Mute, Progress, Quiet
from ..recipe import BODY_STAYS, Recipe
from ..report import write_reports
from ..run import Run
from ..runtime import bearable_precision
from ..training.devices import on_device
from ..training.features import embed_pixels, features_file, weights_digest
from ..wording import bytes_text, counted
from .folds import fold_of
from .held_out import PREDICTED
from .learn import learn
from .own_pictures import OwnPictures
from .prepare import LABELS, prepare
from .thumbnails import keep_thumbnails

UNASKED = 20_000
"""Pictures up to which a training looks for wrong labels by itself: some seconds."""

LISTED = 5000
"""Labels that a run keeps for its report, the likeliest wrong, at most; the list to mend has all."""


FOLDS = "label-folds"
"""Where a run has the trainings that judge its training pictures, while they are needed."""

ROWS = 16_384
"""Pictures whose features are in memory together."""

CELL_BYTES = 48
"""Memory that the search takes for each picture and class: six tables of float64."""

SAMPLE = 5000
"""Pictures on which principal components are found."""

SAMPLE_BYTES = 16
"""Of each number of their features while that is done: the features, their parts, and once more in 64 bits."""

TIMED = 32
"""Pictures whose features are taken to see how long that takes."""


def looks_for_labels(own: OwnPictures) -> bool:
    """Return whether a training looks for wrong labels by itself among so many pictures."""
    return sum(map(len, own.splits.values())) <= UNASKED


def has_memory_to_search(own: OwnPictures) -> bool:
    """Return whether the search takes at most half of the memory that is free: more it takes only where it is asked."""
    return_free_memory()
    free = available_memory()
    return free is None or search_bytes(own) <= free / 2


def search_bytes(own: OwnPictures) -> int:
    """Return about how much memory the search takes: with thousands of classes, or large pictures, it is gigabytes."""
    count = sum(map(len, own.splits.values()))
    sample, columns = min(count, SAMPLE), _columns(own)
    components = SAMPLE_BYTES * sample * columns + 3 * 8 * min(sample, columns) ** 2
    return CELL_BYTES * count * len(own.dataset.class_names) + components


def _columns(own: OwnPictures) -> int:
    """Return how many numbers HOG gives a picture; the features of a pretrained network are fewer."""
    return int(extract(own.pixels[:1], "hog", jobs=1).shape[1])


def label_search_seconds(own: OwnPictures, recipe: Recipe) -> float:
    """Return about how long ``find_run_label_errors`` takes: a few pictures are timed, the rest was fitted.

    Each picture is compared with each, 6 ns a pair. Principal components are found on a table of some pictures: its
    products take the square of its shorter side times the longer one, 22e-12 s each, and then that side's cube 90e-12.
    """
    count = sum(map(len, own.splits.values()))
    seconds = 0.5 + 6e-9 * count**2
    if recipe.training.transfer in BODY_STAYS:
        return seconds  # their features are there
    sample = own.pixels[own.splits.train[_spread(len(own.splits.train), most=TIMED)]]
    columns = _columns(own)
    started = time.perf_counter()
    extract(sample, "hog", jobs=1)
    each = (time.perf_counter() - started) / len(sample)
    least, most = sorted((min(count, SAMPLE), columns))
    return seconds + each * count + 22e-12 * least * most * least + 90e-12 * least**3


def find_run_label_errors(
    run: Run, *, folds: int | None = None, own: OwnPictures | None = None, progress: Progress = TO_LOG
) -> LabelErrors:
    """Look for wrong labels among all pictures of a finished run, and keep what is found in ``label_errors.json``.

    What a network says of pictures that it was trained on is no evidence: it has learnt their labels by heart. So a
    training picture's label is held against those of the pictures most like it, by features that know no labels:
    those of a pretrained network whose body was not trained, else histograms of oriented gradients. Validation and
    test pictures have the network's own word beside it. With ``folds`` the training pictures have it, too: each is
    predicted by a network that was trained without it.

    Args:
        run: finished.
        folds: how many trainings on parts of the training pictures; none where None.
        own: its pictures, where they are open already.
        progress: is told of everything.

    Returns:
        all that look wrong; the run keeps the likeliest.

    Raises:
        DataError: the pictures are not where they were.
        RunCorruptError: they have changed.
        RecipeError: fewer than two folds.
        OutOfMemoryError: there are too many pictures and classes for the memory.
    """
    found = _searched(run, folds=folds, own=own, progress=progress)
    if folds is not None:
        _forget_folds(run)
    return found


def _searched(run: Run, *, folds: int | None, own: OwnPictures | None, progress: Progress) -> LabelErrors:
    """Look, and keep what is found; the trainings on parts stay, should it yet be lost."""
    if folds is not None and folds < 2:
        raise RecipeError(f"folds must be at least 2, got {folds}")
    classifier = Classifier.load(run.path)
    own = own or OwnPictures.reopened(run, classifier, progress=progress)
    needed, free = search_bytes(own), available_memory()
    if free is not None and needed > free:
        raise OutOfMemoryError(
            f"the search for wrong labels needs about {bytes_text(needed)} for so many pictures and classes, and "
            f"{bytes_text(free)} are free: close other programs, or use a machine with more memory"
        )
    held_out = {
        name: Predictions.load(run.path / f"predictions/{name}.npz").calibrated(classifier.description.temperature)
        for name in PREDICTED
        if run.has(f"predictions/{name}.npz")
    }
    if folds is not None:
        held_out["train"] = out_of_fold(run, own, folds=folds, progress=progress)
    used = np.sort(np.concatenate(list(own.splits.values())))
    splits = own.splits.names(len(own.dataset))[used]
    table = label_free_features(run, own, classifier, used, progress=progress)
    votes, near = vote_of_neighbours(
        table, own.dataset.labels[used], ids=own.dataset.ids[used], class_names=own.dataset.class_names
    )
    found = search_labels(votes, near, held_out=held_out, splits=splits)
    run.save("label_errors", {"folds": folds, **found.likeliest(LISTED).to_dict()})
    return found


def _forget_folds(run: Run) -> None:
    """Remove the trainings on parts of the pictures, once what they said is kept."""
    run.sub(FOLDS).discard()


def mend_list(
    run: Run | str | Path, path: Path | str, *, folds: int | None = None, progress: Progress = TO_LOG
) -> LabelErrors:
    """Look for wrong labels, write the list to mend, and the report anew.

    Args:
        run: finished, or its folder.
        path: where to write the list, a CSV; once it is filled in, ``train`` takes it as ``data.labels``. Corrections
            that a list there already has for these pictures are kept.
        folds: how many trainings, each without a part of the training pictures, judge these, too; none where None.
        progress: is told of everything.

    Raises:
        UnwritableError: the list cannot be written there; that is said before anything is looked for.
        DataError: what stands there is no such list, or one of other pictures.
        RunBusyError: another process is working on the run.
    """
    run, path = run if isinstance(run, Run) else Run.open(run), expanded(path)
    check_list(run, path)
    run.load("evaluation")  # of what is no run of its own, or has not ended, before anything is looked at
    with run.locked():
        own = OwnPictures.reopened(run, Classifier.load(run.path), progress=progress)
        mended = with_known_ids(own.dataset, read_label_list(run.path / LABELS) if run.has(LABELS) else {})
        filled = filled_in(path, own.dataset, mended=mended, progress=progress)
        found = _searched(run, folds=folds, own=own, progress=progress)
        found.write(path, mended=mended | filled)
        if folds is not None:
            _forget_folds(run)
        keep_thumbnails(run, own.dataset)
        write_reports(run)
    return found


def check_list(run: Run, path: Path) -> None:
    """Say at once where a list of labels could not be written later, or would replace the one that the run keeps.

    Raises:
        TargetExistsError: it is the list that the run was trained with.
        UnwritableError: permissions, or a full disk.
    """
    check_writable(path)
    if run.has(LABELS) and expanded(path).resolve() == (run.path / LABELS).resolve():
        raise TargetExistsError(f"{str(path)!r} is the list that the run was trained with: name another")


def filled_in(
    path: Path | str, dataset: Dataset, *, mended: Mapping[str, Mended], progress: Progress = TO_LOG
) -> dict[str, Mended]:
    """Return what a person has filled in in a list that stands at a path, so that it is not lost when it is replaced.

    Args:
        path: of a list, or where none stands yet.
        dataset: the run's pictures, with the labels that they were trained with.
        mended: the list that the run was trained with.
        progress: is told what is kept, and what not: where a picture has another label now than the list was made for.

    Raises:
        DataError: what stands there is no list of labels, or one of other pictures.
    """
    path = expanded(path)
    if not is_file(path) or not path.stat().st_size:
        return {}
    try:
        found = with_known_ids(dataset, read_label_list(path))
        header, _ = read_csv(path, what="list of labels", absent="")
        if more := [name for name in header if name and name.casefold() not in LABEL_LIST]:
            raise DataError(f"{str(path)!r} has a column {more[0]!r}, which no list of labels has")
    except DataError as error:
        raise DataError(f"{error}; it would be replaced: choose another file for the list") from None
    rows = positions_of(dataset.ids, list(found)).tolist()
    now = {one: dataset.label_name(row) for one, row in zip(found, rows, strict=True) if row >= 0}
    if strange := [one for one in found if one not in now and one not in mended]:
        raise DataError(
            f"{str(path)!r} is a list of other pictures, such as {strange[0]!r}, and would be replaced: choose another "
            "file for the list"
        )
    kept = {}
    for one, what in found.items():
        given = mended[one].given if one in mended else now[one]
        if what.given in (None, given, now.get(one)):
            kept[one] = Mended(what.label, what.given or given)
    if kept:
        progress.say(f"kept: {counted(len(kept), 'label')} that {str(path)!r} has filled in")
    if len(kept) < len(found):
        gone = counted(len(found) - len(kept), "label")
        progress.warn(f"{gone} of {str(path)!r} left out: their pictures have another label now than it was made for")
    return kept


def label_free_features(
    run: Run, own: OwnPictures, classifier: Classifier, used: NDArray[np.int64], *, progress: Progress = TO_LOG
) -> NDArray[np.float32]:
    """Return features of pictures that no label has had a part in, float32 (n, at most 64)."""
    if run.recipe.training.transfer in BODY_STAYS:
        net, spec = classifier.net, classifier.preprocessing
        file = features_file(own.folder, weights_digest(net, spec))
        with on_device(net, own.device):
            features = embed_pixels(
                net, own.pixels, spec, rows=used, cache=file, threads=own.threads, progress=progress
            )
        components = Components(features[used[_spread(len(used))]])
        blocks = (used[start : start + ROWS] for start in range(0, len(used), ROWS))
        return np.concatenate([components.project(features[some]) for some in blocks])
    components = Components(np.concatenate(list(_edges(own, used[_spread(len(used))]))))
    parts = []
    with progress.task("comparing the pictures", total=len(used)):
        for edges in _edges(own, used):
            parts.append(components.project(edges))
            progress.advance(len(edges))
    return np.concatenate(parts)


def _edges(own: OwnPictures, rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    for pixels in by_block(own.pixels, rows):
        yield extract(pixels, "hog", jobs=usable_processors())


def _spread(count: int, *, most: int = SAMPLE) -> NDArray[np.int64]:
    """Return some of so many positions, evenly."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def out_of_fold(run: Run, own: OwnPictures, *, folds: int, progress: Progress = TO_LOG) -> Predictions:
    """Return what networks that were trained without each training picture, and its copies, say of it, calibrated.

    Each fold is a training of the run's own recipe, with half of its epochs, below ``label-folds`` in the run; one
    that was stopped goes on. They stay until what they say is kept.
    """
    prepared = prepare(run, own.dataset, recipe=on_other_device(run.recipe, own.device), progress=Mute())
    recipe = half_as_long(prepared.recipe)
    train, labels = own.splits.train, own.dataset.labels
    together = belonging(own.dataset, together=prepared.audit.repeats.family)
    parts = []
    for number, fold in enumerate(
        make_folds(labels[train], folds=folds, groups=None if together is None else together[train]), start=1
    ):
        progress.say(f"fold {number} of {folds}: {len(fold.train):,} pictures train, {len(fold.held_out):,} are judged")
        splits = Splits(train[fold.train], own.splits.validation, train[fold.held_out])
        part = dataclasses.replace(fold_of(prepared, splits), recipe=recipe)
        folder = run.sub(f"{FOLDS}/{number}-of-{folds}")
        learned = learn(folder, part, novelty=False, progress=Quiet(progress, name=f"fold {number}"))
        if learned.pressed:
            raise KeyboardInterrupt
        parts.append(learned.calibrated("test"))
    return Predictions.join(parts)


def on_other_device(recipe: Recipe, device: torch.device) -> Recipe:
    """Return a recipe for the device that is here, where it was made on a machine with another one."""
    precision = bearable_precision(recipe.training.precision, device)
    return recipe.changed(training={"device": device.type, "precision": precision})


def half_as_long(recipe: Recipe) -> Recipe:
    """Return a recipe with half of the epochs: enough to name what is clear, too few to learn labels by heart."""
    if recipe.training.epochs is None or recipe.training.transfer == "features":
        return recipe
    epochs, steps = max(1, round(recipe.training.epochs / 2)), recipe.training.steps_per_epoch
    if isinstance(steps, tuple):  # fitted to a time: of each epoch the mean
        steps = max(1, round(sum(steps) / len(steps)))
    return recipe.changed(training={"epochs": epochs, "steps_per_epoch": steps})
