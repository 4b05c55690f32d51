"""Where pictures come from: one file a format."""

from .base import Place, Source, open_dataset, source, sources

__all__ = ["Place", "Source", "open_dataset", "source", "sources"]
