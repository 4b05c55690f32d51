"""The networks whose steps are looked at: those of the question "step", and the default one as it is trained."""

from __future__ import annotations

import dataclasses

from ..step.shapes import SHAPES, Shape


@dataclasses.dataclass(frozen=True)
class Case:
    """One network's training step.

    Attributes:
        net: its name.
        shape: of the pictures, and how many a step has.
        options: of the network.
        optimizer: and its learning rate.
        precision: "float32" or "bfloat16".
    """

    net: str
    shape: Shape
    options: dict[str, int] = dataclasses.field(default_factory=dict)
    optimizer: tuple[str, float] = ("adam", 1e-3)
    precision: str = "float32"

    @property
    def item(self) -> int:
        """Bytes of one number of a map."""
        return {"float32": 4, "bfloat16": 2}[self.precision]


WRITING = Shape(72, 56, 1, 55, batch=64, steps=20, parameters=0)
"""What the default makes of hwdb55."""

CASES = {
    **{name: Case(name, shape) for name, shape in SHAPES.items()},
    **{
        f"compact-{width}": Case("compact", WRITING, {"width": width}, ("muon", 0.05), "bfloat16")
        for width in (8, 16, 32)
    },
}
