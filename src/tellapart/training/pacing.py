"""Pacing: epochs that are made shorter or longer on the way, so that a training ends when it should."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

MARGIN, LEAST_MARGIN = 0.1, 0.03
"""The share of its length that the last epoch may take longer than planned: that cannot be made up for any more. The
second where the epochs before it were as long as planned."""

TOLERANCE = 0.05
"""The share of the time left that may stay unused before the epochs are made longer; none of that of the last one."""

SHORTEST = 0.25
"""Of its planned steps an epoch keeps at least that share; where even that is too long, epochs are left out. The last
one alone may become shorter still."""


@dataclasses.dataclass
class Pacer:
    """Fits the epochs that are left to the time that is left: a lone one before it begins, and others after each.

    Attributes:
        end: when the last epoch is to be over, in seconds of the clock.
        most_steps: that the whole training may have; more bring nothing.
        step: seconds that a step is expected to take.
        beside: seconds that validation and files are expected to take, after each epoch.
        clock: what tells the seconds.

    Example:
        >>> seconds = iter([0.0, 20.0])  # an epoch of 100 steps of 0.1 s takes twice as long as planned
        >>> pacer = Pacer(end=40.0, most_steps=10_000, step=0.1, beside=0.0, clock=lambda: next(seconds))
        >>> pacer.started((100, 100, 100))
        (100, 100, 100)
        >>> pacer.replanned((100, 100, 100), epoch=1, training=20.0)
        (100, 47, 47)
    """

    end: float
    most_steps: int
    step: float
    beside: float
    clock: Callable[[], float] = time.monotonic
    _since: float = 0.0
    _changes: list[float] = dataclasses.field(default_factory=list)

    def started(self, steps: Sequence[int]) -> tuple[int, ...]:
        """Return the steps of each epoch where the first begins now.

        Nothing after a lone one could make up for what came before it and took longer than planned: it is made shorter,
        down to the share that every epoch keeps.
        """
        self._since = self.clock()
        if len(steps) > 1:
            return tuple(steps)
        fitting = int((self.end - self._since - self.beside) / self.step)
        return (min(steps[0], max(fitting, round(SHORTEST * steps[0]), 1)),)

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
        step, before = max(training / steps[epoch - 1], 1e-9), self.step
        self._changes.append(abs(step / before - 1) if before > 0 else 1.0)
        self.step, self.beside = step, max(0.0, taken - training)
        return self._fitted(steps, epoch=epoch)

    def _fitted(self, steps: Sequence[int], *, epoch: int) -> tuple[int, ...]:
        """Return the steps of each epoch, where those after ``epoch`` begin now."""
        done, planned = tuple(steps[:epoch]), tuple(steps[epoch:])
        if not any(planned):
            return (*done, *planned)
        left = self.end - self._since
        longest, kept, margin = max(planned), len(planned) - planned.count(0), self._margin()
        tolerance = TOLERANCE if kept > 1 else 0.0
        if longest <= (left / (kept + margin) - self.beside) / self.step <= longest * (1 + tolerance):
            return (*done, *planned)
        least = max(1, round(SHORTEST * steps[0]))
        kept = max(1, min(len(planned), int(left / (least * self.step + self.beside) - margin)))
        most = max(1, (self.most_steps - sum(done)) // kept)
        fit = max(0, min(int((left / (kept + margin) - self.beside) / self.step), most))
        if kept == 1 and left >= self.step + self.beside:
            fit = max(1, fit)  # where a step is all, nothing can be kept back of it
        return (*done, *[0] * (len(planned) - kept), *[fit] * kept)

    def _margin(self) -> float:
        """Return the share that is kept back: twice the largest change from one epoch to the next, where there are two.

        What the first epoch's steps took is held against what they were expected to take, by a few of them.
        """
        if len(self._changes) < 2:
            return MARGIN
        return min(MARGIN, max(LEAST_MARGIN, 2 * max(self._changes[1:])))
