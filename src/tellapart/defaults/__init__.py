"""What is decided for the person where the recipe leaves it open, and why."""

from .baseline import baseline_recipe
from .budget import fit_to_time, shorten_to_time
from .choice import Choice
from .data import choose_data
from .preprocessing import preprocessing_of
from .pretrained import choose_start
from .training import choose_augmentation, choose_training, optimizer_for

__all__ = [
    "Choice",
    "baseline_recipe",
    "choose_augmentation",
    "choose_data",
    "choose_start",
    "choose_training",
    "fit_to_time",
    "optimizer_for",
    "preprocessing_of",
    "shorten_to_time",
]
