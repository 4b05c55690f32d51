"""tellapart: tell your pictures apart.

From a folder of labelled pictures to a classifier that you can trust::

    import tellapart

    run = tellapart.train("photos/")          # audit, split, baselines, network, report
    run.path / "report.html"
    tellapart.Classifier.load(run.path).classify("one.jpg")

Everything is loaded when it is first used: ``import tellapart`` itself loads neither torch nor NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

_WHERE = {
    "Answer": "classifier",
    "Audit": "images.audit",
    "Classifier": "classifier",
    "Dataset": "images",
    "Evaluation": "evaluation",
    "ExternalEvaluation": "workflow",
    "Figure": "evaluation",
    "FileAnswer": "workflow",
    "Net": "nets",
    "Picture": "images",
    "Predictions": "evaluation",
    "Preprocessing": "images",
    "Progress": "progress",
    "Recipe": "recipe",
    "Run": "run",
    "Scoring": "workflow",
    "Splits": "images",
    "Summary": "nets.summary",
    "TellapartError": "errors",
    "TerminalProgress": "cli.progress",
    "audit": "images.audit",
    "build_net": "nets",
    "classify_pictures": "workflow",
    "evaluate": "evaluation",
    "evaluate_external": "workflow",
    "import_model": "workflow",
    "inspect_pictures": "workflow",
    "mend_list": "workflow",
    "open_dataset": "images",
    "predict": "workflow",
    "resume": "workflow",
    "split": "images",
    "summarize": "nets.summary",
    "train": "workflow",
    "write_report": "report",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'tellapart' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from .classifier import Answer, Classifier
    from .cli.progress import TerminalProgress
    from .errors import TellapartError
    from .evaluation import Evaluation, Figure, Predictions, evaluate
    from .images import Dataset, Picture, Preprocessing, Splits, open_dataset, split
    from .images.audit import Audit, audit
    from .nets import Net, build_net
    from .nets.summary import Summary, summarize
    from .progress import Progress
    from .recipe import Recipe
    from .report import write_report
    from .run import Run
    from .workflow import (
        ExternalEvaluation,
        FileAnswer,
        Scoring,
        classify_pictures,
        evaluate_external,
        import_model,
        inspect_pictures,
        mend_list,
        predict,
        resume,
        train,
    )
