"""One network, from its recipe to a model file with predictions: the same for the run's own and for baselines."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..classifier import Classifier, Description
from ..defaults import baseline_recipe
from ..errors import ModelFileError, RunCorruptError
from ..evaluation import Predictions, fit_temperature
from ..files import refused
from ..images.block_average import block_averaged
from ..images.split import belonging
from ..nets import Net
from ..nets.base import two_logits
from ..nets.weights import load_weights
from ..progress import TO_LOG, Mute, Progress
from ..recipe import BODY_STAYS, FURTHER, SIDES, Recipe
from ..run import Run
from ..runtime import bearable_precision, choose_device, tuned
from ..training import Pictures, Task, fit
from ..training.checkpoint import FILE as CHECKPOINT
from ..training.devices import on_device
from ..training.features import embed_pixels, features_file, kept_features, weights_digest
from ..training.initial import seeded_net
from ..training.last_layer import fit_head, set_head
from ..training.memory import check_memory
from ..training.pace import in_words, measure_pace
from ..training.pacing import Pacer
from ..training.transfer import stage_of
from ..training.validation import Scores, score_logits
from ..version import __version__
from ..wording import counted
from .held_out import PREDICTED, predict_held_out, predict_splits
from .learning_rate import with_found_rate
from .novelty import Embedded, learn_novelty
from .prepare import Prepared
from .team import Team


@dataclasses.dataclass(frozen=True)
class Learned:
    """A trained network and what it says of the validation and test pictures.

    Attributes:
        classifier: calibrated on validation.
        predictions: by split; a split without pictures is left out.
        interrupted: whether a person stopped it before its end.
        pressed: whether a person asked for that, be it too late, in its last epoch: nothing else is to be trained.
    """

    classifier: Classifier
    predictions: Mapping[str, Predictions]
    interrupted: bool = False
    pressed: bool = False

    def calibrated(self, split: str) -> Predictions:
        """Return what it says of a split, its temperature applied."""
        return self.predictions[split].calibrated(self.classifier.description.temperature)


def learn(
    run: Run,
    prepared: Prepared,
    *,
    novelty: bool = True,
    team: Team | None = None,
    pacer: Pacer | None = None,
    progress: Progress = TO_LOG,
) -> Learned:
    """Train the recipe's network and predict, or take up what the run folder has of it already.

    Args:
        run: where history, checkpoint, model and predictions go.
        prepared: its recipe, preprocessing and pixels are used.
        novelty: whether the model learns to tell pictures unlike anything in training; a baseline need not.
        team: that trains together, where there are several processes.
        pacer: fits the epochs to a time on the way.
        progress: is told of everything.
    """
    if is_trained(run):
        try:
            learned = _finished(run, prepared)
            run.forget(CHECKPOINT)  # killed in between, a checkpoint is left
            return learned
        except (ModelFileError, RunCorruptError) as error:
            if refused(error.__cause__):  # what took hours is not thrown away because a disk did not answer
                raise
            progress.warn(f"{error}: it is trained again, to the same weights")
            run.forget("training.json", "history.jsonl")
    description, task = describe(prepared), task_of(prepared)
    if prepared.recipe.training.transfer != "features":
        check_memory(prepared.recipe, task, devices=team.plan(prepared.recipe) if team else None)
    net = start_net(prepared.recipe, task, progress=progress)
    classifier, device = Classifier(net, description), choose_device(prepared.recipe.training.device)
    embedded: Embedded | None
    with tuned(prepared.recipe.training.threads):
        if prepared.recipe.training.transfer == "features":
            pressed = False
            outcome, predictions, embedded = _learn_head(net, prepared, progress=progress)
        else:
            outcome, pressed = _learn_in_epochs(run, net, prepared, team=team, pacer=pacer, progress=progress)
            # The test pictures are looked at once, when every choice is made: never in an interrupted training.
            wanted = PREDICTED[:1] if outcome["stopped"] == "interrupted" else PREDICTED
            with on_device(net, device):
                predictions, embedded = predict_held_out(
                    classifier, prepared, wanted, novelty=novelty, progress=progress
                )
        temperature = fit_temperature(predictions["validation"]).temperature
        with on_device(net, device):
            known = learn_novelty(classifier, prepared, embedded=embedded) if novelty else None
        classifier = Classifier(net, description.model_copy(update={"temperature": temperature}), known)
    run.write("model.safetensors", classifier.save)
    for name, part in predictions.items():
        run.write(f"predictions/{name}.npz", part.save)
    run.save("training", outcome)
    if outcome["stopped"] != "interrupted":
        run.settle("model.safetensors")
        run.forget(CHECKPOINT)
    return Learned(classifier, predictions, interrupted=outcome["stopped"] == "interrupted", pressed=pressed)


def describe(prepared: Prepared) -> Description:
    """Return the model's description, before it is calibrated."""
    recipe = prepared.recipe
    return Description(
        net=recipe.net.name,
        options=recipe.net.options,
        sigmoid=recipe.net.sigmoid,
        class_names=prepared.dataset.class_names,
        preprocessing=prepared.preprocessing,
        trained_with=__version__,
    )


def start_net(recipe: Recipe, task: Task, *, progress: Progress = TO_LOG) -> Net:
    """Build the network with its initial weights: random ones of the recipe's seed, or published ones."""
    net = seeded_net(recipe, classes=task.classes)
    if recipe.net.weights not in (None, "none"):
        loaded = load_weights(net, recipe.net.name, where=str(recipe.net.weights), progress=progress)
        stage = stage_of(net)
        random = any(stage[id(net.get_parameter(key))] == "neck" for key in loaded.fresh)
        if random and recipe.training.transfer in BODY_STAYS:
            raise ModelFileError(
                f"{str(loaded.source)!r} ends before the dense layers of {recipe.net.name!r}, and features that come "
                "through random ones are worth nothing: give a file with them, or --transfer finetune"
            )
    return net


def task_of(prepared: Prepared) -> Task:
    """Return what the network is trained on."""
    return Task(
        train=pictures_of(prepared, prepared.splits.train),
        validation=pictures_of(prepared, prepared.splits.validation),
        preprocessing=prepared.preprocessing,
        classes=len(prepared.dataset.class_names),
    )


def pictures_of(prepared: Prepared, positions: NDArray[np.int64]) -> Pictures:
    """Return the pixels and labels at some positions."""
    return Pictures(prepared.pixels, positions, prepared.dataset.labels[positions])


def baseline_of(prepared: Prepared, net: str) -> Prepared:
    """Return the same pictures with the recipe of a baseline: small, plain, and quick.

    Pictures of more than 10,000 values are averaged down first, as far as their short side allows.

    Args:
        prepared: the run's own.
        net: the baseline's name.
    """
    height, width, channels = prepared.pixels.shape[1:]
    factor = max(1, int(np.ceil(np.sqrt(height * width * channels / 10_000))))
    factor = min(factor, min(height, width) // SIDES[0])  # a strip of few rows keeps as many as a network takes
    preprocessing = prepared.preprocessing.coarser(factor) if factor > 1 else prepared.preprocessing
    pixels = block_averaged(prepared.pixels, preprocessing, folder=prepared.pixel_file.parent)
    data = prepared.recipe.data.model_copy(update={"image_size": pixels.shape[1:3], "channels": channels})
    recipe = baseline_recipe(prepared.recipe.changed(data=data.model_dump()), net, pictures=len(prepared.splits.train))
    return dataclasses.replace(prepared, recipe=recipe, preprocessing=preprocessing, pixels=pixels)


def is_trained(run: Run) -> bool:
    """Return whether a run's training has ended, and was not stopped by a person."""
    return run.has("training.json") and run.load("training")["stopped"] != "interrupted"


def model_digest(run: Run) -> str | None:
    """Return a hex string that changes with a run's model file; None where there is none."""
    try:
        with (run.path / "model.safetensors").open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except FileNotFoundError:
        return None


def _finished(run: Run, prepared: Prepared) -> Learned:
    classifier = Classifier.load(run.path)
    there = [name for name in PREDICTED if len(prepared.splits[name])]
    return Learned(classifier, {name: Predictions.load(run.path / f"predictions/{name}.npz") for name in there})


def _learn_in_epochs(
    run: Run, net: Net, prepared: Prepared, *, team: Team | None, pacer: Pacer | None, progress: Progress
) -> tuple[dict[str, object], bool]:
    """Train; return how it ended, and whether a person asked for that."""
    task, recipe, before, start = task_of(prepared), prepared.recipe, {}, None
    if recipe.training.transfer in FURTHER:
        started, there = time.perf_counter(), _features_there(net, prepared)
        features, looked = _set_learnt_head(net, prepared, progress=progress)
        start = _scores(net, features, task)
        del features  # gigabytes, of many pictures
        before = {"head_seconds": round(time.perf_counter() - started, 3), "features_there": there}
        before["features_seconds"] = looked
    if recipe.training.optimizer.find_learning_rate:
        recipe = with_found_rate(run, net, task, recipe, progress=progress)
    precision = recipe.training.precision
    if bearable_precision(precision, choose_device(recipe.training.device)) != precision:
        progress.warn(
            f"{precision} is many times slower than float32 on this device: a training that is begun "
            "here with --precision float32 is quicker"
        )
    devices = team.assign(run, dataclasses.replace(prepared, recipe=recipe), task) if team else None
    left = task.steps_left(recipe.training, after=run.history[-1]["epoch"] if run.history else 0)
    if left and pacer is None:  # else a plan has said what fits, and timing steps again would take of it
        pace = measure_pace(net, task, recipe.training, devices=devices)
        total, epochs = sum(left) * pace.step + len(left) * pace.validation, counted(len(left), "epoch")
        progress.say(f"estimated time: {in_words(total / len(left))} an epoch, at most {in_words(total)} for {epochs}")
    fitted = fit(net, task, recipe.training, run=run, devices=devices, pacer=pacer, start=start, progress=progress)
    if team is not None:
        team.release()
    return fitted.to_dict() | before, fitted.pressed


def looks_before(prepared: Prepared) -> int:
    """Return how many pictures a pretrained network looks at before its epochs begin: those whose features lack."""
    if prepared.recipe.training.transfer not in FURTHER:
        return 0
    net = start_net(prepared.recipe, task_of(prepared), progress=Mute())  # what it says is said when it trains
    kept, rows = kept_features(_features_file(net, prepared), len(prepared.pixels)), _used(prepared)
    return len(rows) if kept is None else int(np.isnan(kept[rows, 0]).sum())


def _learn_head(
    net: Net, prepared: Prepared, *, progress: Progress
) -> tuple[dict[str, object], dict[str, Predictions], Embedded]:
    """Learn the last layer; what it says comes from the features, so that no picture is seen twice."""
    started, there = time.perf_counter(), _features_there(net, prepared)
    features, looked = _set_learnt_head(net, prepared, progress=progress)
    with torch.inference_mode():
        predictions = predict_splits(
            prepared, PREDICTED, lambda at: two_logits(net.classify(torch.from_numpy(features[at]))).numpy()
        )
    seconds = round(time.perf_counter() - started, 3)
    outcome = {"best_epoch": 0, "epochs": 0, "stopped": "last layer learnt", "seconds": seconds, "findings": []}
    return {**outcome, "features_there": there, "features_seconds": looked}, predictions, lambda at: features[at]


def _scores(net: Net, features: NDArray[np.float32], task: Task) -> Scores:
    """Return what a learnt last layer has on the validation pictures, by their features."""
    with torch.inference_mode():
        logits = two_logits(net.classify(torch.from_numpy(features[task.validation.rows])))
    return score_logits(logits, torch.from_numpy(task.validation.labels))


def _features_there(net: Net, prepared: Prepared) -> float:
    """Return the share of the pictures whose features were computed before; they may take gigabytes meanwhile."""
    kept = kept_features(_features_file(net, prepared), len(prepared.pixels))
    return 0.0 if kept is None else round(float((~np.isnan(kept[_used(prepared), 0])).mean()), 4)


def _used(prepared: Prepared) -> NDArray[np.int64]:
    """Return the positions of the pictures of a split: of others, such as unreadable ones, no features are kept."""
    return np.sort(np.concatenate(list(prepared.splits.values())))


def _features_file(net: Net, prepared: Prepared) -> Path:
    return features_file(prepared.pixel_file.parent, weights_digest(net, prepared.preprocessing))


def _set_learnt_head(net: Net, prepared: Prepared, *, progress: Progress) -> tuple[NDArray[np.float32], float]:
    """Give a pretrained network the last layer that a logistic regression learns on its features.

    Returns:
        the features of the pictures of a split, and the seconds that those took which were not there before.
    """
    started = time.perf_counter()
    with on_device(net, choose_device(prepared.recipe.training.device)):
        features = embed_pixels(
            net,
            prepared.pixels,
            prepared.preprocessing,
            rows=_used(prepared),
            cache=_features_file(net, prepared),
            threads=prepared.recipe.training.threads,
            progress=progress,
        )
    looked = round(time.perf_counter() - started, 3)
    train = prepared.splits.train
    together = belonging(prepared.dataset, together=prepared.audit.repeats.family)
    head = fit_head(
        features[train],
        prepared.dataset.labels[train],
        classes=len(prepared.dataset.class_names),
        groups=None if together is None else together[train],
        class_weights=task_of(prepared).class_weights(prepared.recipe.training),
        threads=prepared.recipe.training.threads,
        seed=prepared.recipe.training.seed,
    )
    set_head(net, head)
    shown = ", ".join(f"{penalty:g}: {loss:.4f}" for penalty, loss in head.log_loss.items())
    why = f"by the cross-validated log loss on the training pictures ({shown})" if shown else "as there are too few"
    progress.say(f"penalty {head.penalty:g} {why}")
    return features, looked
