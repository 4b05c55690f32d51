"""Hand-made features and the classical classifiers on them: the baselines of every network."""

from .base import ClassifierSpec, FeatureSpec, classifier, classifiers, feature, features
from .extraction import extract
from .pipeline import build_pipeline, predict_log_probabilities, split_name

__all__ = [
    "ClassifierSpec",
    "FeatureSpec",
    "build_pipeline",
    "classifier",
    "classifiers",
    "extract",
    "feature",
    "features",
    "predict_log_probabilities",
    "split_name",
]
