"""Networks: one readable file each, found by name, with what they cost and what they were made for."""

from .base import Net, NetSpec, build_net, net, nets
from .summary import Summary, summarize
from .tracing import Layer

__all__ = ["Layer", "Net", "NetSpec", "Summary", "build_net", "net", "nets", "summarize"]
