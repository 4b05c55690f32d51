""" "Not sure" in place of answers that would too often be wrong: the confidence is chosen on validation, and kept."""

from __future__ import annotations

from pathlib import Path

from ..errors import RecipeError
from ..evaluation import Predictions, Threshold, threshold_for_error
from ..files import expanded, is_file
from ..report import write_reports
from ..run import Run


def find_threshold(run: str | Path, *, max_error: float, temperature: float) -> Threshold:
    """Return the confidence below which a run's classifier is "not sure", chosen on its validation pictures.

    Args:
        run: the run folder; a model file alone does not know what it said of its validation pictures.
        max_error: the wished share of wrong answers, 0 to 1.
        temperature: the classifier's, which its logits are divided by.

    Raises:
        RecipeError: it is no run folder, or has no validation pictures.
    """
    file = expanded(run) / "predictions" / "validation.npz"
    if not is_file(file):
        raise RecipeError(
            f"the threshold is chosen on the validation pictures, and what was said of them is not at {str(file)!r}: "
            "give the run folder of a training with validation pictures"
        )
    return threshold_for_error(Predictions.load(file), max_error=max_error, temperature=temperature)


def keep_threshold(run: Run, threshold: Threshold) -> None:
    """Keep a threshold in a run: its pages say so from now on.

    Raises:
        RunBusyError: another process is working on the run.
    """
    with run.locked():
        run.save("evaluation", run.load("evaluation") | {"abstain": threshold.to_dict()})
        write_reports(run)
