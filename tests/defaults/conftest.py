"""The tasks of the training's tests serve these, too."""

from ..training.conftest import digits, task_of

__all__ = ["digits", "task_of"]
