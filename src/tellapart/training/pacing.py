"""Pacing: epochs that are made shorter or longer on the way, so that a training ends when it should."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

MARGIN = 0.1
"""The share of its length that the last epoch may take longer than planned: that cannot be made up for any more."""

TOLERANCE = 0.05
"""The share of the time left that may stay unused before the epochs are made longer."""

SHORTEST = 0.25
"""Of its planned steps an epoch keeps at least that share; where even that is too long, epochs are left out. The last
one alone may become shorter still."""


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
        >>> pacer.replanned((100, 100, 100), epoch=1, training=20.0)
        (100, 47, 47)
    """

    end: float
    most_steps: int
    clock: Callable[[], float] = time.monotonic
    _since: float = 0.0

    def start(self) -> None:
        """Begin to time an epoch."""
        self._since = self.clock()

    def replanned(self, steps: Sequence[int], *, epoch: int, training: float) -> tuple[int, ...]:
        """Return the steps of each epoch, those still to come fitted to the time; the next epoch begins with this.

        Epochs that are left out have none. They are the first of those still to come, so that the learning rate, of
        which each epoch has its part, comes to its low end. Where no time is left at all, none follows.

        Args:
            steps: of each epoch, as planned until now.
            epoch: that was just done, from 1.
            training: seconds that its steps took, of all that it took.
        """
        now = self.clock()
        taken, self._since = now - self._since, now
        done, planned = tuple(steps[:epoch]), tuple(steps[epoch:])
        if not any(planned):
            return (*done, *planned)
        step = max(training / done[-1], 1e-9)
        beside = max(0.0, taken - training)  # validation and files
        left = self.end - now
        longest, kept = max(planned), len(planned) - planned.count(0)
        if longest <= (left / (kept + MARGIN) - beside) / step <= longest * (1 + TOLERANCE):
            return (*done, *planned)
        least = max(1, round(SHORTEST * done[0]))
        kept = max(1, min(len(planned), int(left / (least * step + beside) - MARGIN)))
        most = max(1, (self.most_steps - sum(done)) // kept)
        fit = max(0, min(int((left / (kept + MARGIN) - beside) / step), most))
        return (*done, *[0] * (len(planned) - kept), *[fit] * kept)
