"""The main job, from pictures to a classifier and its report; and what is done with a finished run."""

from .evaluate import evaluate_elsewhere
from .inspect import inspect_pictures
from .predict import predict
from .train import resume, train

__all__ = ["evaluate_elsewhere", "inspect_pictures", "predict", "resume", "train"]
