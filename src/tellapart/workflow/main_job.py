"""The main job: audit, split, baselines, network, evaluation, report."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..commands import to_find_labels, to_resume
from ..errors import (
    DivergedError,
    NetError,
    ProcessLostError,
    RecipeError,
    RunError,
    TellapartError,
    TrainingError,
)
from ..evaluation import evaluate
from ..files import expanded, is_folder
from ..images.dataset import Dataset
from ..progress import TO_LOG, Progress, Quiet
from ..recipe import Recipe
from ..registry import loaded_plugins
from ..run import Run
from .external import with_external
from .folds import cross_validate, fold_splits
from .label_errors import (
    LISTED,
    find_run_label_errors,
    has_memory_to_search,
    label_search_seconds,
    looks_for_labels,
)
from .learn import Learned, baseline_of, learn, model_digest
from .near_training import keep_own_near_training, near_training_seconds
from .own_pictures import OwnPictures
from .prepare import LABELS, Prepared, open_run_source, open_source, prepare, with_absolute_paths
from .statistics import keep_statistics
from .team import Team, take_part
from .thumbnails import keep_thumbnails
from .time_plan import Deadline, baseline_in_time, in_time, keep_pacing, page_seconds


def train(
    source: str | Path | None = None,
    recipe: Recipe | None = None,
    *,
    out: str | Path | None = None,
    seconds: float | None = None,
    started: float | None = None,
    devices: int | None = None,
    explain: bool = True,
    progress: Progress = TO_LOG,
) -> Run:
    """Train a classifier on labelled pictures, with baselines beside it and a report of everything.

    Args:
        source: a folder, an archive, a table, an array file or a bundled name; the recipe's where None.
        recipe: every choice; what it leaves open is decided from the pictures.
        out: the run folder; a new one below ``runs/`` where None.
        seconds: how long all of it may take: the network's width and epochs are fitted to it, and a pretrained network
            is fine-tuned in it.
        started: the value of ``time.monotonic()`` from which those seconds count, such as the program's start; that of
            this call where None.
        devices: how many devices of this machine to train on, one process each. Where None, the processes that
            torchrun or SLURM started, else one. All processes but the first end inside this call.
        explain: whether the training pictures nearest to each mistake, and wrong labels, are looked for at the end.
        progress: is told of everything.

    Returns:
        the run: its ``path`` holds the model and ``report.html``.

    Raises:
        TellapartError: with one sentence that says what to do; nothing half-written stays.

    Example:
        >>> import tempfile
        >>> from tellapart import Recipe
        >>> recipe = Recipe.make(net={"name": "softmax"}, training={"epochs": 3}, baselines=[])
        >>> run = train("digits", recipe, out=tempfile.mkdtemp())
        >>> run.status["state"], len(run.history)
        ('done', 3)
    """
    started = time.monotonic() if started is None else started
    recipe = with_absolute_paths(recipe or Recipe(), source)
    if seconds is not None and not 0 < seconds < math.inf:
        raise RecipeError(f"a time must be a finite number of seconds above 0, got {seconds:g}")
    if seconds is not None and recipe.training.epochs is not None:
        raise RecipeError(f"epochs = {recipe.training.epochs} contradicts a time of {seconds:g} s: give one of them")
    if seconds is not None and recipe.folds is not None:
        raise RecipeError(
            f"folds = {recipe.folds} contradicts a time of {seconds:g} s, which is for one training: give epochs in "
            "place of a time"
        )
    take_part(recipe.training.device)
    with Team(devices, device=recipe.training.device, progress=progress) as team:
        dataset = open_source(recipe.data)
        check_nets(recipe, classes=len(dataset.class_names), progress=progress)
        run = Run.create(out, recipe) if out else Run.create_below("runs", dataset.name, recipe)
        with _status_kept(run, fresh=True, progress=progress):
            if recipe.data.labels is not None:
                run.write(LABELS, lambda path: shutil.copyfile(str(recipe.data.labels), path))
            if seconds is not None:
                run.save("time", {"seconds": seconds, "fitted": False})
        return _main_job(run, dataset, team=team, fresh=True, started=started, explain=explain, progress=progress)


def check_nets(recipe: Recipe, *, classes: int | None = None, progress: Progress = TO_LOG) -> None:
    """Find the recipe's device, networks and weights before anything is read, and what they do not allow.

    Args:
        recipe: as it was given.
        classes: how many, where it is known.
        progress: is told of a download.

    Raises:
        RecipeError: there is no such device, a network has no such option or stage, or a setting is for other devices
            or numbers of classes.
        UnknownNameError: there is no network of a name.
        ModelFileError: there are no such weights.
    """
    from ..defaults.pretrained import BACKBONE, check_auxiliary, check_moving
    from ..defaults.training import check_classes, check_precision
    from ..nets import nets
    from ..nets.base import check_net
    from ..nets.weights.load import check_names, check_published
    from ..nets.weights.locate import find_weights
    from ..runtime import choose_device

    choose_device(recipe.training.device)
    check_precision(recipe.training)
    if classes is not None:
        check_classes(recipe, classes)
    for name in recipe.baselines:
        nets.get(name)
    if recipe.net.name != "auto":
        check_net(recipe.net.name, options=recipe.net.options, image_size=recipe.data.image_size)
        if recipe.net.weights != "none":
            check_auxiliary(recipe, transfer=recipe.training.transfer)
        wanted = recipe.net.weights
        if wanted is None and recipe.training.transfer != "none" and nets.get(recipe.net.name).published is not None:
            wanted = "imagenet"
        if wanted == "imagenet":
            check_published(recipe.net.name, variant=recipe.net.options.get("variant"))
        if wanted is not None:
            find_weights(recipe.net.name, where=wanted, progress=progress)
    else:
        if not recipe.net.options.keys() <= nets.get(BACKBONE).options.keys():
            check_net("compact", options=recipe.net.options, image_size=recipe.data.image_size)
        if recipe.net.weights is not None:  # they are the pretrained network's, whatever the pictures are
            check_names(BACKBONE, where=recipe.net.weights, progress=progress)
    check_moving(recipe)


def resume(path: str | Path, *, devices: int | None = None, explain: bool = True, progress: Progress = TO_LOG) -> Run:
    """Go on with a run that was killed or interrupted, to the result that it would have had.

    Args:
        path: the run folder.
        devices: as for ``train``; not necessarily those that it began with.
        explain: as for ``train``.
        progress: is told of everything.

    Raises:
        RunNotFoundError: there is no run.
        RunCorruptError: its files are damaged, or its pictures have changed.
    """
    from ..report import write_report

    device = Run.open(path).recipe.training.device if is_folder(expanded(path)) else "auto"
    take_part(device)  # on another machine, which may not see the folder
    run = Run.open(path)
    with Team(devices, device=device, progress=progress) as team:
        if run.status["state"] == "done" and _has_all(run):
            with contextlib.suppress(RunError), run.locked():
                pass  # what a process that was killed at its very end has left of its lock goes
            if not run.has("report.html"):  # killed at the very end
                write_report(run)
            progress.say(f"{run.name} is done already; its report is {run.path / 'report.html'}")
            return run
        dataset, started = open_run_source(run), time.monotonic()
        return _main_job(run, dataset, team=team, started=started, explain=explain, progress=progress)


def _has_all(run: Run) -> bool:
    """Return whether nothing of what a training leaves was taken out of a run since."""
    if not all(map(run.has, ("model.safetensors", "training.json", "evaluation.json", "splits.json"))):
        return False
    return all(run.has(f"predictions/{name}.npz") for name in run.load("evaluation")["splits"])


def _main_job(
    run: Run, dataset: Dataset, *, team: Team, fresh: bool = False, started: float, explain: bool, progress: Progress
) -> Run:
    from ..report import write_report

    with run.locked(), _status_kept(run, fresh=fresh, progress=progress):
        run.clear_unfinished()
        deadline = Deadline.of(run, started=started)
        prepared = prepare(run, dataset, progress=progress)
        folds = fold_splits(prepared, progress=progress) if prepared.recipe.folds else []
        team.start(prepared.recipe, run)
        _save_environment(run, prepared, processes=team.count if _trains_in_epochs(prepared.recipe, deadline) else 1)
        baselines = _learn_baselines(run, prepared, deadline=deadline, progress=progress)
        devices = team.plan(prepared.recipe)
        prepared, pacer = in_time(run, prepared, deadline=deadline, explain=explain, devices=devices, progress=progress)
        learned = learn(run, prepared, team=team, pacer=pacer, progress=progress)
        keep_pacing(run, progress=progress)
        prepared = dataclasses.replace(prepared, recipe=run.recipe)  # with the learning rate, where one was found
        figures = {"model": model_digest(run), **evaluate_all(prepared, learned, baselines)}
        run.save("evaluation", with_external(run, figures, progress=progress))
        if explain and not learned.interrupted:
            _explain_mistakes(run, prepared, learned, deadline=deadline, progress=progress)
        keep_thumbnails(run, dataset)
        keep_statistics(run, prepared)
        run.stop_asked = learned.pressed
        if folds and not learned.interrupted:
            write_report(run)  # a fold that fails or is stopped costs nobody what is known by now
            if learned.pressed:
                raise KeyboardInterrupt
            if team.count > 1:
                progress.say("the folds train on one device, one after the other")
            cross_validate(run, prepared, folds, progress=progress)
        run.forget("report.html")  # a kill between here and the page must not leave the one before
        run.mark("interrupted" if learned.interrupted else "done")  # before the page, which says when that was
        write_report(run)
    if learned.interrupted:
        progress.warn(_to_go_on(run))
    return run


def evaluate_all(prepared: Prepared, learned: Learned, baselines: Mapping[str, Learned]) -> dict[str, Any]:
    """Return evaluation.json: every figure, by split, of the network and of its baselines."""
    counts = prepared.dataset.counts(prepared.splits.train)
    majority = max(counts, key=lambda name: counts[name])

    def figures(one: Learned) -> dict[str, Any]:
        temperature = one.classifier.description.temperature
        return {
            name: evaluate(part, temperature=temperature, majority_class=majority).to_dict()
            for name, part in one.predictions.items()
        }

    return {
        "temperature": learned.classifier.description.temperature,
        "splits": figures(learned),
        "baselines": {name: figures(baseline) for name, baseline in baselines.items()},
        "leaks": prepared.leaks,
    }


def _learn_baselines(run: Run, prepared: Prepared, *, deadline: Deadline, progress: Progress) -> dict[str, Learned]:
    """Train each baseline; one that cannot be trained is said and left out, as it is not what was asked for."""
    found, names = {}, prepared.recipe.baselines
    for name in names:
        quiet = Quiet(progress, name=f"baseline {name}")
        try:
            inner = run.sub(f"baselines/{name}")
            baseline = baseline_in_time(inner, baseline_of(prepared, name), deadline=deadline, of=len(names))
            learned = learn(inner, baseline, novelty=False, progress=quiet)
        except (NetError, TrainingError) as error:
            progress.warn(f"the baseline {name} is left out: {error}")
            continue
        if learned.pressed:
            raise KeyboardInterrupt
        found[name] = learned
    return found


def _explain_mistakes(
    run: Run, prepared: Prepared, learned: Learned, *, deadline: Deadline, progress: Progress
) -> None:
    """Find what is most like each mistake and, where the pictures are few, the labels that are likely wrong."""
    own, timed = OwnPictures.of(prepared), math.isfinite(deadline.end)
    page = page_seconds(prepared, labels=looks_for_labels(own)) if timed else 0.0
    left = deadline.left - page
    if timed and left < near_training_seconds(own, learned.classifier, learned.predictions, within=left):
        progress.say("what is most like each mistake: not looked for, for want of time")
    else:
        keep_own_near_training(run, own, learned.classifier, learned.predictions, progress=progress)
    if not looks_for_labels(own):
        return
    late = timed and deadline.left - page < label_search_seconds(own, prepared.recipe)
    if late or not has_memory_to_search(own):
        command = to_find_labels(run.path, "FILE.csv")
        progress.say(f"labels: not looked through, for want of {'time' if late else 'memory'}: {command} does it")
        return
    progress.say(f"labels: {find_run_label_errors(run, own=own, progress=progress).likeliest(LISTED)}")


def _trains_in_epochs(recipe: Recipe, deadline: Deadline) -> bool:
    """Return whether a network is trained in epochs: features alone may be fine-tuned in a given time."""
    return recipe.training.transfer != "features" or math.isfinite(deadline.end)


def _save_environment(run: Run, prepared: Prepared, *, processes: int) -> None:
    from ..runtime import describe

    if not run.has("environment.json"):
        training = prepared.recipe.training
        run.save(
            "environment",
            {
                **describe(),
                "threads": training.threads,
                "processes": processes,
                "seed": training.seed,
                "weights": _weights_digest(prepared),
                "plugins": {str(path): _sha256(path) for path in loaded_plugins},
                "data": run.load("data"),
            },
        )


def _to_go_on(run: Run) -> str:
    return f"to go on: {to_resume(run.path)}"


def _weights_digest(prepared: Prepared) -> str | None:
    """Return the SHA-256 of the weights that the training begins with; None where these are random."""
    from ..nets.weights import find_weights

    file = find_weights(prepared.recipe.net.name, where=prepared.recipe.net.weights or "none")
    return None if file is None else _sha256(file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _status_kept(run: Run, *, fresh: bool, progress: Progress) -> Iterator[None]:
    """Mark the run as running; where it fails, say why, or remove it if it is fresh and nothing was trained yet."""
    run.mark("running")
    try:
        yield
    except KeyboardInterrupt:
        run.mark("interrupted", "stopped by Ctrl-C")
        progress.warn(_to_go_on(run))
        raise
    except TellapartError as error:
        begun = run.has("history.jsonl") or run.has("training.json")  # the run's own; a baseline alone is no loss
        if not fresh or isinstance(error, ProcessLostError | DivergedError) or begun:
            with contextlib.suppress(RunError):
                run.mark("failed", str(error))
            if isinstance(error, ProcessLostError):
                progress.warn(_to_go_on(run))
        else:
            run.discard()
        raise
    except Exception as error:
        with contextlib.suppress(RunError):
            run.mark("failed", f"{type(error).__name__}: {error}")
        raise
