"""Muon: momentum whose steps are orthogonal matrices, for weights that are matrices; AdamW for all others.

Sources: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, a Newton–Schulz iteration.
AdamW: I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x, x³ and x⁵ in one pass of the iteration: they move all singular values of 0.001 to 1 close to 1 quickly."""

PASSES = 5

Groups = list[dict[str, Any]]


def orthogonalized(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return matrices with nearly the same singular vectors, and singular values close to 1 (0.7 to 1.2).

    Each pass is X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X. All of them are polynomials in X Xᵀ, so that the passes work on
    that square alone, and on all squares of one size at once.

    Args:
        matrices: float32 (rows, columns), of any sizes.

    Returns:
        float32, as many of the same sizes.

    Example:
        >>> import torch
        >>> (made,) = orthogonalized([torch.diag(torch.tensor([1.0, 0.1]))])
        >>> bool(((made.diagonal() > 0.7) & (made.diagonal() < 1.2)).all())
        True
    """
    wide = [one if one.shape[0] <= one.shape[1] else one.mT for one in matrices]
    scaled = [one / (torch.linalg.vector_norm(one) + 1e-7) for one in wide]
    sizes: dict[int, list[int]] = {}
    for number, one in enumerate(scaled):
        sizes.setdefault(one.shape[0], []).append(number)
    out = list(scaled)
    for numbers in sizes.values():
        squares = torch.stack([torch.mm(scaled[number], scaled[number].mT) for number in numbers])
        for number, whole in zip(numbers, _all_passes(squares), strict=True):
            out[number] = torch.mm(whole, scaled[number])
    return [one if one.shape == given.shape else one.mT for one, given in zip(out, matrices, strict=True)]


def _all_passes(squares: Tensor) -> Tensor:
    """Return the product of all passes' polynomials, (k, n, n), of X Xᵀ, (k, n, n), which commute with it."""
    a, b, c = COEFFICIENTS
    whole = None
    for number in range(PASSES):
        polynomial = torch.baddbmm(squares, squares, squares, beta=b, alpha=c)
        polynomial.diagonal(dim1=1, dim2=2).add_(a)
        whole = polynomial if whole is None else torch.bmm(polynomial, whole)
        if number < PASSES - 1:
            squares = torch.bmm(torch.bmm(polynomial, squares), polynomial)
    assert whole is not None
    return whole


class Muon(torch.optim.Optimizer):
    """Both optimisers as one, over groups of parameters.

    A convolution's weights (outputs, inputs, height, width) are a matrix of a row an output. Its step has singular
    values of about 1, times the learning rate, and times the root of rows / columns where there are more rows.

    Args:
        matrices: groups of weights with two axes or more, each with ``params``, ``lr`` and ``weight_decay``.
        others: groups for AdamW, likewise.
        momentum: 0 to 1, Nesterov's.
        adamw: the class that moves the others.
    """

    def __init__(
        self, matrices: Groups, others: Groups, *, momentum: float, adamw: Callable[..., torch.optim.Optimizer]
    ) -> None:
        self._adamw = adamw(others, fused=True)
        marked = [{**group, "momentum": momentum} for group in matrices]
        super().__init__([*marked, *self._adamw.param_groups], {})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move all weights down their gradients.

        Raises:
            TypeError: a closure was given; there is one gradient a step.
        """
        if closure is not None:
            raise TypeError("closure must be None: Muon takes one gradient a step")
        for group in self.param_groups:
            if "momentum" in group:
                self._step_matrices(group)
        # Groups and state are replaced where a checkpoint is loaded.
        self._adamw.param_groups = [group for group in self.param_groups if "momentum" not in group]
        self._adamw.state = self.state
        self._adamw.step()
        return None

    def _step_matrices(self, group: dict[str, Any]) -> None:
        """Move a group's matrices."""
        moving = [weights for weights in group["params"] if weights.grad is not None]
        matrices = [self._pushed(weights, group["momentum"]) for weights in moving]
        for weights, step in zip(moving, orthogonalized(matrices), strict=True):
            rate = group["lr"] * max(1.0, step.shape[0] / step.shape[1]) ** 0.5
            weights.mul_(1 - group["lr"] * group["weight_decay"])
            weights.add_(_as_weights(step, weights), alpha=-rate)

    def _pushed(self, weights: Tensor, momentum: float) -> Tensor:
        """Return the gradient with its momentum, as a matrix (outputs, inputs × height × width)."""
        gradient = weights.grad
        assert gradient is not None
        state = self.state[weights]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weights)
        buffer = state["momentum_buffer"].mul_(momentum).add_(gradient)
        pushed = torch.add(gradient, buffer, alpha=momentum)
        # channels last, as the weights lie in memory: a view and no copy
        return (pushed.permute(0, 2, 3, 1) if pushed.ndim == 4 else pushed).flatten(1).float()


def _as_weights(matrix: Tensor, weights: Tensor) -> Tensor:
    """Return a matrix in the shape of the weights that it was made from."""
    if weights.ndim != 4:
        return matrix.reshape(weights.shape)
    outputs, inputs, height, width = weights.shape
    return matrix.reshape(outputs, height, width, inputs).permute(0, 3, 1, 2)
