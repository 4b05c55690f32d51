"""Figures of the validation pictures after each epoch."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F

from ..classifier import to_input, two_sided
from ..images.preprocessing import Preprocessing
from ..nets import Net
from .data import Pictures

EVALUATION_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Scores:
    """Figures of one pass: cross-entropy in nats, shares 0 to 1, and the share of embedding units that never move."""

    loss: float
    accuracy: float
    top5: float
    still_units: float


def score(net: Net, pictures: Pictures, preprocessing: Preprocessing, *, device: torch.device) -> Scores:
    """Return the figures of a network, in evaluation mode and float32, on some pictures.

    A top-5 share with five classes or fewer is 1.
    """
    was_training = net.training
    net.eval()
    loss = hits = hits5 = 0.0
    low = high = None
    with torch.inference_mode():
        for pixels, labels in pictures.batches(EVALUATION_BATCH):
            labels = labels.to(device)
            embedding = net.embed(to_input(pixels.to(device), preprocessing))
            logits = two_sided(net.classify(embedding)).float()
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
            hits += int(best[:, 0].sum())
            hits5 += int(best.any(dim=1).sum())
            least, most = embedding.amin(dim=0), embedding.amax(dim=0)
            low = least if low is None else torch.minimum(low, least)
            high = most if high is None else torch.maximum(high, most)
    net.train(was_training)
    still = float((low == high).float().mean()) if low is not None and high is not None else 0.0
    n = len(pictures)
    return Scores(loss / n, hits / n, hits5 / n, still)
