"""One decision that was made for the person, and why."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..recipe import AugmentRecipe


@dataclasses.dataclass(frozen=True)
class Choice:
    """One decision.

    Attributes:
        field: of the recipe: ``"data.image_size"``.
        value: what was decided.
        reason: why, in a clause.
    """

    field: str
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.field} = {_shown(self.value, field=self.field)}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"field": self.field, "value": _shown(self.value, field=self.field), "reason": self.reason}


def _shown(value: Any, *, field: str) -> Any:
    if field == "training.steps_per_epoch" and isinstance(value, tuple):
        return ", ".join(map(str, value)) if len(value) <= 10 else f"{min(value)} to {max(value)}"
    if isinstance(value, tuple) and len(value) == 2:
        return f"{value[0]}x{value[1]}"
    if isinstance(value, AugmentRecipe):
        parts = value.parts().items()
        return ", ".join(name if part is True else f"{name} {part:g}" for name, part in parts) or "none"
    return float(f"{value:.6g}") if isinstance(value, float) else value
