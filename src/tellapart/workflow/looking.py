"""What a classifier says and sees of many pictures, as fast as this machine gives it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..classifier import Classifier
from ..nets import Net
from ..nets.base import two_logits
from ..runtime import tuned
from ..training.lanes import Lanes

MANY = 512
"""Pictures from which it pays to make a network over for inference, which takes one to three seconds."""


class Looker:
    """Looks at pictures with a classifier, a block at a time; a context, which ends the threads that it computes with.

    Where there are many, a network with depthwise convolutions looks at them in ``Lanes``, on a CPU; all others are as
    quick as they stand. Both say the same but for rounding.

    Args:
        classifier: on the device to compute on.
        pictures: how many there will be, or ``MANY`` of more.
        threads: CPU threads; all usable processors where None.

    Example:
        >>> from tellapart.classifier import Description
        >>> from tellapart.images.preprocessing import Preprocessing
        >>> description = Description(net="softmax", class_names=("cat", "dog"),
        ...     preprocessing=Preprocessing(image_size=(8, 8), channels=1))
        >>> classifier = Classifier(description.build(), description)
        >>> with Looker(classifier, pictures=3) as looker:
        ...     logits, embeddings = looker.look(np.zeros((3, 8, 8, 1), dtype=np.uint8))
        >>> logits.shape, embeddings.shape
        ((3, 2), (3, 64))
    """

    def __init__(self, classifier: Classifier, *, pictures: int, threads: int | None = None) -> None:
        self._classifier, self._threads = classifier, threads
        on_cpu = next(classifier.net.parameters()).device.type == "cpu"
        self._in_lanes = on_cpu and pictures >= MANY and _has_depthwise(classifier.net)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._in_lanes:
            net, preprocessing = self._classifier.net.eval(), self._classifier.preprocessing
            self._lanes = self._open.enter_context(Lanes(net, preprocessing, threads=self._threads))
        return self

    def look(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits, float32 (N, classes), and embeddings, float32 (N, D), of pixels, uint8 (N, *image_size, C)."""
        with tuned(self._threads), torch.inference_mode():
            if not self._in_lanes or not len(pixels):
                return self._classifier.look(pixels)
            embeddings = np.concatenate(list(self._lanes.over(pixels, np.arange(len(pixels)))))
            torch.set_num_threads(torch.get_num_threads())  # what a lane sets for itself, new threads would take over
            logits = two_logits(self._classifier.net.classify(torch.from_numpy(embeddings)))
            return logits.float().numpy(), embeddings

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _has_depthwise(net: Net) -> bool:
    """Return whether a network has convolutions of single maps, which take their time for memory, not arithmetic."""
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    return any(1 < module.groups == module.in_channels for module in convolutions)
