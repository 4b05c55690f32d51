"""``tellapart filter``: a picture as classical filters make it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import RecipeError, TargetExistsError

NAME = "filter"


def command(
    picture: Annotated[Path | None, typer.Argument(help="A picture.", show_default=False)] = None,
    kernel: Annotated[
        list[str] | None, typer.Option("--kernel", help="Repeat it; tellapart filter alone lists the names.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results. [beside the picture]")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of the same name.")] = False,
) -> None:
    """Convolve a picture with kernels by name, such as sobel-v, unsharp-5x5, mean-10x10 or gabor-0.2-45."""
    from PIL import Image

    from ..files import expanded, writing_whole
    from ..filters import draw_filters, kernels
    from ..images.decode import as_pixels

    if not kernel and (picture or out or overwrite):
        raise RecipeError("say by which kernels: --kernel sobel-v; tellapart filter alone lists their names")
    if not kernel:
        for name, found in kernels:
            typer.echo(f"{name:16} {found.summary}")
        typer.echo("mean-NxM, gabor-FREQUENCY-DEGREES")
        return
    if picture is None:
        raise RecipeError("--kernel needs a picture: tellapart filter PICTURE --kernel sobel-v")
    pixels = as_pixels(picture)
    drawn = draw_filters(pixels[..., 0] if pixels.shape[2] == 1 else pixels, kernel)
    folder = expanded(out or picture.parent)
    targets = {name: folder / f"{picture.stem}-{name}.png" for name in drawn}
    standing = [str(path) for path in targets.values() if os.path.lexists(path)]
    if standing and not overwrite:
        raise TargetExistsError(f"{standing[0]!r} exists: choose another --out, or give --overwrite")
    for name, path in targets.items():
        with writing_whole(path) as beside:
            Image.fromarray(drawn[name]).save(beside, format="PNG")
        typer.echo(str(path))
