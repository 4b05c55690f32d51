"""``tellapart nets``: what networks there are."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

NAME = "nets"


def command() -> None:
    """List the networks, with ImageNet's top-1 accuracy of published weights; "here" if they need no download."""
    from ..nets import nets

    table = Table(box=SIMPLE_HEAD)
    for heading in ("net", "made for", "at least", "top-1"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what it is, and its options")
    for name, spec in nets:
        height, width, channels = spec.made_for
        options = " ".join(f"{key}={value}" for key, value in spec.options.items())
        table.add_row(
            escape(name),
            f"{height}×{width} {'grey' if channels == 1 else 'colour'}",
            f"{spec.min_size[0]}×{spec.min_size[1]}",
            _accuracy(name),
            escape(spec.summary) + (f"\n[dim]{escape(options)}[/]" if options else ""),
        )
    Console().print(table)


def _accuracy(name: str) -> str:
    from ..errors import ModelFileError
    from ..nets import nets
    from ..nets.weights import find_weights

    published = nets.get(name).published
    if published is None:
        return ""
    try:
        find_weights(name, offline=True)
    except ModelFileError:
        return f"{published.top1:.1f}%"
    return f"{published.top1:.1f}% here"
