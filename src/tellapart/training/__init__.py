"""Training: the loop, augmentation, schedules, checkpoints, and how long it will take."""

from .data import Pictures
from .loop import Fitted, fit
from .task import Task

__all__ = ["Fitted", "Pictures", "Task", "fit"]
