"""The version, in a room of its own below all others."""

__version__ = "0.1.0"
