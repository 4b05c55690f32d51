"""The tables that ``tellapart evaluate`` writes beside what it prints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import RecipeError
from ..files import expanded

if TYPE_CHECKING:
    from ..evaluation import Evaluation
    from ..run import Run


@dataclasses.dataclass(frozen=True)
class Tables:
    """Which tables are asked for.

    Attributes:
        mistakes: the wrong pictures, the surest first, with their nearest training pictures where the run has them.
        predictions: every picture, with its label and the probability of each class.
        confusion: the confusion matrix.
        label_errors: the list of doubtful labels, which others write.
    """

    mistakes: Path | None
    predictions: Path | None
    confusion: Path | None
    label_errors: Path | None

    def check(self, run: Run) -> None:
        """Say at once where one could not be written later, or would replace what is none.

        Args:
            run: whose classes are columns of its predictions.

        Raises:
            RecipeError: two have the same path.
            DataError: a class is called as another column of the predictions is.
            TargetExistsError: another file stands there.
            UnwritableError: permissions, or a full disk.
        """
        from ..evaluation import Mistake
        from ..evaluation.cells import CORNER
        from ..evaluation.prediction_table import ID, LABEL, check_columns
        from ..evaluation.spreadsheet import check_replaceable

        classes = _classes(run) if self.predictions else []
        check_columns(classes)
        named: list[tuple[Path | None, list[str | list[str]]]] = [
            (self.mistakes, [field.name for field in dataclasses.fields(Mistake)]),
            (self.predictions, [ID, LABEL, classes]),  # the first of those that a set of other pictures has
            (self.confusion, [CORNER]),
        ]
        wanted = [(path, header) for path, header in named if path is not None]
        asked = (self.mistakes, self.predictions, self.confusion, self.label_errors)
        paths = [expanded(path).resolve() for path in asked if path is not None]
        if len(set(paths)) < len(paths):
            raise RecipeError("two tables would be written to one file: name another file for one of them")
        for path, header in wanted:
            check_replaceable(path, header)

    def write(self, run: Run, name: str, found: Evaluation) -> None:
        """Write them.

        Args:
            run: which has the predictions.
            name: of the set, "test" or that of other pictures.
            found: its figures.

        Raises:
            UnwritableError: permissions, or a full disk.
        """
        from ..evaluation import (
            NearTraining,
            Predictions,
            find_mistakes,
            write_confusion,
            write_mistakes,
            write_predictions,
        )

        temperature = found.temperature
        if self.mistakes is not None:
            said = Predictions.load(run.path / "predictions" / f"{name}.npz")
            near = NearTraining.load(run.path / "near" / f"{name}.npz") if run.has(f"near/{name}.npz") else None
            write_mistakes(find_mistakes(said, temperature=temperature), self.mistakes, near=near)
            typer.echo(f"mistakes written to {self.mistakes}", err=True)
        if self.predictions is not None:
            said = Predictions.load(run.path / "predictions" / f"{name}.npz")
            write_predictions(said, self.predictions, temperature=temperature)
            typer.echo(f"predictions written to {self.predictions}", err=True)
        if self.confusion is not None:
            write_confusion(found.confusion, [one.name for one in found.classes], path=self.confusion)
            typer.echo(f"confusion matrix written to {self.confusion}", err=True)


def _classes(run: Run) -> list[str]:
    from ..evaluation import Evaluation

    first = Evaluation.from_dict(next(iter(run.load("evaluation")["splits"].values())))
    return [one.name for one in first.classes]
