"""``tellapart nets``: what networks there are."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

NAME = "nets"


def command() -> None:
    """List the networks."""
    from ..nets import nets

    table = Table()
    for heading in ("net", "what it is", "made for", "at least", "options"):
        table.add_column(heading, overflow="fold")
    for name, spec in nets:
        height, width, channels = spec.made_for
        options = ", ".join(f"{key}={value}" for key, value in spec.options.items())
        table.add_row(
            name,
            spec.summary,
            f"{height}×{width} {'grey' if channels == 1 else 'colour'}",
            f"{spec.min_size[0]}×{spec.min_size[1]}",
            options,
        )
    Console().print(table)
