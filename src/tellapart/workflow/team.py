"""Several processes on one training: the first reads, decides, writes and speaks; the others train with it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ..commands import to_resume
from ..defaults.preprocessing import preprocessing_of
from ..errors import DataError, DivergedError, ProcessLostError, RecipeError, RunError, TellapartError
from ..images.cache import scan
from ..images.dataset import Dataset
from ..images.preprocessing import Preprocessing
from ..progress import TO_LOG, Mute, Progress
from ..recipe import Recipe, decided
from ..run import Run
from ..runtime import choose_device
from ..training import Pictures, Task, fit
from ..training.devices import Devices
from ..training.initial import seeded_net
from ..training.launch import ProcessRank, find_rank, launched
from ..version import __version__
from .prepare import Prepared, open_source

if TYPE_CHECKING:
    from ..training.fabric import Processes


@dataclasses.dataclass(frozen=True)
class Assignment:
    """What the first process tells the others to train.

    Attributes:
        recipe: as JSON.
        preprocessing: from pixels to the network's input.
        classes: how many.
        train: rows of the pixels, and labels.
        validation: likewise.
        pixel_file: where the first process has the pixels.
        pictures: changes with any picture's id or label.
        run: the run folder.
        version: the first process's tellapart.
    """

    recipe: str
    preprocessing: Preprocessing
    classes: int
    train: tuple[NDArray[np.int64], NDArray[np.int64]]
    validation: tuple[NDArray[np.int64], NDArray[np.int64]]
    pixel_file: Path
    pictures: str
    run: Path
    version: str = __version__


_ended: list[str] = []
"""Who started processes that a training of this process had, and which have ended with it."""


class Team:
    """The processes of one training, as the first of them sees it; alone, it does nothing.

    Args:
        wanted: processes on this machine, ``--devices``; what torchrun or SLURM started, else one, where None.
        device: the recipe's.
        progress: is told where a process is lost.

    Raises:
        RecipeError: so many cannot be had.

    Attributes:
        count: processes in all.
    """

    def __init__(self, wanted: int | None, *, device: str, progress: Progress = TO_LOG) -> None:
        self._given = find_rank()
        self._progress = progress
        self._open = contextlib.ExitStack()
        self._meet: Callable[[], ProcessRank] | None = None
        self._processes: Processes | None = None
        self._trained: Processes | None = None
        self._run: Run | None = None
        self._released = False
        if self._given is not None and wanted not in (None, self._given.local_count):
            raise RecipeError(
                f"--devices {wanted} contradicts {self._given.started_by}, which started {self._given.local_count} "
                "processes on this machine: leave it out"
            )
        if wanted is not None and wanted < 1:
            raise RecipeError(f"--devices must be at least 1, got {wanted}")
        if self._given is not None and _ended:
            raise RecipeError(
                f"the other processes that {_ended[0]} started have ended with the first training: start one for each"
            )
        self.count = self._given.count if self._given else wanted or 1
        self._here = self._given.local_count if self._given else self.count
        if self.count > 1:
            self._kind = _kind(device, here=self._here)

    def __enter__(self) -> Self:
        if self._given is not None:
            self._join(self._given)
        return self

    def start(self, recipe: Recipe, run: Run) -> None:
        """Start the other processes, where it is tellapart that starts them; they load while this one goes on."""
        self._run = run
        if self.count > 1 and recipe.training.transfer == "features":
            if not run.has("time.json") or run.load("time")["fitted"]:  # else it may allow for more
                self._progress.say("the other devices are not needed: each picture is seen once")
        elif self.count > 1 and self._given is None and self._meet is None:
            started = launched(self.count, device=self._kind, on_loss=self._say_lost)
            self._meet = self._open.enter_context(started)

    def plan(self, recipe: Recipe) -> Devices:
        """Return the devices that will share the work, for estimates alone."""
        found = Devices(choose_device(recipe.training.device))
        found.count, found.here = self.count, self._here
        return found

    def assign(self, run: Run, prepared: Prepared, task: Task) -> Devices | None:
        """Let the others prepare for a training; return the devices of all, None where there is one alone.

        Raises:
            RecipeError: a batch has fewer pictures than there are processes.
            DataError: another machine cannot read the same pictures.
        """
        if self.count == 1:
            return None
        if (batch_size := decided(prepared.recipe.training.batch_size, "training.batch_size")) < self.count:
            raise RecipeError(
                f"batch_size = {batch_size} leaves some of {self.count} processes without pictures: give at least "
                f"{self.count}"
            )
        self.start(prepared.recipe, run)
        devices = self._processes or self._join(self._meet() if self._meet else None)
        self._processes, self._trained = None, devices  # they do not wait for anything else to do
        devices.share(
            Assignment(
                recipe=prepared.recipe.to_json(),
                preprocessing=task.preprocessing,
                classes=task.classes,
                train=(task.train.rows, task.train.labels),
                validation=(task.validation.rows, task.validation.labels),
                pixel_file=prepared.pixel_file,
                pictures=digest(prepared.dataset),
                run=run.path.resolve(),
            )
        )
        for _ in range(2):
            if problem := next(filter(None, devices.gather("")), ""):
                raise DataError(problem)
        return devices

    def release(self) -> None:
        """Need the others no more: they have trained, and what becomes of them is no matter."""
        if self._trained is not None:
            with contextlib.suppress(RuntimeError):  # one of them has gone without a farewell
                self._trained.leave()
        self._released = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._given is not None:
            _ended.append(self._given.started_by)
        try:
            if self._processes is not None:
                with contextlib.suppress(ProcessLostError):
                    self._processes.share(None)
        finally:
            self._open.__exit__(kind, error, trace)  # with what happened: after a failure there is no farewell

    def _join(self, place: ProcessRank | None) -> Processes:
        from ..training.fabric import Processes

        if place is None:
            raise RecipeError("the processes were not started")
        self._processes = self._open.enter_context(Processes(place, self._kind))
        return self._processes

    def _say_lost(self) -> None:
        """Say that a process is gone, and end: who waits for it inside torch hears no exception."""
        if self._released:
            return
        what, run = "another of the processes that train together has ended", Path("RUN")
        if self._run is not None:
            run = self._run.path
            with contextlib.suppress(RunError):
                self._run.mark("failed", what)
        self._progress.warn(f"{what}: to go on: {to_resume(run)}")
        os._exit(2)


def _kind(device: str, *, here: int) -> str:
    """Return "cpu" or "cuda"; raises RecipeError where so many processes cannot have one each."""
    kind = choose_device(device).type
    if kind == "mps":
        raise RecipeError(f"{here} processes cannot share one mps device: use --device cpu, or one process")
    if kind == "cuda" and torch.cuda.device_count() < here:
        raise RecipeError(
            f"{here} processes need as many GPUs, and this one sees {torch.cuda.device_count()}: give fewer --devices, "
            "or --device cpu; under SLURM let each task see all GPUs of its machine (--gpus-per-node, no --gpu-bind)"
        )
    return kind


def digest(dataset: Dataset) -> str:
    """Return a hex string that changes with any picture's id or label."""
    made = hashlib.blake2b(digest_size=16)
    for some in np.array_split(dataset.ids, max(1, len(dataset) // 65_536)):
        made.update("\0".join(map(str, some)).encode(errors="surrogatepass"))
    made.update(dataset.labels.tobytes())
    return made.hexdigest()


def take_part(device: str) -> None:
    """Where torchrun or SLURM started this process as another than the first: train along, and end the process.

    What a script does after a training is then done once, by the first process.
    """
    place = find_rank()
    if place is not None and place.rank > 0:
        raise SystemExit(follow(place, _kind(device, here=place.local_count)))


def follow(place: ProcessRank, device: str) -> int:
    """Train along with the first process, silently; return the exit status.

    Raises:
        ProcessLostError: the first process ended without a word.
    """
    from ..training.fabric import Processes

    with Processes(place, device) as devices:
        given: Assignment | None = devices.share(None)
        if given is None:
            return 0
        pixels, problem = None, ""
        for turn in range(2):  # one process of each machine makes the pixels, where they are not there yet
            if turn == min(1, place.local_rank):
                pixels, problem = _attempt(lambda: _pixels(given))
            if any(devices.gather(problem)):
                return 2
        if pixels is None:
            return 2
        return _train_along(given, pixels, devices)


def _train_along(given: Assignment, pixels: NDArray[np.uint8], devices: Devices) -> int:
    recipe = Recipe.from_json(given.recipe)
    task = Task(Pictures(pixels, *given.train), Pictures(pixels, *given.validation), given.preprocessing, given.classes)
    try:
        fit(seeded_net(recipe, classes=task.classes), task, recipe.training, run=None, progress=Mute(), devices=devices)
    except DivergedError:
        return 2  # the first process says so
    except ProcessLostError as error:
        run = Run(given.run)
        if run.has("status.json") and run.status["state"] != "running":
            return 2  # the first process has said why
        raise ProcessLostError(f"{error}; go on with: {to_resume(given.run)}") from error
    return 0


def _attempt(work: Callable[[], NDArray[np.uint8]]) -> tuple[NDArray[np.uint8] | None, str]:
    try:
        return work(), ""
    except TellapartError as error:
        return None, f"on {platform.node()}: {error}"


def _pixels(given: Assignment) -> NDArray[np.uint8]:
    """Return the first process's pixels where this machine sees its file, else this machine's own.

    Raises:
        DataError: this machine has other pictures, or none, or another tellapart.
    """
    if given.version != __version__:
        raise DataError(f"tellapart {__version__} is installed here, and {given.version} where the first process runs")
    with contextlib.suppress(OSError, ValueError):
        found: NDArray[np.uint8] = np.load(given.pixel_file, mmap_mode="r")
        return found
    data = Recipe.from_json(given.recipe).data
    dataset = open_source(data)
    if digest(dataset) != given.pictures:
        raise DataError(f"the pictures or labels in {data.source!r} are others here than where the first process runs")
    return scan(dataset, preprocessing_of(data)).pixels
