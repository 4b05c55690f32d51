"""Random changes to a batch of pictures: geometry in one resampling, then light, then what is hidden."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recipe import AugmentRecipe

GEOMETRY = ("rotation", "shift", "shear", "zoom", "stretch", "elastic")
ELASTIC_GRID = 5
"""Control points a side of the smooth displacement field."""


def augment(pictures: Tensor, recipe: AugmentRecipe, *, generator: torch.Generator, span: float = 1.0) -> Tensor:
    """Return the batch with each picture changed at random, in ways that leave its class as it is.

    What a turn or shift uncovers takes the nearest pixel's value.

    Args:
        pictures: float32 (N, C, H, W), preprocessed.
        recipe: what is changed, and by how much at most.
        generator: on the CPU; the same one gives the same changes.
        span: the preprocessed value of white less that of black: brightness and noise are fractions of it.

    Returns:
        float32 (N, C, H, W), in the same memory format; the batch itself where nothing is switched on.

    Example:
        >>> import torch
        >>> batch = torch.arange(6.0).reshape(1, 1, 2, 3)
        >>> flipped = augment(batch.repeat(8, 1, 1, 1), AugmentRecipe(flip_horizontal=True),
        ...     generator=torch.Generator().manual_seed(0))
        >>> sorted({tuple(picture.flatten().tolist()) for picture in flipped})
        [(0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (2.0, 1.0, 0.0, 5.0, 4.0, 3.0)]
    """
    parts = recipe.parts()
    if any(name in parts for name in GEOMETRY):
        pictures = _resampled(pictures, recipe, generator)
    else:
        pictures = _flipped(pictures, recipe, generator)
    pictures = _relit(pictures, recipe, generator, span)
    return _erased(pictures, recipe, generator) if recipe.erase else pictures


def _uniform(n: int, most: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(n, generator=generator) * 2 - 1) * most


def _coins(n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator) < 0.5


def _flipped(pictures: Tensor, recipe: AugmentRecipe, generator: torch.Generator) -> Tensor:
    for wanted, axis in ((recipe.flip_horizontal, 3), (recipe.flip_vertical, 2)):
        if wanted:
            turned = _coins(len(pictures), generator).to(pictures.device)[:, None, None, None]
            pictures = torch.where(turned, pictures.flip(axis), pictures)
    return pictures


def _resampled(pictures: Tensor, recipe: AugmentRecipe, generator: torch.Generator) -> Tensor:
    n, _, height, width = pictures.shape
    theta = _affine(n, recipe, generator, aspect=height / width)
    grid = F.affine_grid(theta, [n, 1, height, width], align_corners=False)
    if recipe.elastic:
        control = (torch.rand(n, 2, ELASTIC_GRID, ELASTIC_GRID, generator=generator) * 2 - 1) * 2 * recipe.elastic
        field = F.interpolate(control, size=(height, width), mode="bicubic", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 1)
    out = F.grid_sample(pictures, grid.to(pictures.device), mode="bilinear", padding_mode="border", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)


def _affine(n: int, recipe: AugmentRecipe, generator: torch.Generator, *, aspect: float) -> Tensor:
    """Return (N, 2, 3): where each output position, in −1 to 1, is read from."""
    angle = _uniform(n, math.radians(recipe.rotation), generator)
    shear = torch.tan(_uniform(n, math.radians(recipe.shear), generator))
    scale = 1 / (1 + _uniform(n, recipe.zoom, generator))
    ratio = (1 + _uniform(n, recipe.stretch, generator)).sqrt()
    x_scale, y_scale = scale * ratio, scale / ratio
    x_scale = torch.where(_coins(n, generator), -x_scale, x_scale) if recipe.flip_horizontal else x_scale
    y_scale = torch.where(_coins(n, generator), -y_scale, y_scale) if recipe.flip_vertical else y_scale
    cos, sin = torch.cos(angle), torch.sin(angle)
    # x and y count in half widths and half heights: a turn in pixels mixes them by the picture's aspect.
    rows = [
        torch.stack(
            [cos * x_scale, (shear * cos - sin) * aspect * y_scale, _uniform(n, 2 * recipe.shift, generator)], 1
        ),
        torch.stack(
            [sin / aspect * x_scale, (shear * sin + cos) * y_scale, _uniform(n, 2 * recipe.shift, generator)], 1
        ),
    ]
    return torch.stack(rows, dim=1)


def _relit(pictures: Tensor, recipe: AugmentRecipe, generator: torch.Generator, span: float) -> Tensor:
    n = len(pictures)
    if recipe.contrast:
        factor = (1 + _uniform(n, recipe.contrast, generator)).to(pictures.device)[:, None, None, None]
        mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
        pictures = torch.lerp(mean, pictures, factor)
    if recipe.brightness:
        pictures = pictures + _uniform(n, recipe.brightness * span, generator).to(pictures.device)[:, None, None, None]
    if recipe.noise:
        noise = torch.randn(pictures.shape, generator=generator).to(pictures.device)
        pictures = pictures + noise * (recipe.noise * span)
    return pictures


def _erased(pictures: Tensor, recipe: AugmentRecipe, generator: torch.Generator) -> Tensor:
    """Put the picture's mean over a rectangle of 2 to 20% of the area (Z. Zhong et al., "Random Erasing", 2020)."""
    n, _, height, width = pictures.shape
    area = 0.02 + 0.18 * torch.rand(n, generator=generator)
    aspect = torch.exp(_uniform(n, math.log(3), generator))
    half_height, half_width = (area * aspect).sqrt() * height / 2, (area / aspect).sqrt() * width / 2
    row, column = torch.rand(n, generator=generator) * height, torch.rand(n, generator=generator) * width
    hidden = (torch.rand(n, generator=generator) < recipe.erase)[:, None, None]
    rows = (torch.arange(height)[None, :, None] - row[:, None, None]).abs() <= half_height[:, None, None]
    columns = (torch.arange(width)[None, None, :] - column[:, None, None]).abs() <= half_width[:, None, None]
    mask = (rows & columns & hidden)[:, None].to(pictures.device)
    return torch.where(mask, pictures.mean(dim=(1, 2, 3), keepdim=True), pictures)
