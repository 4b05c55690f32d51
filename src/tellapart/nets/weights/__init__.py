"""Weights: found on this machine or fetched, checked, and put into a network."""

from .imagenet import imagenet_classes
from .load import LoadedWeights, load_weights
from .places import find_weights

__all__ = ["LoadedWeights", "find_weights", "imagenet_classes", "load_weights"]
