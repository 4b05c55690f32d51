"""Figures of the validation pictures after each epoch."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.blocks import batch_length
from ..images.preprocessing import Preprocessing
from ..nets import Net
from ..nets.base import two_logits
from ..nets.inputs import to_input
from .data import Pictures
from .devices import Devices, autocast, moved


@dataclasses.dataclass(frozen=True)
class Scores:
    """Figures of one pass: cross-entropy in nats, shares 0 to 1, and the share of embedding units that never move."""

    loss: float
    accuracy: float
    top5: float
    still_units: float


@dataclasses.dataclass(frozen=True)
class _Tally:
    """What is counted over some pictures: sums, and each embedding unit's least and greatest value."""

    loss: float
    hits: float
    hits5: float
    low: Tensor | None
    high: Tensor | None


def score(
    net: Net, pictures: Pictures, preprocessing: Preprocessing, *, devices: Devices, precision: str | None = None
) -> Scores:
    """Return the figures of a network, in evaluation mode and a precision, float32 where None, on some pictures.

    Each process looks at a part of the pictures; all get the same figures. A top-5 share with five classes or fewer
    is 1.
    """
    was_training = net.training
    net.eval()
    mine = pictures.some(devices.rows(len(pictures)))
    with autocast(devices.device, precision):
        tally = _tally(net, mine, preprocessing, device=devices.device)
    tallies = devices.gather(tally)
    net.train(was_training)
    n = len(pictures)
    return Scores(
        loss=sum(tally.loss for tally in tallies) / n,
        accuracy=sum(tally.hits for tally in tallies) / n,
        top5=sum(tally.hits5 for tally in tallies) / n,
        still_units=_still([(t.low, t.high) for t in tallies if t.low is not None and t.high is not None]),
    )


def score_logits(logits: Tensor, labels: Tensor) -> Scores:
    """Return the figures of logits, (n, classes), that stand already, as of a last layer learnt on features.

    Example:
        >>> score_logits(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])).accuracy
        0.5
    """
    loss, hits, hits5 = _counted(logits, labels)
    n = max(1, len(labels))
    return Scores(loss=loss / n, accuracy=hits / n, top5=hits5 / n, still_units=0.0)


def _counted(logits: Tensor, labels: Tensor) -> tuple[float, int, int]:
    """Return the cross-entropy, summed, and how many labels are the first and among the first five."""
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    return (
        float(F.cross_entropy(logits, labels, reduction="sum")),
        int(best[:, 0].sum()),
        int(best.any(dim=1).sum()),
    )


def _tally(net: Net, pictures: Pictures, preprocessing: Preprocessing, *, device: torch.device) -> _Tally:
    loss = hits = hits5 = 0.0
    low = high = None
    head = {id(value) for value in net.stages()["head"].parameters()}
    hidden = any(id(value) not in head for value in net.parameters())  # else its inputs are the pixels
    with torch.inference_mode():
        for pixels, labels in pictures.batches(batch_length(preprocessing.image_size)) if len(pictures) else ():
            labels = moved(labels, device)
            embedding = net.embed(to_input(moved(pixels, device), preprocessing))
            more = _counted(two_logits(net.classify(embedding)).float(), labels)
            loss, hits, hits5 = loss + more[0], hits + more[1], hits5 + more[2]
            if not hidden:
                continue
            least, most = embedding.float().amin(dim=0), embedding.float().amax(dim=0)
            low = least if low is None else torch.minimum(low, least)
            high = most if high is None else torch.maximum(high, most)
    return _Tally(loss, hits, hits5, None if low is None else low.cpu(), None if high is None else high.cpu())


def _still(ranges: list[tuple[Tensor, Tensor]]) -> float:
    """Return the share of units that have the same value for every picture; 0 where there are no units."""
    if not ranges:
        return 0.0
    lows, highs = zip(*ranges, strict=True)
    low, high = torch.stack(lows).amin(dim=0), torch.stack(highs).amax(dim=0)
    return float((low == high).float().mean())
