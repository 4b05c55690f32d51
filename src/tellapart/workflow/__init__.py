"""The main job, from pictures to a classifier and its report; and what is done with a finished run.

Everything is loaded when it is first used: what reads results alone needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_WHERE = {
    "ExternalEvaluation": "external",
    "FileAnswer": "prediction",
    "Scoring": "scoring",
    "classify_pictures": "imagenet",
    "evaluate_external": "external",
    "import_model": "importing",
    "inspect_pictures": "inspection",
    "mend_list": "label_errors",
    "predict": "prediction",
    "resume": "main_job",
    "train": "main_job",
}

__all__ = [
    "ExternalEvaluation",
    "FileAnswer",
    "Scoring",
    "classify_pictures",
    "evaluate_external",
    "import_model",
    "inspect_pictures",
    "mend_list",
    "predict",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from .external import ExternalEvaluation, evaluate_external
    from .imagenet import classify_pictures
    from .importing import import_model
    from .inspection import inspect_pictures
    from .label_errors import mend_list
    from .main_job import resume, train
    from .prediction import FileAnswer, predict
    from .scoring import Scoring
