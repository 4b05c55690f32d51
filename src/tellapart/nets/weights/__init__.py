"""Weights: found on this machine or fetched, checked, and put into a network."""

from .imagenet import imagenet_classes
from .load import LoadedWeights, expected_pixels, load_weights
from .locate import find_weights

__all__ = ["LoadedWeights", "expected_pixels", "find_weights", "imagenet_classes", "load_weights"]
