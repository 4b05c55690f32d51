"""Pacing: epochs that are made shorter or longer on the way, so that a training ends when it should."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

MARGIN = 0.1
"""The share of its length that the last epoch may take longer than planned: that cannot be made up for any more."""

TOLERANCE = 0.05
"""The share of the time left that may stay unused before the epochs are made longer."""


@dataclasses.dataclass
class Pacer:
    """Fits the epochs that are left to the time that is left, after each one.

    Attributes:
        end: when the last epoch is to be over, in seconds of the clock.
        most_steps: that the whole training may have; more bring nothing.
        clock: what tells the seconds.

    Example:
        >>> seconds = iter([0.0, 20.0])  # an epoch of 100 steps of 0.1 s takes twice as long as planned
        >>> pacer = Pacer(end=40.0, most_steps=10_000, clock=lambda: next(seconds))
        >>> pacer.start()
        >>> pacer.replanned((100, 100, 100), epoch=1, step=0.2)
        (100, 45, 45)
    """

    end: float
    most_steps: int
    clock: Callable[[], float] = time.monotonic
    _since: float = 0.0

    def start(self) -> None:
        """Begin to time an epoch."""
        self._since = self.clock()

    def replanned(self, steps: Sequence[int], *, epoch: int, step: float) -> tuple[int, ...]:
        """Return the steps of each epoch, those still to come fitted to the time; the next epoch begins with this.

        Args:
            steps: of each epoch, as planned until now.
            epoch: that was just done, from 1.
            step: seconds that a step of it took.
        """
        now = self.clock()
        taken, self._since = now - self._since, now
        done, planned = tuple(steps[:epoch]), tuple(steps[epoch:])
        if not planned:
            return done
        beside = max(0.0, taken - done[-1] * step)  # validation and files
        free = self.end - MARGIN * taken - now
        fit = (free / len(planned) - beside) / step
        if planned[0] <= fit <= planned[0] * (1 + TOLERANCE):
            return (*done, *planned)
        most = (self.most_steps - sum(done)) // len(planned)
        return (*done, *[max(1, min(int(fit), most))] * len(planned))
