"""``tellapart nets``: what networks there are."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

NAME = "nets"


def command() -> None:
    """List the networks."""
    from ..nets import nets

    table = Table(box=SIMPLE_HEAD)
    for heading in ("net", "made for", "at least"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what it is, and its options")
    for name, spec in nets:
        height, width, channels = spec.made_for
        options = " ".join(f"{key}={value}" for key, value in spec.options.items())
        table.add_row(
            name,
            f"{height}×{width} {'grey' if channels == 1 else 'colour'}",
            f"{spec.min_size[0]}×{spec.min_size[1]}",
            f"{spec.summary}\n[dim]{options}[/]" if options else spec.summary,
        )
    Console().print(table)
