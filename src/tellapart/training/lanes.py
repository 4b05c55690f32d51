"""A network that looks at many pictures: a batch to each processor, so that none waits for another after each layer."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import OutOfMemoryError
from ..images.blocks import batch_length
from ..images.preprocessing import Preprocessing
from ..machine import keep_large_blocks, lacks_memory
from ..nets import Net
from ..nets.fusing import Embedding
from ..nets.inputs import to_input
from ..runtime import compute_threads, exact_cudnn

BATCH = 8
"""Pictures that a processor looks at together: so few that what a layer gives stays in its cache."""

GPU_BATCH = 64

AHEAD = 4
"""Batches that wait for each lane."""

MOST = 8
"""Lanes on a CPU: each holds the maps of a batch. With more processors, a lane computes with several."""

NICE = 10
"""How far lanes give way: they still get a tenth of a processor, as one that never runs may hold others up."""


class Lanes:
    """Gives what a network's last layer sees, in several threads; a context that ends them.

    Args:
        net: left as it is, and used on its device.
        preprocessing: from pixels to its input.
        threads: CPU threads in all; all usable processors where None. On a GPU there is one lane.
        behind: whether they take only what time of the processors all else leaves over; on Linux.

    Attributes:
        batch: pictures that a lane takes at a time.

    Example:
        >>> from tellapart.nets import build_net
        >>> net = build_net("compact", outputs=3, channels=1, image_size=(32, 32), options={"width": 4})
        >>> with Lanes(net.eval(), Preprocessing(image_size=(32, 32), channels=1)) as lanes:
        ...     parts = list(lanes.over(np.zeros((20, 32, 32, 1), np.uint8), np.arange(20)))
        >>> [part.shape for part in parts]
        [(8, 64), (8, 64), (4, 64)]
    """

    def __init__(
        self, net: Net, preprocessing: Preprocessing, *, threads: int | None = None, behind: bool = False
    ) -> None:
        self._net, self._preprocessing, self._behind = net, preprocessing, behind
        self._place = next(net.parameters()).device
        whole = (threads or compute_threads()) if self._place.type == "cpu" else 1
        self._threads = -(-whole // MOST)
        self._count = whole // self._threads
        most = batch_length(preprocessing.image_size)  # of large pictures fewer: their maps take as much
        self.batch = min(BATCH, most) if self._place.type == "cpu" else min(GPU_BATCH, 2 * most)
        self._embedding: Embedding | None = None
        self._making = threading.Lock()
        self._open = ExitStack()
        self._before = torch.get_num_threads()
        self._priority = os.getpriority(os.PRIO_PROCESS, 0) if sys.platform == "linux" else 0

    def over(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        """Yield the features of some of the pixels (N, H, W, C), a batch at a time, in the order of the rows."""
        waiting: deque[Future[NDArray[np.float32]]] = deque()
        for start in range(0, len(rows), self.batch):
            if len(waiting) == AHEAD * self._count:
                yield waiting.popleft().result()
            waiting.append(self.look(pixels, rows[start : start + self.batch]))
        while waiting:
            yield waiting.popleft().result()

    def look(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Future[NDArray[np.float32]]:
        """Let a lane look at at most a batch of the pixels (N, H, W, C); gives those rows' features, float32 (n, D)."""
        return self._pool.submit(self._advised, pixels, rows)

    def _look(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        # Always whole batches: a picture's features must not hang on how many came with it.
        padded = np.concatenate([rows, np.repeat(rows[-1:], self.batch - len(rows))])
        batch = to_input(torch.from_numpy(pixels[padded]).to(self._place), self._preprocessing)
        with self._making:
            if self._embedding is None:
                self._embedding = Embedding(self._net, example=batch)
        self._give_way()  # not before the embedding is made, which others wait for
        features: NDArray[np.float32] = self._embedding(batch).float().cpu().numpy()
        return features[: len(rows)]

    def _advised(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        try:
            return self._look(pixels, rows)
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            height, width = self._preprocessing.image_size
            raise OutOfMemoryError(
                f"the memory does not suffice for a look at {self.batch} pictures of {height}x{width}: try a smaller "
                "--image-size, a smaller --net" + (" or fewer --threads" if self._count > 1 else "")
            ) from error

    def __enter__(self) -> Self:
        keep_large_blocks()
        if self._place.type == "cuda":
            self._open.enter_context(exact_cudnn())
        self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="lane", initializer=self._begin)
        return self

    def _begin(self) -> None:
        if self._place.type == "cpu":
            torch.set_num_threads(self._threads)
            torch.set_flush_denormal(True)

    def _give_way(self) -> None:
        if self._behind and self._place.type == "cpu" and sys.platform == "linux":  # where a thread has a priority
            with suppress(OSError):  # forbidden in some sandboxes
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, self._priority + NICE))

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._open.close()
        torch.set_num_threads(self._before)  # what a thread sets for itself, parts of torch take for all
