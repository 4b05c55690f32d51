"""Networks: one readable file each, found by name, with what they cost and what they were made for."""

from .base import Net, NetSpec, build_net, net, nets

__all__ = ["Net", "NetSpec", "build_net", "net", "nets"]
