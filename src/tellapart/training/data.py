"""Pixels and labels on their way into the network, a batch at a time."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Resized pictures with labels: part of one memory-mapped array.

    Attributes:
        pixels: uint8 (M, H, W, C), all pictures of the data set.
        rows: (N,) int64, which of them these are.
        labels: (N,) int64.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, positions: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return uint8 (n, H, W, C) and int64 (n,) at some positions."""
        return torch.from_numpy(self.pixels[self.rows[positions]]), torch.from_numpy(self.labels[positions])

    def batches(self, batch_size: int, *, order: NDArray[np.int64] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all pictures with their labels, in the given order."""
        for positions in self.positions(batch_size, order=order):
            yield self.batch(positions)

    def positions(self, batch_size: int, *, order: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.int64]]:
        """Yield the positions of each batch, in the given order; a last batch of one joins the one before it.

        Batch normalisation cannot be trained on a single picture.
        """
        order = np.arange(len(self), dtype=np.int64) if order is None else order
        stops = [*range(batch_size, len(order), batch_size), len(order)]
        if batch_size > 1 and len(stops) > 1 and stops[-1] - stops[-2] == 1:
            del stops[-2]
        start = 0
        for stop in stops:
            yield order[start:stop]
            start = stop

    def some(self, part: slice) -> Pictures:
        """Return those at some positions."""
        return Pictures(self.pixels, self.rows[part], self.labels[part])

    def steps(self, batch_size: int) -> int:
        """Return how many batches one pass has."""
        full, rest = divmod(len(self), batch_size)
        return max(1, full + (rest > 1 or (rest == 1 and full == 0)))


def derived_seed(seed: int, *, epoch: int, purpose: str) -> int:
    """Return a seed that is fixed by the run's seed, the epoch and the purpose, so that any epoch can be repeated.

    Example:
        >>> derived_seed(0, epoch=1, purpose="order") == derived_seed(0, epoch=1, purpose="order")
        True
    """
    entropy = [seed, epoch, *purpose.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1, dtype=np.uint64)[0] >> np.uint64(1))


def epoch_positions(
    pictures: Pictures, batch_size: int, *, seed: int, before: int, steps: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the positions of each batch of one epoch.

    One pass over all pictures follows the other, each in an order of its own. An epoch with the steps of a pass is
    one; another goes on where the one before it ended, so that no picture is seen twice before all were seen once.

    Args:
        pictures: at whose positions.
        batch_size: of them.
        seed: of the run.
        before: steps that all epochs before this one have.
        steps: of this epoch.

    Example:
        >>> some = Pictures(np.zeros((4, 1, 1, 1), np.uint8), np.arange(4), np.arange(4))
        >>> epochs = [list(epoch_positions(some, 1, seed=0, before=before, steps=2)) for before in (0, 2)]
        >>> sorted(int(position[0]) for epoch in epochs for position in epoch)
        [0, 1, 2, 3]
    """
    a_pass = pictures.steps(batch_size)
    stop = before + steps
    for number in range(before // a_pass, -(-stop // a_pass)):
        batches = pictures.positions(batch_size, order=pass_order(len(pictures), seed=seed, number=number + 1))
        behind = number * a_pass
        yield from itertools.islice(batches, max(0, before - behind), stop - behind)


def pass_order(n: int, *, seed: int, number: int) -> NDArray[np.int64]:
    """Return the positions 0 to n − 1 in the order of one pass over them, counted from 1."""
    return np.random.default_rng(derived_seed(seed, epoch=number, purpose="order")).permutation(n)
