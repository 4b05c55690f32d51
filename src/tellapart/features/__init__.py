"""Hand-made features and the classical classifiers on them: the baselines of every network."""

from .base import ClassifierSpec, FeatureSpec, checked_options, classifier, classifiers, feature, features
from .extraction import Extracted, extract, extract_timed
from .pipeline import build_pipeline, predict_log_probabilities, split_name

__all__ = [
    "ClassifierSpec",
    "Extracted",
    "FeatureSpec",
    "build_pipeline",
    "checked_options",
    "classifier",
    "classifiers",
    "extract",
    "extract_timed",
    "feature",
    "features",
    "predict_log_probabilities",
    "split_name",
]
