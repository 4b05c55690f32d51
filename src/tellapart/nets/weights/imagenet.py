"""The names of ImageNet's 1,000 classes."""

from __future__ import annotations

import functools
from importlib import resources


@functools.cache
def imagenet_classes() -> tuple[str, ...]:
    """Return the 1,000 class names of ImageNet's challenge of 2012, in the order of every published network.

    Returns:
        1,000 different names: the class of output 281 is ``imagenet_classes()[281]``.

    Source: Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, https://arxiv.org/abs/1409.0575;
    the words are WordNet's.

    Example:
        >>> from tellapart.nets.weights import imagenet_classes
        >>> names = imagenet_classes()
        >>> len(names), names[0], names[281], names[999]
        (1000, 'tench', 'tabby', 'toilet tissue')
    """
    text = resources.files(__package__).joinpath("imagenet_classes.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))
