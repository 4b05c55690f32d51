"""From a source to everything that training needs: read, split, audited, with every choice made."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ClassMismatchError, DataError, LeakError, RecipeError, RunCorruptError
from ..files import expanded, is_file
from ..images import open_dataset
from ..images.audit import Audit, audit, drop_leaks, repeats_of
from ..images.cache import Scan
from ..images.dataset import BLOCK, Dataset, Splits
from ..images.preprocessing import Preprocessing
from ..images.reading import facts_of_some
from ..images.sources.base import is_bundled
from ..images.sources.classes import twins_of
from ..images.split import TEST_FRACTION, VALIDATION_FRACTION, split
from ..images.split_ids import from_ids, read_ids, write_ids
from ..progress import TO_LOG, Progress
from ..recipe import DataRecipe, Recipe
from ..run import Run
from ..wording import counted

LABELS = "labels.csv"
"""In the run folder: the list of mended labels that it was made with."""

SAMPLE = 200
"""Pictures that are looked at before the size is decided."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Pictures that can be trained on.

    Attributes:
        dataset: all of them, unreadable ones included.
        splits: positions of readable ones, leaks dropped where the recipe says so.
        audit: what is wrong with them.
        pixels: uint8 (N, H, W, C), resized, memory-mapped.
        recipe: with nothing open.
        preprocessing: with the mean and deviation that the network expects.
        pixel_file: where the pixels lie: its folder's name tells pictures and size apart.
        leaks: how many were found, the recipe's answer, and how many pictures were dropped for it.
        facts: (N,) rows of FACTS, memory-mapped.
    """

    dataset: Dataset
    splits: Splits
    audit: Audit
    pixels: NDArray[np.uint8]
    recipe: Recipe
    preprocessing: Preprocessing
    pixel_file: Path
    leaks: dict[str, Any]
    facts: NDArray[np.void]


def absolute_source(source: str | Path) -> str:
    """Return a path as it can be found from any folder, its links not followed; a bundled name stays as it is."""
    path = expanded(source)
    there = os.path.exists(path)  # noqa: PTH110 (a name that no system takes is none)
    return os.path.abspath(path) if there else str(source)  # noqa: PTH100 (resolve() follows links)


def with_absolute_paths(recipe: Recipe, source: str | Path | None = None) -> Recipe:
    """Return a recipe whose paths are found from any folder.

    Args:
        recipe: whose bundled name is no folder of that name.
        source: what is typed in place of the recipe's own, where a folder of a bundled name is that folder.
    """
    if source is None and recipe.data.source is not None and not is_bundled(recipe.data.source):
        source = recipe.data.source
    if source is not None:
        recipe = recipe.changed(data={"source": absolute_source(source)})
    if recipe.data.labels is not None:
        recipe = recipe.changed(data={"labels": absolute_source(recipe.data.labels)})
    if recipe.net.weights is not None:
        from ..nets.weights.locate import absolute_weights

        recipe = recipe.changed(net={"weights": absolute_weights(recipe.net.weights)})
    return recipe


def with_kept_labels(recipe: Recipe, folder: Path) -> Recipe:
    """Return a run's recipe with the list of labels that its folder keeps: the one it was made from may have grown."""
    if recipe.data.labels is None or not is_file(folder / LABELS):
        return recipe
    return recipe.changed(data={"labels": str(folder / LABELS)})


def open_source(data: DataRecipe) -> Dataset:
    """Open the recipe's pictures, with mended labels where it has a list; raises RecipeError where it names none."""
    if data.source is None:
        raise RecipeError("the recipe names no pictures: give a folder, an archive, a table or a bundled name")
    # Of paths that exist a run keeps absolute ones: a bundled name means no folder that is called so.
    named = is_bundled(data.source)
    dataset = open_dataset(data.source, group_by=data.group_by, by_name=named, **data.source_options)
    dataset = on_background(dataset, data.background)
    if data.labels is None:
        return dataset
    from ..evaluation import read_label_list, relabelled

    return relabelled(dataset, read_label_list(data.labels), name=repr(Path(data.labels).name))


def on_background(dataset: Dataset, background: int | tuple[int, int, int]) -> Dataset:
    """Return the same pictures with another background under transparency; as they are where it is the usual one."""
    if background == DataRecipe().background:
        return dataset
    return dataclasses.replace(dataset, images=dataset.images.with_background(background))


def open_run_source(run: Run) -> Dataset:
    """Open a run's pictures again, with the list of labels that the run itself keeps."""
    return open_source(with_kept_labels(run.recipe, run.path).data)


def prepare(run: Run, dataset: Dataset, *, recipe: Recipe | None = None, progress: Progress = TO_LOG) -> Prepared:
    """Read, split and audit the pictures, stop at leaks, and make every choice that the run's recipe leaves open.

    Args:
        run: its recipe is resolved; a resumed run's splits are taken as they are.
        dataset: what ``open_source`` opened.
        recipe: in place of the run's own, which stays: such as one for another device.
        progress: is told of each step and each choice.

    Raises:
        DataError: unreadable pictures that cannot be left out, or pictures that changed since the run began.
        LeakError: pictures stand in two splits, and the recipe does not say what to do about it.
    """
    facts = sample_facts(dataset)
    from ..defaults import choose_training, preprocessing_of  # torch: not before the pictures are known to be there
    from .start import begin, settle

    start = begin(recipe or run.recipe, dataset, facts)
    data = start.recipe.data
    fresh = not run.has("data.json")
    scanned = start.scan(dataset, look=not run.has("training.json"), retry=fresh, progress=progress)
    check_same_pictures(run, dataset, scanned)
    readable = readable_pictures(dataset, scanned, strict=data.strict)
    repeats = repeats_of(dataset, scanned, progress=progress)
    splits = load_or_make_splits(run, dataset, data, readable=readable, together=repeats.family)
    found = audit(dataset, splits=splits, scan=scanned, repeats=repeats)
    kept = answer_leaks(splits, found, answer=data.leaks, progress=progress)
    dropped = sum(len(splits[name]) - len(kept[name]) for name in splits)
    between = dict(Counter("-".join(leak.splits) for leak in found.leaks))
    leaks = {"found": len(found.leaks), "between": between, "answer": data.leaks, "dropped": dropped}
    splits = kept
    say_findings(dataset, found, progress=progress)
    check_all_train(dataset, splits)

    start, scanned = settle(start, dataset, splits.train, scanned, together=repeats.family, progress=progress)
    resolved, more = choose_training(
        start.recipe, kind=found.kind.name, pictures=len(splits.train), classes=len(dataset.class_names)
    )
    choices = [*start.choices, *more]
    for choice in choices:
        settled = (choice.field, choice.value) != ("training.transfer", "features") or not run.has("time.json")
        if settled:  # else a time may allow for more, which is said when it is planned
            progress.say(str(choice))
    preprocessing = preprocessing_of(resolved.data, pixels=scanned.pixels, rows=splits.train, net=resolved.net)
    if run.has("splits.json"):  # what was dropped from them cannot be found a second time
        leaks = run.load("leaks")
    else:
        run.save("audit", found.to_dict())
        run.save("leaks", leaks)
        run.write("splits.json", lambda path: write_ids(path, dataset, splits))
    if not run.has("choices.json"):
        run.save("choices", [choice.to_dict() for choice in choices])
    if recipe is None:
        run.save_recipe(resolved)
    pixel_file = scanned.folder / "pixels.npy"
    return Prepared(
        dataset, splits, found, scanned.pixels, resolved, preprocessing, pixel_file, leaks, scanned.facts
    )  # fmt: skip


def check_all_train(dataset: Dataset, splits: Splits) -> None:
    """Raise ClassMismatchError where a class stands in validation or test alone: it could never be named."""
    trained = dataset.counts(splits.train)
    for split_name, positions in splits.items():
        counts = dataset.counts(positions)
        strangers = [name for name in counts if counts[name] and not trained[name]]
        if strangers:
            twins = {name: one for several in twins_of(trained) for one in several if trained[one] for name in several}
            named = [repr(name) + (f" (train has {twins[name]!r})" if name in twins else "") for name in strangers[:5]]
            shown = ", ".join(named) + (" and more" if len(strangers) > 5 else "")
            raise ClassMismatchError(
                f"the {split_name} pictures have classes that no training picture has, so that they could never be "
                f"named right: {shown}: add training pictures of them, or take them out of {split_name}"
            )


def say_findings(dataset: Dataset, found: Audit, *, progress: Progress) -> None:
    """Say what the source left out and what the audit warns of; the report has all of it."""
    for note in dataset.notes:
        progress.say(note)
    for finding in found.findings:
        if finding.severity == "warning":
            progress.warn(finding.sentence)


def check_same_pictures(run: Run, dataset: Dataset, scanned: Scan) -> None:
    """Write down which pictures a new run has; raise RunCorruptError where a resumed run's or their labels changed.

    What counts is what the pictures are, not where they lie: a folder that was moved or copied is the same.
    """
    fingerprint = content_fingerprint(dataset, scanned)
    if not run.has("data.json"):
        run.save("data", {"source": run.recipe.data.source, "pictures": len(dataset), "fingerprint": fingerprint})
    elif run.load("data")["fingerprint"] != fingerprint:
        raise RunCorruptError(
            f"the pictures in {run.recipe.data.source!r}, or their labels, have changed since {run.name!r} began (or "
            "some could not be read then), so that going on would give neither the old result nor the new one: train "
            "again"
        )


def check_same_again(dataset: Dataset, scanned: Scan, *, digests: NDArray[np.void]) -> None:
    """Raise DataError where a further pass, such as at another size, did not find what an earlier one had.

    Args:
        dataset: N pictures.
        scanned: the further pass.
        digests: (N,) of the earlier one's facts; pictures without one could not be read then, and do not count.
    """
    changed = np.flatnonzero((scanned.facts["digest"] != digests) & (digests != np.zeros((), digests.dtype)))
    if len(changed):
        first = int(changed[0])
        raise DataError(
            f"{counted(len(changed), 'picture')} in {dataset.name!r} changed while they were worked on, the first is "
            f"{str(dataset.ids[first])!r} ({scanned.problems.get(first, 'it has other bytes now')}): leave them as "
            "they are, and try again"
        )


def content_fingerprint(dataset: Dataset, scanned: Scan) -> str:
    """Return a hash of the pictures' ids, labels and bytes, as the scan has seen them, and of the class names."""
    digest = hashlib.blake2b("\0".join(dataset.class_names).encode(errors="surrogatepass"), digest_size=16)
    digest.update(dataset.labels.tobytes())
    for start in range(0, len(dataset), BLOCK):
        some = slice(start, start + BLOCK)
        digest.update("\0".join(dataset.ids[some].tolist()).encode())
        digest.update(scanned.facts["digest"][some].tobytes())
    return digest.hexdigest()


def sample_facts(dataset: Dataset) -> NDArray[np.void]:
    """Return the facts of some readable pictures, evenly spaced; raises DataError where none is readable."""
    if not len(dataset):
        raise DataError(f"none of the pictures looked at in {dataset.name!r} can be read; there are none")
    at = np.unique(np.linspace(0, len(dataset) - 1, SAMPLE).astype(np.int64))
    facts, problem = facts_of_some(dataset.images, at)
    if problem is not None and not len(facts):
        reason = f"{dataset.ids[problem.position]}: {problem.reason}"
        raise DataError(f"none of the pictures looked at in {dataset.name!r} can be read; {reason}")
    return facts


def readable_pictures(dataset: Dataset, scanned: Scan, *, strict: bool) -> NDArray[np.int64]:
    """Return the positions of the readable pictures.

    Raises:
        DataError: a picture is unreadable and ``strict``.
        ClassMismatchError: a class vanishes with its unreadable pictures.
    """
    if scanned.problems and strict:
        index, reason = next(iter(scanned.problems.items()))
        raise DataError(
            f"{counted(len(scanned.problems), 'picture')} cannot be read, the first is {str(dataset.ids[index])!r}: "
            f"{reason} (without --strict they are left out)"
        )
    readable = np.flatnonzero(scanned.facts["readable"])
    before, after = dataset.counts(), dataset.counts(readable)
    lost = [name for name in before if before[name] and not after[name]]
    if lost:
        shown = ", ".join(repr(name) for name in lost[:5])
        raise ClassMismatchError(
            f"no picture of {shown} can be read, so that the class would vanish: mend the pictures "
            "(tellapart inspect lists them with reasons) or remove the class"
        )
    return readable


def load_or_make_splits(
    run: Run, dataset: Dataset, data: DataRecipe, *, readable: NDArray[np.int64], together: NDArray[np.int64]
) -> Splits:
    """Return a resumed run's splits, else new ones, as positions in ``dataset``.

    Args:
        run: with splits.json where it is resumed.
        dataset: all pictures.
        data: fractions and seed.
        readable: positions of the pictures that may be used.
        together: (N,) pictures with equal numbers show the same, and are kept on one side of a split that is made.
    """
    if run.has("splits.json"):
        return from_ids(dataset, read_ids(run.path / "splits.json"))
    fractions = _fractions(dataset, data)
    made = split(
        dataset if len(readable) == len(dataset) else dataset.select(readable),
        validation_fraction=fractions["validation"],
        test_fraction=fractions["test"],
        seed=data.split_seed,
        together=together[readable],
    )
    return Splits(**{name: readable[positions] for name, positions in made.items()}, notes=made.notes)


def _fractions(dataset: Dataset, data: DataRecipe) -> dict[str, float]:
    """Return the share of each split that is made; raises RecipeError where the source brings one that was set."""
    brought = set() if dataset.given_split is None else set(np.unique(dataset.given_split).tolist())
    usual = {"validation": VALIDATION_FRACTION, "test": TEST_FRACTION}
    set_ = {"validation": data.validation_fraction, "test": data.test_fraction}
    for name, fraction in set_.items():
        if fraction is not None and name in brought:
            raise RecipeError(
                f"{name}_fraction = {fraction:g} would be ignored: {dataset.name!r} brings its own {name} pictures; "
                "drop the setting"
            )
    if data.split_seed and brought.issuperset(set_):
        raise RecipeError(
            f"split_seed = {data.split_seed} would be ignored: {dataset.name!r} brings its validation and test "
            "pictures; drop the setting"
        )
    return {name: usual[name] if fraction is None else fraction for name, fraction in set_.items()}


def answer_leaks(splits: Splits, found: Audit, *, answer: str, progress: Progress) -> Splits:
    """Do what the recipe says about pictures that stand in two splits.

    Raises:
        LeakError: there are some, and it says stop.
    """
    if not found.leaks:
        return splits
    sentence = found.leak_sentence()
    if answer == "stop":
        raise LeakError(
            f"{sentence}. A test on pictures that were trained on proves nothing: remove them with --drop-leaks, "
            "or keep them with --allow-leaks (tellapart inspect shows them)"
        )
    if answer == "allow":
        progress.warn(f"{sentence}: allowed, and the report says so")
        return splits
    kept = drop_leaks(splits, found)
    for name, other in (("train", "test"), ("validation", "validation")):
        if len(splits[name]) and not len(kept[name]):
            raise LeakError(
                f"{sentence}, and --drop-leaks would leave no {name} pictures: each is a copy. Take the {other} "
                "pictures out of the source, and a part of the training pictures takes their place"
            )
    gone = sum(len(splits[name]) - len(kept[name]) for name in splits)
    progress.warn(f"{sentence}: {counted(gone, 'picture')} taken out of train and validation")
    return kept
