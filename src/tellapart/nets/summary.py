"""What a network costs, layer by layer: shapes, parameters, multiply-adds, memory, receptive fields."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..errors import NetError, RecipeError
from ..wording import bytes_text
from .base import build_outline
from .tracing import Layer, trace

HEADINGS = ("layer", "kind", "output", "parameters", "multiply-adds", "activations", "field", "stride")


@dataclasses.dataclass(frozen=True)
class Summary:
    """The layer table of a network, with totals. ``print`` it, or let a notebook show it.

    Attributes:
        net: its name.
        image_size: (height, width) of the pictures in pixels.
        channels: 1 or 3.
        batch_size: pictures in a training step.
        rows: the layers in the order in which they run.
        inference_bytes: activation memory for one picture when each output is freed after its last reader: in a
            chain, the largest sum of two consecutive layers.
        parameter_bytes: memory of the parameters alone.

    The pictures themselves, gradients and the optimiser's memory are not counted.
    """

    net: str
    image_size: tuple[int, int]
    channels: int
    batch_size: int
    rows: tuple[Layer, ...]
    inference_bytes: int
    parameter_bytes: int

    @property
    def parameters(self) -> int:
        """All numbers that the network learns."""
        return sum(row.parameters for row in self.rows)

    @property
    def trainable_parameters(self) -> int:
        """Those of them that are not frozen."""
        return sum(row.trainable_parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiplications, each with its addition, for one picture."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def training_bytes(self) -> int:
        """Activation memory of a training step, for the whole batch: the outputs of all layers are kept.

        Of a network that is frozen below, those from the input of the first layer on that is trained.
        """
        first = next((at for at, row in enumerate(self.rows) if row.trainable_parameters), len(self.rows))
        kept = sum(row.activation_bytes for row in self.rows[max(0, first - 1) :])
        return self.batch_size * max(kept, self.inference_bytes if first else 0)

    @property
    def receptive_field(self) -> tuple[int, int] | None:
        """(height, width) in pixels of what one position of the last spatial layer sees; None where there is none."""
        return next((row.receptive_field for row in reversed(self.rows) if row.receptive_field), None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers, strings, lists and dicts that JSON can hold."""
        totals = ("parameters", "trainable_parameters", "multiply_adds", "training_bytes", "receptive_field")
        out = dataclasses.asdict(self) | {name: getattr(self, name) for name in totals}
        out["rows"] = [_listed(dataclasses.asdict(row)) for row in self.rows]
        return _listed(out)

    def totals(self) -> list[tuple[str, str]]:
        """Return the lines below the table as (what, how much)."""
        trained = self.trainable_parameters
        frozen = "" if trained == self.parameters else f", of which {trained:,} trainable"
        lines = [
            ("parameters", f"{self.parameters:,}{frozen} ({bytes_text(self.parameter_bytes)})"),
            ("multiply-adds a picture", f"{self.multiply_adds:,}"),
            ("activations, inference", f"{bytes_text(self.inference_bytes)} a picture"),
            ("activations, training", f"{bytes_text(self.training_bytes)} for a batch of {self.batch_size}"),
        ]
        if self.receptive_field:
            high, wide = self.receptive_field
            lines.append(("receptive field", f"{high}×{wide} of {self.image_size[0]}×{self.image_size[1]} pixels"))
        return lines

    def title(self) -> str:
        """Return what was summed up, in a line."""
        colour = {1: "grey", 3: "colour"}.get(self.channels, f"{self.channels} channels")
        return f"{self.net} on {self.image_size[0]}×{self.image_size[1]} {colour}"

    def __str__(self) -> str:
        cells = [HEADINGS, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
        lines = [_line(line, widths) for line in cells]
        rule = "  ".join("-" * width for width in widths)
        label = max(len(what) for what, _ in self.totals())
        totals = [f"{what:<{label}}  {value}" for what, value in self.totals()]
        return "\n".join([self.title(), "", lines[0], rule, *lines[1:], rule, *totals])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in self.rows
        )
        totals = "".join(f"<li>{what}: {html.escape(value)}</li>" for what, value in self.totals())
        return (
            f"<table><caption>{html.escape(self.title())}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table><ul>{totals}</ul>"
        )


def summarize(
    net: nn.Module | str,
    *,
    image_size: tuple[int, int],
    channels: int = 3,
    outputs: int | None = None,
    batch_size: int = 1,
    options: Mapping[str, Any] | None = None,
) -> Summary:
    """Return what a network costs, without allocating its memory.

    Args:
        net: a registered name, or a network that is there already; that one is left as it was.
        image_size: (height, width) in pixels.
        channels: 1 or 3.
        outputs: logits at the end; needed with a name, left out with a network.
        batch_size: pictures in a training step.
        options: what the named network alone understands.

    Raises:
        UnknownNameError: no such network.
        NetError: it does not fit the pictures, or an argument is missing or too small.
        RecipeError: an option that it does not have, or outputs or options for a network that is built already.

    Example:
        >>> from tellapart.nets import summarize
        >>> table = summarize("convnet16", image_size=(80, 60), channels=1, outputs=55)
        >>> table.parameters, table.receptive_field
        (88375, (30, 30))
    """
    if batch_size < 1 or min(image_size) < 1 or channels < 1:
        raise NetError(
            "batch_size, channels and both sides of image_size must be at least 1, "
            f"got {batch_size}, {channels} and {image_size[0]}x{image_size[1]}"
        )
    name, built = _built(net, image_size=image_size, channels=channels, outputs=outputs, options=options)
    traced = trace(built, image_size=image_size, channels=channels)
    size = sum(p.numel() * p.element_size() for p in built.parameters())
    return Summary(name, image_size, channels, batch_size, traced.layers, traced.inference_bytes, size)


def _built(
    net: nn.Module | str,
    *,
    image_size: tuple[int, int],
    channels: int,
    outputs: int | None,
    options: Mapping[str, Any] | None,
) -> tuple[str, nn.Module]:
    if not isinstance(net, str):
        if outputs is not None or options:
            raise RecipeError("outputs and options belong to a name: leave them out for a network that is built")
        return type(net).__name__, net
    if outputs is None:
        raise NetError(f"outputs is missing for {net!r}: give the number of classes")
    return net, build_outline(net, outputs=outputs, channels=channels, image_size=image_size, options=options or {})


def _cells(row: Layer) -> tuple[str, ...]:
    """Return a layer as the texts of its table row; nothing stands where nothing is to say."""
    maps = f"{row.output_shape[0]} × " if len(row.output_shape) > 1 else ""
    sides = "×".join(str(side) for side in row.output_shape[1:] or row.output_shape)
    return (
        row.name,
        f"{row.kind} {row.detail}".strip(),
        maps + sides,
        f"{row.parameters:,}" if row.parameters else "",
        f"{row.multiply_adds:,}" if row.multiply_adds else "",
        bytes_text(row.activation_bytes) if row.activation_bytes else "",
        "×".join(str(side) for side in row.receptive_field or ()),
        "×".join(str(step) for step in row.stride or ()),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return cells in columns: the first three to the left, numbers to the right."""
    aligned = [
        f"{cell:<{width}}" if column < 3 else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
