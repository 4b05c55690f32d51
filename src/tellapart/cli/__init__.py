"""The command line: one room per verb, each a thin call of the library."""

from .app import main

__all__ = ["main"]
