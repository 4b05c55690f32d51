"""The main job, from pictures to a classifier and its report; and what is done with a finished run."""

from .external import ExternalEvaluation, evaluate_external
from .imagenet import classify_pictures, imagenet_classifier
from .importing import import_model
from .inspection import inspect_pictures
from .label_errors import find_run_label_errors, mend_list
from .main_job import resume, train
from .prediction import Prediction, predict
from .scoring import Scoring

__all__ = [
    "ExternalEvaluation",
    "Prediction",
    "Scoring",
    "classify_pictures",
    "evaluate_external",
    "find_run_label_errors",
    "imagenet_classifier",
    "import_model",
    "inspect_pictures",
    "mend_list",
    "predict",
    "resume",
    "train",
]
