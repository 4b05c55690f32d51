"""Features of pictures that are still being read: the network looks at some while others are decoded.

On a CPU it takes little but the time that reading leaves over, as while a disk or a network is waited for.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..progress import TO_LOG, Progress
from ..recipe import PRETRAINED, Recipe
from ..runtime import choose_device
from ..training.devices import on_device
from ..training.features import features_file, keep_more, weights_digest
from ..training.lanes import Lanes
from .probe import pretrained

WAITING = 1000
"""Batches that may wait for the network; what is read beyond them it sees later."""


class Ahead:
    """Looks at pictures as they are read, where the recipe asks for a pretrained network's features; see ``scan``.

    What has not been seen when all is read is left for later.

    Args:
        recipe: with net and data decided.
        known: positions of pictures whose features are there already.
        progress: is told of weights that are fetched.
    """

    def __init__(self, recipe: Recipe, *, known: NDArray[np.int64] | None = None, progress: Progress = TO_LOG) -> None:
        self._recipe, self._progress = recipe, progress
        self._known = np.zeros(0, dtype=np.int64) if known is None else known
        self._lanes: Lanes | None = None
        self._digest = ""
        self._looked: list[tuple[NDArray[np.int64], Future[NDArray[np.float32]]]] = []
        self._waiting: list[Future[NDArray[np.float32]]] = []
        self._open = ExitStack()

    @property
    def wanted(self) -> bool:
        """Whether the recipe wants features, and they depend on no picture but their own."""
        # Weights of a person's own may want the pixels' mean, which is not known before all are read.
        return self._recipe.training.transfer in PRETRAINED and self._recipe.net.weights == "imagenet"

    def __enter__(self) -> Self:
        return self

    def __call__(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        """Let the network look at some rows of the pixels."""
        lanes = self._lanes or self._begin()
        self._waiting = [future for future in self._waiting if not future.done()]
        if len(self._waiting) >= WAITING:
            return
        rows = rows[~np.isin(rows, self._known)]
        for start in range(0, len(rows), lanes.batch):
            some = rows[start : start + lanes.batch]
            self._waiting.append(lanes.look(pixels, some))
            self._looked.append((some, self._waiting[-1]))

    def _begin(self) -> Lanes:
        """Load the network and start: not before there is something to see, when all readers have been forked."""
        training = self._recipe.training
        net, spec = pretrained(self._recipe, progress=self._progress)
        self._digest = weights_digest(net, spec)
        self._open.enter_context(on_device(net.eval(), choose_device(training.device)))
        self._lanes = self._open.enter_context(Lanes(net, spec, threads=training.threads, behind=True))
        return self._lanes

    def __exit__(self, *_: object) -> None:
        self._open.close()
        # What failed is tried again by the training, which says so; its error would keep the pixels' file mapped.
        self._looked = [(rows, one) for rows, one in self._looked if not one.cancelled() and one.exception() is None]
        self._waiting = []

    def keep(self, folder: Path, *, pictures: int) -> None:
        """Put what was seen where the training will look for the features of all.

        Args:
            folder: of the pixels.
            pictures: how many there are in all.
        """
        if self._looked:
            keep_more(features_file(folder, self._digest), self._seen(), pictures=pictures)

    def _seen(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield what was seen, and forget it."""
        while self._looked:
            rows, future = self._looked.pop()
            yield rows, future.result()
