"""Cross-validation beside a run: every picture that is not in the test set is held out once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import RecipeError
from ..evaluation import Evaluation, Predictions, evaluate, make_folds, summarize_folds, thin_classes
from ..images.dataset import Splits
from ..images.split import VALIDATION_FRACTION, belonging, split
from ..progress import TO_LOG, Progress, Quiet
from ..run import OUT_OF_FOLD, Run
from .learn import learn
from .prepare import Prepared

SUMMARIZED = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "brier")


def fold_splits(prepared: Prepared, *, progress: Progress = TO_LOG) -> list[Splits]:
    """Divide the pictures that are not in the test set into folds, stratified, groups and copies whole.

    What is held out stands in ``test``. Of the others the recipe's share validates, as in the run itself: what is held
    out chooses no epoch and fits no temperature.

    Args:
        prepared: its recipe says how many folds.
        progress: is told of classes that are thin for so many.

    Raises:
        RecipeError: the source brings its validation pictures.
        SplitError: there are more folds than groups, or than pictures of the largest class.
    """
    recipe, dataset = prepared.recipe, prepared.dataset
    folds = recipe.folds or 0
    if dataset.given_split is not None and bool((dataset.given_split == "validation").any()):
        raise RecipeError(
            f"folds = {folds} contradicts {dataset.name!r}, which brings its own validation pictures: drop the "
            "setting, or put these pictures among those that train"
        )
    pool = np.sort(np.concatenate([prepared.splits.train, prepared.splits.validation]))
    labels = dataset.labels[pool]
    together = belonging(dataset, together=prepared.audit.repeats.family)
    parts = make_folds(
        labels, folds=folds, groups=None if together is None else together[pool], seed=recipe.data.split_seed
    )
    for sentence in thin_classes(labels, parts, class_names=dataset.class_names):
        progress.warn(f"cross-validation: {sentence}")
    out = []
    for part in parts:
        rest = pool[part.train]
        inner = split(
            dataclasses.replace(dataset.select(rest), given_split=None),
            validation_fraction=recipe.data.validation_fraction or VALIDATION_FRACTION,
            test_fraction=0,
            seed=recipe.data.split_seed,
            together=None if together is None else together[rest],
        )
        out.append(Splits(rest[inner.train], rest[inner.validation], pool[part.held_out]))
    return out


def cross_validate(
    run: Run, prepared: Prepared, splits: list[Splits], *, progress: Progress = TO_LOG
) -> Mapping[str, Any]:
    """Train once for each fold, each in a folder of its own that can be resumed; write and return ``folds.json``.

    Args:
        run: its ``folds/`` hold the trainings, ``predictions/out-of-fold.npz`` what each says of what it held out.
        prepared: with the run's own recipe, which every fold shares.
        splits: what ``fold_splits`` made.
        progress: is told of each training.

    Raises:
        KeyboardInterrupt: a person stopped one.
        TrainingError: one cannot go on.
    """
    said: list[Predictions] = []
    temperatures: list[float] = []
    for number, own in enumerate(splits, start=1):
        quiet = Quiet(progress, name=f"fold {number} of {len(splits)}")
        found = learn(run.sub(f"folds/{number}"), fold_of(prepared, own), novelty=False, progress=quiet)
        if found.pressed:
            raise KeyboardInterrupt
        said.append(found.calibrated("test"))
        temperatures.append(found.classifier.description.temperature)
        del found  # with its network: a hundred folds of a large one are gigabytes
    joined = Predictions.join(said)
    run.write(f"predictions/{OUT_OF_FOLD}.npz", joined.save)
    document = _document(said, temperatures, joined=joined, splits=splits)
    run.save("folds", document)
    return document


def fold_of(prepared: Prepared, splits: Splits) -> Prepared:
    """Return the pictures as one fold trains on them: mean and deviation are its own training pictures', too."""
    from ..defaults import preprocessing_of

    recipe = prepared.recipe
    preprocessing = preprocessing_of(recipe.data, pixels=prepared.pixels, rows=splits.train, net=recipe.net)
    return dataclasses.replace(prepared, splits=splits, preprocessing=preprocessing)


def _document(
    said: list[Predictions], temperatures: list[float], *, joined: Predictions, splits: list[Splits]
) -> dict[str, Any]:
    whole = evaluate(joined)
    each = [evaluate(one) for one in said]
    ratio = float(np.mean([len(own.test) for own in splits]) / np.mean([len(own.train) for own in splits]))
    keys = [key for key in SUMMARIZED if key in whole.figures]
    return {
        "folds": len(splits),
        "pictures": len(joined),
        "level": whole.confidence_level,
        "figures": {
            key: summarize_folds([one[key] for one in each], pooled=whole[key], ratio=ratio).to_dict() for key in keys
        },
        "each": [
            _fold(own, one, temperature=temperature)
            for temperature, own, one in zip(temperatures, splits, each, strict=True)
        ],
        "evaluation": whole.to_dict(),
    }


def _fold(splits: Splits, found: Evaluation, *, temperature: float) -> dict[str, Any]:
    return {
        "train": len(splits.train),
        "validation": len(splits.validation),
        "held_out": len(splits.test),
        "temperature": temperature,
        "figures": {key: found[key].to_dict() for key in SUMMARIZED if key in found.figures},
    }
