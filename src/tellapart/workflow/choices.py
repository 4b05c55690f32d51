"""What was decided for the person after a run began, written down beside what was decided before."""

from __future__ import annotations

from collections.abc import Sequence

from ..defaults.choice import Choice
from ..run import Run


def keep_choices(run: Run, choices: Sequence[Choice]) -> None:
    """Put choices in the place of former ones of the same settings."""
    fitted = {choice.field: choice.to_dict() for choice in choices}
    run.save("choices", [fitted.pop(old["field"], old) for old in run.load("choices")] + list(fitted.values()))
