"""The last layer of transfer learning: a logistic regression on features, its penalty chosen by cross-validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import NetError
from ..evaluation import Fold, make_folds
from ..nets import Net
from ..runtime import tuned
from .optimizers import uncompiled

PENALTIES = tuple(10.0**power for power in (-5, -4, -3, -2, -1))
"""L2 penalties on standardised features among which cross-validation chooses."""

FOLDS = 5

LEAST_SPREAD = 0.02
"""Of the largest standard deviation, what each feature's counts as at least: one that is all but the same in all
training pictures would else drown the others in a picture in which it is not. Of 3,000 photographs' the least is 0.024
of the largest."""


@dataclasses.dataclass(frozen=True)
class Head:
    """A last layer that was learnt on features.

    Attributes:
        weight: float32 (K, D).
        bias: float32 (K,).
        penalty: the L2 penalty chosen.
        accuracy: by penalty, the cross-validated share right, 0 to 1; empty where too few pictures allow no folds.
        log_loss: by penalty, the cross-validated cross-entropy in nats, by which the penalty was chosen.
    """

    weight: Tensor
    bias: Tensor
    penalty: float
    accuracy: dict[float, float]
    log_loss: dict[float, float]


def fit_head(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    classes: int,
    groups: NDArray[Any] | None = None,
    class_weights: Tensor | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Head:
    """Learn a multinomial logistic regression on features, its penalty chosen by stratified cross-validation.

    Args:
        features: float32 (N, D).
        labels: int64 (N,), 0 to classes − 1.
        classes: K.
        groups: (N,) who or what each picture is of; a group is on one side of each fold. None where there are none.
        class_weights: float32 (K,), what the loss of each picture is multiplied by; none where None.
        seed: of the folds.
        threads: CPU threads; all usable processors where None.

    Returns:
        the last layer, for features as they are: the standardisation is folded in.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat([0, 1], 40)
        >>> features = rng.normal(size=(80, 3)).astype(np.float32) + 4 * labels[:, None]
        >>> head = fit_head(features.astype(np.float32), labels, classes=2)
        >>> max(head.accuracy.values()) > 0.95
        True
    """
    x, y = torch.from_numpy(np.require(features, requirements="W")), torch.from_numpy(labels)
    mean, std = x.mean(dim=0), x.std(dim=0)
    std = std.clamp_min(max(1e-6, LEAST_SPREAD * float(std.max())))
    x = (x - mean).div_(std)
    del features  # where nobody else needs them: five gigabytes of a million pictures
    count = min(FOLDS, int(np.bincount(labels).max()), len(labels if groups is None else np.unique(groups)))
    folds = make_folds(labels, folds=count, groups=groups, seed=seed) if count > 1 else ()
    weights = None if class_weights is None else class_weights[y]
    with tuned(threads):
        accuracy, log_loss = _cross_validated(x, y, folds, classes=classes, weights=weights)
        # Shares right differ by a picture or two, which is chance; the log loss weighs how sure each answer is.
        best = min(log_loss, key=lambda penalty: (log_loss[penalty], -penalty), default=PENALTIES[len(PENALTIES) // 2])
        weight, bias = _logistic(x, y, classes=classes, penalty=best, weights=weights)
    weight = weight / std
    return Head(weight, bias - weight @ mean, best, accuracy, log_loss)


def _cross_validated(
    x: Tensor, y: Tensor, folds: Sequence[Fold], *, classes: int, weights: Tensor | None = None
) -> tuple[dict[float, float], dict[float, float]]:
    """Return the share right and the cross-entropy by penalty; nothing where no held-out picture can be judged.

    A picture whose class the other folds lack, because its pictures are one group, says nothing of a penalty.
    """
    hits, loss = dict.fromkeys(PENALTIES, 0.0), dict.fromkeys(PENALTIES, 0.0)
    judged = 0
    for fold in folds:
        train, held = torch.from_numpy(fold.train), torch.from_numpy(fold.held_out)
        x_train, y_train, start = x[train], y[train], None
        held = held[torch.isin(y[held], y_train)]
        x_held, y_held = x[held], y[held]
        w_train, w_held = (None, 1.0) if weights is None else (weights[train], weights[held])
        judged += len(held)
        for penalty in sorted(PENALTIES, reverse=True):  # each from the last one's solution: it is near
            start = _logistic(x_train, y_train, classes=classes, penalty=penalty, start=start, weights=w_train)
            weight, bias = start
            said = x_held @ weight.T + bias
            hits[penalty] += float((said.argmax(dim=1) == y_held).sum())
            loss[penalty] += float((F.cross_entropy(said, y_held, reduction="none") * w_held).double().sum())
    if not judged:
        return {}, {}
    return {p: hits[p] / judged for p in PENALTIES}, {p: loss[p] / judged for p in PENALTIES}


def set_head(net: Net, head: Head) -> None:
    """Put a learnt last layer into a network; two classes become one sigmoid where the network has one output.

    Raises:
        NetError: the network's head is no dense layer of the right shape.
    """
    weight, bias = head.weight, head.bias
    dense = [module for module in net.stages()["head"].modules() if isinstance(module, nn.Linear)]
    if dense and dense[-1].out_features == 1 and len(bias) == 2:
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    if not dense or dense[-1].weight.shape != weight.shape:
        raise NetError(
            f"the last layer of {type(net).__name__} cannot take one that was learnt on features, of shape "
            f"{tuple(weight.shape)}: use transfer = 'none'"
        )
    with torch.no_grad():
        dense[-1].weight.copy_(weight)
        dense[-1].bias.copy_(bias)


def _logistic(
    x: Tensor,
    y: Tensor,
    *,
    classes: int,
    penalty: float,
    start: tuple[Tensor, Tensor] | None = None,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    zeros = torch.zeros(classes, x.shape[1]), torch.zeros(classes)
    weight, bias = (tensor.clone().requires_grad_(True) for tensor in start or zeros)
    optimizer = uncompiled(torch.optim.LBFGS)(
        [weight, bias], max_iter=100, history_size=10, line_search_fn="strong_wolfe", tolerance_change=1e-6
    )

    def closure() -> float:
        optimizer.zero_grad()
        logits = x @ weight.T + bias
        each = F.cross_entropy(logits, y, reduction="mean" if weights is None else "none")
        loss = (each if weights is None else (each * weights).mean()) + penalty * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)
    return weight.detach(), bias.detach()
