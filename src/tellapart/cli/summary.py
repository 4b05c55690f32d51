"""``tellapart summary``: a network's layers and what it costs."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import image_size, json_text, pairs

NAME = "summary"


def command(
    net: Annotated[str, typer.Argument(help="A name of tellapart nets.")],
    size: Annotated[
        str | None, typer.Option("--image-size", metavar="HxW", help="[what it was made for]", show_default=False)
    ] = None,
    classes: Annotated[int, typer.Option("--classes", min=1, help="Classes to tell apart.")] = 10,
    grayscale: Annotated[
        bool | None, typer.Option("--grayscale/--color", help="[what it was made for]", show_default=False)
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Pictures in a training step, for its memory.")
    ] = 1,
    net_option: Annotated[
        list[str] | None, typer.Option("--net-option", help="NAME=VALUE.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a network's layers: shapes, parameters, multiply-adds, memory, receptive field."""
    from ..nets import nets, summarize

    height, width, channels = nets.get(net).made_for
    found = summarize(
        net,
        image_size=(height, width) if size is None else image_size(size),
        channels=channels if grayscale is None else 1 if grayscale else 3,
        outputs=classes,
        batch_size=batch_size,
        options=pairs(net_option, "--net-option"),
    )
    typer.echo(json_text(found.to_dict(), indent=1) if as_json else str(found))
