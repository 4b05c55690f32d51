"""The main job, from pictures to a classifier and its report; and what is done with a finished run."""

from .classification import classify_pictures, imagenet_classifier
from .elsewhere import evaluate_elsewhere
from .importing import import_model
from .inspection import inspect_pictures
from .main_job import resume, train
from .prediction import predict

__all__ = [
    "classify_pictures",
    "evaluate_elsewhere",
    "imagenet_classifier",
    "import_model",
    "inspect_pictures",
    "predict",
    "resume",
    "train",
]
