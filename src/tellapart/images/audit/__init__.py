"""Audit: what is wrong with these pictures, before anything is trained on them."""

from .distributions import Distribution
from .kind import Kind, guess_kind
from .leaks import Leak
from .near import Repeats, find_repeats
from .remember import repeats_of
from .result import Audit, Finding
from .survey import audit, drop_leaks

__all__ = [
    "Audit",
    "Distribution",
    "Finding",
    "Kind",
    "Leak",
    "Repeats",
    "audit",
    "drop_leaks",
    "find_repeats",
    "guess_kind",
    "repeats_of",
]
