"""The training loop: epochs over batches, validation after each, the best weights kept, every epoch resumable."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..errors import DivergedError, OutOfMemoryError, RecipeError
from ..machine import lacks_memory
from ..nets import Net
from ..progress import TO_LOG, Part, Progress
from ..recipe import TrainingRecipe, decided
from ..run import Run
from ..runtime import tuned
from ..wording import decimal_percent
from .best_epoch import keep_best, keep_start
from .checkpoint import State, fill, load_checkpoint, on_cpu, save_checkpoint, to_document
from .data import derived_seed, epoch_positions
from .devices import Devices, moved, one_device, placed
from .diagnosis import diagnose, diverged
from .ema import Average
from .initial import seeded
from .interrupt import graceful_interrupt
from .optimizers import build_optimizer, usual_learning_rate
from .pacing import Pacer
from .schedules import learning_rate_factor, share_done
from .step import accumulation_dtype, to_batch, train_step
from .task import Task
from .transfer import freeze, moving_stages, training_mode
from .validation import Scores, score


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes:
        net: with the best weights, in evaluation mode, on the CPU.
        best_epoch: counted from 1; 0 where none was better than the weights that it began with.
        epochs: done, those that were left out to end in time not counted.
        stopped: why it ended: "all epochs done", "early stopping", "interrupted", "diverged".
        seconds: spent on training.
        findings: (code, sentence) of what was wrong.
        pressed: whether a person asked it to stop, be it in its last epoch.
    """

    net: Net
    best_epoch: int
    epochs: int
    stopped: str
    seconds: float
    findings: list[tuple[str, str]]
    pressed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return how the training ended, for JSON."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("net", "pressed")}


def fit(
    net: Net,
    task: Task,
    recipe: TrainingRecipe,
    *,
    run: Run | None,
    progress: Progress = TO_LOG,
    devices: Devices | None = None,
    pacer: Pacer | None = None,
    start: Scores | None = None,
) -> Fitted:
    """Train a network, or go on where the run's checkpoint stands.

    The same net, task and recipe give the same weights on the same machine, whether or not the training was killed
    in between: all randomness is derived from the seed and the epoch. Several processes give the same weights but for
    rounding.

    Args:
        net: with its initial weights; it is trained in place, and has the kept ones in the end.
        task: the pictures.
        recipe: resolved: epochs, batch_size, learning rate and augment are set.
        run: its history and checkpoint are written after each epoch; None in a process that does not write.
        progress: is told of each epoch.
        devices: to compute on; the one that the recipe names where None.
        pacer: fits the epochs to a time on the way, and the run's recipe with them.
        start: what the initial weights have on validation, where they are worth keeping: a learnt last layer's.

    Raises:
        DivergedError: the loss became infinite before any epoch was good.
        OutOfMemoryError: with what to change.
    """
    devices = devices or one_device(recipe.device)
    with batch_advice(recipe, task):
        state = new_state(net, recipe, device=devices.device)
        if start is not None:
            keep_start(state, start, recipe)
        if run is not None:
            load_checkpoint(run, state)
        if devices.count > 1:
            fill(state, devices.share(on_cpu(to_document(state))))
    epochs = decided(recipe.epochs, "training.epochs")
    task_name = "training" if state.epoch == 0 else f"training from epoch {state.epoch + 1}"
    with (
        tuned(devices.threads(recipe.threads)),
        graceful_interrupt(progress) as interrupted,
        batch_advice(recipe, task),
        progress.task(task_name, total=epochs, unit="epochs"),
        devices.parallel(net) as state.model,
    ):
        progress.advance(state.epoch)
        recipe, stopped, findings = _epochs(
            state, task, recipe, run=run, devices=devices, pacer=pacer, progress=progress, interrupted=interrupted
        )
        pressed = interrupted()
    net.load_state_dict(state.best_weights)  # averaged ones where those were judged
    done = _epochs_done(recipe, after=0, until=state.epoch)
    return Fitted(
        placed(net, torch.device("cpu")).eval(),
        state.best_epoch,
        done,
        stopped,
        round(state.seconds, 3),
        findings,
        pressed,
    )


def new_state(net: Net, recipe: TrainingRecipe, *, device: torch.device) -> State:
    """Return a training that has not begun: the network on its device, frozen where the recipe says so."""
    placed(net, device)
    moving = moving_stages(net, transfer=decided(recipe.transfer, "training.transfer"), unfreeze=recipe.unfreeze)
    freeze(net, moving)
    scaler = torch.amp.GradScaler(device.type) if recipe.precision == "float16" else None
    optimizer = build_optimizer(net, recipe.optimizer, rates=moving, scaled=scaler is not None)
    return State(net, Average(net) if recipe.averaging else None, optimizer, scaler=scaler)


def _epochs(
    state: State,
    task: Task,
    recipe: TrainingRecipe,
    *,
    run: Run | None,
    devices: Devices,
    pacer: Pacer | None,
    progress: Progress,
    interrupted: Callable[[], bool],
) -> tuple[TrainingRecipe, str, list[tuple[str, str]]]:
    """Train until there is a reason to stop; return the recipe as fitted to the time, the reason, and findings."""
    said: set[str] = set()
    usual_rate = usual_learning_rate(recipe, state.net)
    history = [] if run is None else list(run.history)
    found = _diagnosis(history, task, recipe, usual_rate=usual_rate)
    recipe = devices.share(_paced(recipe, task, run=run, pacer=pacer))
    while True:
        if reason := _reason_to_stop(state, recipe, any(devices.gather(interrupted()))):
            return recipe, reason, found
        if not task.steps(recipe, epoch=state.epoch + 1):  # left out, to end in time
            state.epoch += 1
            progress.advance()
            continue
        record = _one_epoch(state, task, recipe, devices=devices, progress=progress)
        if not math.isfinite(record["train_loss"]) or not math.isfinite(record["validation_loss"]):
            state.epoch -= 1
            return recipe, "diverged", [*found, _diverged(state, record, recipe, progress)]
        keep_best(state, record, recipe, pictures=len(task.validation))
        if run is not None:
            run.append_history(record)
            history.append(record)
            save_checkpoint(run, state)
        progress.advance(note=_live(record, state))
        found = _diagnosis(history, task, recipe, usual_rate=usual_rate)
        for code, sentence in found:
            if code not in said:
                progress.warn(sentence)
            said.add(code)
        recipe = devices.share(_paced(recipe, task, run=run, pacer=pacer, record=record))


def _paced(
    recipe: TrainingRecipe, task: Task, *, run: Run | None, pacer: Pacer | None, record: dict[str, Any] | None = None
) -> TrainingRecipe:
    """Return the recipe with the epochs still to come fitted to the time; the run keeps it, to be repeated by.

    Args:
        recipe: as planned until now.
        task: the pictures.
        run: which keeps it.
        pacer: that fits them.
        record: of the epoch that was just done; None before the first.
    """
    if pacer is None:
        return recipe
    epochs = decided(recipe.epochs, "training.epochs")
    planned = tuple(task.steps(recipe, epoch=epoch) for epoch in range(1, epochs + 1))
    if record is None:
        steps = pacer.started(planned)
    else:
        steps = pacer.replanned(planned, epoch=record["epoch"], training=record["train_seconds"])
    if steps == planned:
        return recipe
    if run is not None:
        run.save_recipe(run.recipe.changed(training={"steps_per_epoch": steps}))
    return recipe.model_copy(update={"steps_per_epoch": steps})


def _diagnosis(
    history: list[dict[str, Any]], task: Task, recipe: TrainingRecipe, *, usual_rate: float
) -> list[tuple[str, str]]:
    """Return what is wrong as the history stands; what a later epoch has mended is not held against it."""
    return diagnose(
        history,
        majority=task.majority(),
        validation_pictures=len(task.validation),
        optimizer=recipe.optimizer,
        usual_rate=usual_rate,
        steps_an_epoch=task.steps(recipe),
        weighted=recipe.class_weights == "balanced",
    )


def _reason_to_stop(state: State, recipe: TrainingRecipe, interrupted: bool) -> str:
    stopping = recipe.early_stopping
    if state.epoch >= decided(recipe.epochs, "training.epochs"):
        return "all epochs done"
    if stopping and _epochs_done(recipe, after=state.improved_epoch, until=state.epoch) >= stopping.patience:
        return "early stopping"
    return "interrupted" if interrupted and state.epoch else ""


def _epochs_done(recipe: TrainingRecipe, *, after: int, until: int) -> int:
    """Return how many epochs after one, until another, were not left out to end in time."""
    steps = recipe.steps_per_epoch
    return sum(map(bool, steps[after:until])) if isinstance(steps, tuple) else until - after


def _diverged(state: State, record: dict[str, Any], recipe: TrainingRecipe, progress: Progress) -> tuple[str, str]:
    usual = usual_learning_rate(recipe, state.net)
    sentence = diverged(f"in epoch {record['epoch']}", recipe.optimizer, usual_rate=usual)
    if not state.best_weights:
        raise DivergedError(sentence)
    kept = f"of epoch {state.best_epoch}" if state.best_epoch else "that it began with"
    progress.warn(f"{sentence}. The weights {kept} are kept.")
    return "diverged", sentence


def _one_epoch(
    state: State, task: Task, recipe: TrainingRecipe, *, devices: Devices, progress: Progress
) -> dict[str, Any]:
    started = time.perf_counter()
    epoch = state.epoch + 1
    steps, before = task.steps(recipe, epoch=epoch), task.steps_before(recipe, epoch=epoch)
    epochs, batch_size = decided(recipe.epochs, "training.epochs"), decided(recipe.batch_size, "training.batch_size")
    rate = decided(recipe.optimizer.learning_rate, "training.optimizer.learning_rate")
    schedule, factor = decided(recipe.schedule, "training.schedule"), 0.0
    batches = epoch_positions(task.train, batch_size, seed=recipe.seed, before=before, steps=steps)
    device = devices.device
    weights = task.class_weights(recipe)
    class_weights = None if weights is None else weights.to(device)
    generator = torch.Generator().manual_seed(derived_seed(recipe.seed, epoch=epoch, purpose="augment"))
    sums, seen = torch.zeros(2, dtype=accumulation_dtype(device), device=device), 0
    training_mode(state.net, transfer=recipe.transfer)
    with (
        seeded(derived_seed(recipe.seed, epoch=epoch, purpose="dropout"), device),
        Part(progress, f"epoch {epoch}", total=steps, unit="steps") as part,
    ):
        for step, positions in enumerate(batches):
            seen += len(positions)
            portion = devices.portion(len(positions))
            pixels, labels = task.train.batch(positions[portion.part])
            done = share_done(epoch=epoch, epochs=epochs, step=step, steps=steps)
            factor = learning_rate_factor(schedule, share=done)
            sums += train_step(
                state,
                to_batch(pixels, task, recipe, generator=generator, device=device, portion=portion),
                moved(labels, device),
                recipe=recipe,
                factor=factor,
                class_weights=class_weights,
                portion=portion,
                number=before + step,
            )
            part.advance()
    sums = sums.cpu()  # waits for a GPU to be done
    trained = time.perf_counter()
    state.epoch = epoch
    judged = state.judged()
    scores = score(judged, task.validation, task.preprocessing, devices=devices, precision=recipe.precision)
    train_loss, train_accuracy = (torch.stack(devices.gather(sums)).sum(dim=0) / seen).tolist()
    ended = time.perf_counter()
    state.seconds += ended - started
    return {
        "epoch": epoch,
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        **{f"validation_{name}": getattr(scores, name) for name in ("loss", "accuracy", "top5")},
        "still_units": scores.still_units,
        "learning_rate": rate * factor,
        "seconds": round(ended - started, 4),
        "train_seconds": round(trained - started, 4),
        "train_pictures_per_second": round(seen / (trained - started), 1),
    }


def _live(record: dict[str, Any], state: State) -> str:
    where = f"in epoch {state.best_epoch}" if state.best_epoch else "before the first epoch"
    best = "" if state.best_epoch == state.epoch else f", best {where}"
    return (
        f"epoch {record['epoch']}: loss {record['train_loss']:.3f}, validation {record['validation_loss']:.3f}, "
        f"accuracy {decimal_percent(record['validation_accuracy'])}{best}"
    )


@contextmanager
def batch_advice(recipe: TrainingRecipe, task: Task) -> Iterator[None]:
    """Turn a failed allocation, and a batch of too few pictures, into advice."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):  # torch's batch normalisation
            raise
        raise RecipeError(
            f"batch_size = {recipe.batch_size} is too few pictures a process for this network, whose last maps are "
            "of one pixel, so that a single picture has no spread to normalise by: give more"
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        height, width = task.preprocessing.image_size
        batch = min(decided(recipe.batch_size, "training.batch_size"), len(task.train))
        smaller = f"--batch-size {batch // 2}, " if batch > 1 else ""
        raise OutOfMemoryError(
            f"the memory does not suffice for batches of {batch} pictures of {height}x{width}: "
            f"try {smaller}a smaller --image-size or a smaller --net"
        ) from error
