"""Muon: momentum whose steps are orthogonal matrices, for weights that are matrices; AdamW for all others.

Sources: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, a Newton–Schulz iteration.
AdamW: I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x, x³ and x⁵ in one pass of the iteration: they move all singular values of 0.001 to 1 close to 1 quickly."""

PASSES = 5

Groups = list[dict[str, Any]]


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return the matrices with nearly the same singular vectors, and singular values close to 1 (0.7 to 1.2).

    Each pass is X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X. All of them are polynomials in X Xᵀ, so that the passes work on
    that square alone: two to four times as fast where a convolution has nine inputs for each output.

    Args:
        matrices: float32 (k, rows, columns).

    Returns:
        float32 (k, rows, columns).

    Example:
        >>> import torch
        >>> made = orthogonalized(torch.diag(torch.tensor([1.0, 0.1])).expand(1, 2, 2))
        >>> bool(((made[0].diagonal() > 0.7) & (made[0].diagonal() < 1.2)).all())
        True
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalized(matrices.mT).mT
    scaled = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    square = scaled @ scaled.mT
    one = torch.eye(square.shape[1], dtype=square.dtype, device=square.device)
    whole: Tensor = one.expand_as(square)
    a, b, c = COEFFICIENTS
    for _ in range(PASSES):
        polynomial = torch.baddbmm(b * square, square, square, alpha=c) + a * one
        whole = polynomial @ whole
        square = polynomial @ square @ polynomial
    return torch.bmm(whole, scaled)


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
        """Move a group's matrices; those of one shape are orthogonalised together."""
        shapes: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for weights in group["params"]:
            if weights.grad is not None:
                matrix = self._pushed(weights, group["momentum"])
                shapes.setdefault((matrix.shape[0], matrix.shape[1]), []).append((weights, matrix))
        for (rows, columns), found in shapes.items():
            steps = orthogonalized(torch.stack([matrix for _, matrix in found]))
            rate = group["lr"] * max(1.0, rows / columns) ** 0.5
            for (weights, _), step in zip(found, steps, strict=True):
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
        return matrix.view(weights.shape)
    outputs, inputs, height, width = weights.shape
    return matrix.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
