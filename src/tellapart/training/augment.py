"""Random changes to a batch of pictures: geometry in one resampling, then colour and light, then what is hidden."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recipe import AugmentRecipe
from .devices import Portion

GEOMETRY = ("rotation", "shift", "crop", "shear", "zoom", "stretch", "elastic")
ELASTIC_GRID = 5
"""Control points a side of the smooth displacement field."""

YIQ = ((0.299, 0.587, 0.114), (0.59590059, -0.27455667, -0.32134392), (0.21153661, -0.52273617, 0.31119955))
"""Of red, green and blue: luminance, and the plane in which a hue is an angle and saturation a length (NTSC)."""


@dataclasses.dataclass(frozen=True)
class Draws:
    """Random numbers for each picture of a batch, of which a process may hold a part alone.

    They are drawn for the whole batch, so that a picture is changed alike whichever process has it.

    Attributes:
        generator: on the CPU.
        portion: which pictures of how many.
    """

    generator: torch.Generator
    portion: Portion

    def rand(self, *shape: int) -> Tensor:
        """Return uniform numbers, 0 to 1, float32 (n, *shape)."""
        return torch.rand(self.portion.of, *shape, generator=self.generator)[self.portion.part]

    def randn(self, *shape: int) -> Tensor:
        """Return standard normal numbers, float32 (n, *shape)."""
        return torch.randn(self.portion.of, *shape, generator=self.generator)[self.portion.part]

    def between(self, most: float) -> Tensor:
        """Return uniform numbers, −most to most, float32 (n,)."""
        return (self.rand() * 2 - 1) * most

    def coins(self) -> Tensor:
        """Return what tossed coins show, bool (n,)."""
        return self.rand() < 0.5


def augment(
    pictures: Tensor,
    recipe: AugmentRecipe,
    *,
    generator: torch.Generator,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    portion: Portion | None = None,
) -> Tensor:
    """Return the batch with each picture changed at random, in ways that leave its class as it is.

    What a turn or shift uncovers takes the nearest pixel's value.

    Args:
        pictures: float32 (N, C, H, W), preprocessed; in colour where ``recipe`` changes hue or saturation.
        recipe: what is changed, and by how much at most.
        generator: on the CPU; the same one gives the same changes.
        mean: of the preprocessing, where black is 0 and white is 1: one for each channel, or for all.
        std: likewise; brightness and noise are fractions of the range from black to white.
        portion: which part of a batch the pictures are; all of it where None.

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
    draws = Draws(generator, portion or Portion(slice(0, len(pictures)), len(pictures)))
    if any(name in parts for name in GEOMETRY):
        pictures = _resampled(pictures, recipe, draws)
    else:
        pictures = _flipped(pictures, recipe, draws)
    if recipe.stroke:
        pictures = _redrawn(pictures, recipe.stroke, draws)
    if recipe.hue or recipe.saturation:
        pictures = _recoloured(pictures, recipe, draws, mean=mean, std=std)
    pictures = _relit(pictures, recipe, draws, 1.0 / min(std))
    return _erased(pictures, recipe, draws) if recipe.erase else pictures


def _flipped(pictures: Tensor, recipe: AugmentRecipe, draws: Draws) -> Tensor:
    for wanted, axis in ((recipe.flip_horizontal, 3), (recipe.flip_vertical, 2)):
        if wanted:
            turned = draws.coins().to(pictures.device)[:, None, None, None]
            pictures = torch.where(turned, pictures.flip(axis), pictures)
    return pictures


def _resampled(pictures: Tensor, recipe: AugmentRecipe, draws: Draws) -> Tensor:
    n, _, height, width = pictures.shape
    theta = _affine(recipe, draws, aspect=height / width)
    # An output pixel (y, x) reads at the sum over ij of rows[y, i] weights[i, j] columns[x, j]: small products for the
    # turn and the smooth field together, in a twentieth of the time of affine_grid and interpolate.
    weights = torch.zeros(n, 2, ELASTIC_GRID + 2, ELASTIC_GRID + 2)
    weights[:, :, -1, -2], weights[:, :, -2, -1], weights[:, :, -1, -1] = theta.unbind(dim=2)
    if recipe.elastic:
        control = draws.rand(2, ELASTIC_GRID, ELASTIC_GRID) * 2 - 1
        weights[:, :, :ELASTIC_GRID, :ELASTIC_GRID] = control * 2 * recipe.elastic
    rows, columns = (_basis(side).to(pictures.device) for side in (height, width))
    grid = (rows @ weights.to(pictures.device) @ columns.T).permute(0, 2, 3, 1)
    if pictures.device.type == "mps":  # which had no border padding before PyTorch 2.13
        return F.grid_sample(pictures, within(grid, height=height, width=width), align_corners=False)
    out = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)


def within(grid: Tensor, *, height: int, width: int) -> Tensor:
    """Return (N, height, width, 2) places (x, y) in −1 to 1 with those beyond the outer pixels' centres moved there.

    Bilinear sampling there needs no padding, and gives what border padding gives.
    """
    most = 1 - 1 / torch.tensor([width, height], dtype=grid.dtype, device=grid.device)
    return torch.minimum(torch.maximum(grid, -most), most)


@functools.cache
def _basis(side: int) -> Tensor:
    """Return (side, ELASTIC_GRID + 2): what the control points, the place from −1 to 1 and a constant give a pixel."""
    points = torch.eye(ELASTIC_GRID)[None, None]
    spline = F.interpolate(points, (side, ELASTIC_GRID), mode="bicubic", align_corners=True)
    place = (torch.arange(side) * 2 + 1) / side - 1
    return torch.cat([spline[0, 0], place[:, None], torch.ones(side, 1)], dim=1)


def _affine(recipe: AugmentRecipe, draws: Draws, *, aspect: float) -> Tensor:
    """Return (N, 2, 3): where each output position, in −1 to 1, is read from."""
    angle = draws.between(math.radians(recipe.rotation))
    shear = torch.tan(draws.between(math.radians(recipe.shear)))
    scale = 1 / (1 + draws.between(recipe.zoom))
    ratio = (1 + draws.between(recipe.stretch)).sqrt()
    x_move, y_move = draws.between(2 * recipe.shift), draws.between(2 * recipe.shift)
    if recipe.crop:  # a smaller part of the picture, which lies inside it
        side = (1 - recipe.crop * draws.rand()).sqrt()
        scale = scale * side
        x_move, y_move = (move + draws.between(1.0) * (1 - side) for move in (x_move, y_move))
    x_scale, y_scale = scale * ratio, scale / ratio
    x_scale = torch.where(draws.coins(), -x_scale, x_scale) if recipe.flip_horizontal else x_scale
    y_scale = torch.where(draws.coins(), -y_scale, y_scale) if recipe.flip_vertical else y_scale
    cos, sin = torch.cos(angle), torch.sin(angle)
    # x and y count in half widths and half heights: a turn in pixels mixes them by the picture's aspect.
    rows = [
        torch.stack([cos * x_scale, (shear * cos - sin) * aspect * y_scale, x_move], 1),
        torch.stack([sin / aspect * x_scale, (shear * sin + cos) * y_scale, y_move], 1),
    ]
    return torch.stack(rows, dim=1)


def _redrawn(pictures: Tensor, most: float, draws: Draws) -> Tensor:
    """Draw strokes thicker or thinner: each picture is blended with its 3×3 maximum or minimum, one of them by a coin.

    Which of the two thickens depends on whether ink is dark; over both coins it is the same.
    """
    blend = (draws.rand() * most).to(pictures.device)[:, None, None, None]
    sign = (draws.coins().to(pictures) * 2 - 1)[:, None, None, None]
    signed = pictures * sign  # the minimum is the negative's maximum: one of them serves both
    return torch.lerp(signed, _local_maximum(signed), blend).mul_(sign)


def _local_maximum(pictures: Tensor) -> Tensor:
    """Return the maximum of each pixel's 3×3 neighbourhood, in a thirtieth of the time of max_pool2d."""
    for axis in (2, 3):
        last = pictures.shape[axis] - 1
        before, after = pictures.narrow(axis, 0, last), pictures.narrow(axis, 1, last)
        pictures = pictures.clone()
        for part, neighbour in ((pictures.narrow(axis, 0, last), after), (pictures.narrow(axis, 1, last), before)):
            torch.maximum(part, neighbour, out=part)
    return pictures


def _recoloured(
    pictures: Tensor, recipe: AugmentRecipe, draws: Draws, *, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Turn all hues of a picture by one angle and scale its saturation; luminance and greys stay as they are."""
    yiq = torch.tensor(YIQ)
    angle, factor = draws.between(math.radians(recipe.hue)), 1 + draws.between(recipe.saturation)
    i, q = factor * torch.cos(angle), factor * torch.sin(angle)
    zero, one = torch.zeros_like(i), torch.ones_like(i)
    turn = torch.stack([one, zero, zero, zero, i, -q, zero, q, i], dim=1).reshape(-1, 3, 3)
    matrix = torch.linalg.inv(yiq) @ turn @ yiq
    # It is of black 0 and white 1, and the pictures are (those − mean) / std.
    centre, scale = (torch.tensor(value).expand(3) for value in (mean, std))
    moved = ((matrix @ centre - centre) / scale).to(pictures.device)[:, None, :]
    matrix = (matrix * scale / scale[:, None]).to(pictures.device)
    n, _, height, width = pictures.shape
    pixels = pictures.permute(0, 2, 3, 1).reshape(n, height * width, 3)
    return torch.baddbmm(moved, pixels, matrix.mT).reshape(n, height, width, 3).permute(0, 3, 1, 2)


def _relit(pictures: Tensor, recipe: AugmentRecipe, draws: Draws, span: float) -> Tensor:
    if recipe.contrast:
        factor = (1 + draws.between(recipe.contrast)).to(pictures.device)[:, None, None, None]
        mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
        pictures = torch.lerp(mean, pictures, factor)
    if recipe.brightness:
        pictures = pictures + draws.between(recipe.brightness * span).to(pictures.device)[:, None, None, None]
    if recipe.noise:
        noise = draws.randn(*pictures.shape[1:]).to(pictures.device)
        pictures = pictures + noise * (recipe.noise * span)
    return pictures


def _erased(pictures: Tensor, recipe: AugmentRecipe, draws: Draws) -> Tensor:
    """Put the picture's mean over a rectangle of 2 to 20% of the area (Z. Zhong et al., "Random Erasing", 2020)."""
    height, width = pictures.shape[2:]
    area = 0.02 + 0.18 * draws.rand()
    aspect = torch.exp(draws.between(math.log(3)))
    half_height, half_width = (area * aspect).sqrt() * height / 2, (area / aspect).sqrt() * width / 2
    row, column = draws.rand() * height, draws.rand() * width
    hidden = (draws.rand() < recipe.erase)[:, None, None]
    rows = (torch.arange(height)[None, :, None] - row[:, None, None]).abs() <= half_height[:, None, None]
    columns = (torch.arange(width)[None, None, :] - column[:, None, None]).abs() <= half_width[:, None, None]
    mask = (rows & columns & hidden)[:, None].to(pictures.device)
    return torch.where(mask, pictures.mean(dim=(1, 2, 3), keepdim=True), pictures)
