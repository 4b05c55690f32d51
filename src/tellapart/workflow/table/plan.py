"""The plan of a table: what was asked for, kept in its folder so that it can go on from there alone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import RecipeError, RunCorruptError, RunNotFoundError
from ...recipe import Recipe
from ...run import Run

FILE = "plan.json"
FORMAT = 2
MOST_COPIES = 1_000_000


@dataclasses.dataclass(frozen=True)
class ExternalSource:
    """An external test set: labelled pictures from elsewhere.

    Attributes:
        source: as ``train`` takes them; splits in it are not looked at.
        group_by: as in ``open_dataset``: what the intervals of the figures there take for one.
        source_options: what the format alone understands, as in ``open_dataset``.

    Example:
        >>> ExternalSource("phone.csv", source_options={"label_column": "species"}).group_by is None
        True
    """

    source: str
    group_by: str | None = None
    source_options: Mapping[str, str | int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class TablePlan:
    """What a table compares.

    Attributes:
        recipe: the pictures, and what the networks' rows have of a recipe: threads, seed, epochs, ...
        rows: names of methods, as ``parse_method`` reads them; a default where empty.
        every: every registered feature with every classifier, in place of the default.
        external: labelled external pictures; None for none.
        noise: the deviation of noise that further rows have on their own pictures, as a share of the range; 0 for none.
        copies: how many changed copies of training pictures join the training of further rows; 0 for none.
        shuffled_pixels: whether further rows see all pictures through one permutation of the pixels.

    Raises:
        RecipeError: a value out of its range, or a setting that would be ignored.

    Example:
        >>> TablePlan(noise=0.1).variants
        ('plain', 'noise')
    """

    recipe: Recipe = dataclasses.field(default_factory=Recipe)
    rows: tuple[str, ...] = ()
    every: bool = False
    external: ExternalSource | None = None
    noise: float = 0.0
    copies: int = 0
    shuffled_pixels: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.noise <= 1:
            raise RecipeError(f"noise must be 0 to 1, a share of the range from black to white, got {self.noise:g}")
        if not 0 <= self.copies <= MOST_COPIES:
            raise RecipeError(f"changed copies must be 0 to {MOST_COPIES:,}, got {self.copies:,}")
        if self.rows and self.every:
            raise RecipeError("rows that are named and every row contradict each other: give one of them")
        if len(set(self.rows)) < len(self.rows):
            twice = next(name for name in self.rows if self.rows.count(name) > 1)
            raise RecipeError(f"the row {twice!r} is asked for twice: give it once")
        if self.recipe.training.transfer not in (None, "none"):
            raise RecipeError(
                f"transfer = {self.recipe.training.transfer!r} would be ignored: a table names it in the row, such as "
                "efficientnet_lite0:features"
            )
        if self.recipe.baselines not in ((), Recipe().baselines):
            raise RecipeError(
                f"baselines = {', '.join(self.recipe.baselines)} would be ignored by a table: name them as rows, such "
                f"as --row {self.recipe.baselines[0]}"
            )
        if self.recipe.folds is not None:
            raise RecipeError(f"folds = {self.recipe.folds} would be ignored by a table: cross-validate with train")
        if self.recipe.net.weights not in (None, "none"):
            raise RecipeError(
                f"weights = {self.recipe.net.weights!r} would be ignored: networks of a table start from random "
                "weights, or from ImageNet's in rows such as efficientnet_lite0:features"
            )

    @property
    def variants(self) -> tuple[str, ...]:
        """What is done to the pictures of the rows, as they are first."""
        asked = {"noise": self.noise > 0, "copies": self.copies > 0, "shuffled": self.shuffled_pixels}
        return ("plain", *(name for name, wanted in asked.items() if wanted))

    def save(self, folder: Path) -> None:
        """Write ``plan.json``.

        Raises:
            UnwritableError: permissions, or a full disk.
        """
        document = {"format": FORMAT, **dataclasses.asdict(dataclasses.replace(self, recipe=Recipe()))}
        document["recipe"] = self.recipe.model_dump(mode="json")
        Run(folder).write_text(FILE, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> TablePlan:
        """Read ``plan.json``.

        Raises:
            RunNotFoundError: there is no table.
            RunCorruptError: the file is damaged.
        """
        try:
            document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunNotFoundError(
                f"there is no table at {str(folder)!r}: give a folder that tellapart compare DATA made"
            ) from None
        except (OSError, ValueError) as error:
            raise RunCorruptError(f"{folder / FILE} is damaged ({error}): compare again") from None
        return cls._from_document(document, folder)

    @classmethod
    def _from_document(cls, document: Any, folder: Path) -> TablePlan:
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise RunCorruptError(f"{folder / FILE} is not what this version writes: compare again")
        values = {key: value for key, value in document.items() if key != "format"}
        try:
            recipe = Recipe.make(**values.pop("recipe"))
            external = None if (asked := values.pop("external")) is None else ExternalSource(**asked)
            return cls(recipe=recipe, external=external, **{**values, "rows": tuple(values.get("rows", ()))})
        except (KeyError, TypeError, RecipeError) as error:
            raise RunCorruptError(f"{folder / FILE} is damaged ({error!r}): compare again") from None
