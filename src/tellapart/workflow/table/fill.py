"""Fill the table: row after row, each kept when it is finished, so that a killed table goes on where it was."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...commands import advised
from ...defaults.pretrained import asks_for_epochs
from ...errors import RecipeError, RunBusyError, RunError, TargetExistsError, TellapartError, UnwritableError
from ...evaluation import ExperimentTable, Figure, Predictions, TableRow, compare, seconds_text
from ...files import KEEPS_OPEN, expanded, is_file, new_folder
from ...progress import TO_LOG, Mute, Progress, Quiet
from ...report import write_table
from ...run import Run, new_run_path
from ...wording import counted, quoted
from ..prepare import absolute_source, open_source, with_absolute_paths
from .methods import Method, default_methods, every_method, parse_method
from .plan import FILE as PLAN
from .plan import TablePlan
from .rows import RowJob, jobs_of, keep_row, kept_row, make_row, row_predictions
from .setting import PICTURES, Setting, open_external, read_setting

PHOTOGRAPHS = "photographs"


def make_table(
    plan: TablePlan, *, out: str | Path | None = None, progress: Progress = TO_LOG
) -> tuple[ExperimentTable, Path]:
    """Train and measure every method on the same pictures, one row each.

    Each row is what the same training alone gives: a network's row is a run of the main job with its recipe and seed,
    a classical one a pipeline of ``build_pipeline``. The test pictures are left for the one that is chosen.

    Args:
        plan: the pictures and the rows.
        out: the table's folder; a new one below ``runs/`` where None.
        progress: is told of each row.

    Returns:
        the table, and its folder: ``table.html``, ``table.csv``, ``table.json``, and ``rows/``.

    Raises:
        TellapartError: with one sentence that says what to do; nothing half-written stays.

    Example:
        >>> import tempfile
        >>> from tellapart import Recipe
        >>> plan = TablePlan(Recipe.make(data={"source": "digits"}), rows=("pixels/nearest-neighbours",))
        >>> table, _ = make_table(plan, out=tempfile.mkdtemp())
        >>> (table.rows[0].validation.value or 0) > 0.95
        True
    """
    _check_rows(plan)  # before anything is read
    recipe = with_absolute_paths(plan.recipe, plan.recipe.data.source)
    dataset = open_source(recipe.data)
    external = plan.external
    if external is not None:
        external = dataclasses.replace(external, source=absolute_source(external.source))
        open_external(external, dataset, progress=Mute())  # what it warns of is said when the rows begin
    plan = dataclasses.replace(plan, recipe=recipe, external=external)
    folder = _folder_below("runs", f"{dataset.name}-table") if out is None else _new_folder(expanded(out))
    plan.save(folder)
    try:
        return _fill(plan, folder, progress=progress), folder
    except RunBusyError:  # it is another process's by now
        raise
    except TellapartError:
        if not (folder / PICTURES).exists():  # nothing was made that resuming could take up
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_rows(plan: TablePlan) -> None:
    """Raise RecipeError for a row that is named twice, or a setting for epochs where no row that is named has any."""
    named = [parse_method(name) for name in plan.rows]
    known: dict[str, str] = {}
    for one in named:
        if (before := known.setdefault(one.slug, one.name)) != one.name:
            raise RecipeError(f"the rows {before!r} and {one.name!r} are the same one: give it once")
    asked = [one for one in asks_for_epochs(plan.recipe) if not (plan.copies and one == "training.augment")]
    if named and asked and not any(one.net and one.transfer != "features" for one in named):
        raise RecipeError(
            f"{asked[0]} would be ignored: no row that is named trains in epochs; leave it out, or add such a row, "
            "such as compact"
        )


def resume_table(path: str | Path, *, progress: Progress = TO_LOG) -> tuple[ExperimentTable, Path]:
    """Go on with a table that was killed or stopped: finished rows stay, a network's row goes on at its last epoch.

    Raises:
        RunNotFoundError: there is no table.
        RunCorruptError: its files are damaged, or its pictures have changed.
    """
    folder = expanded(path)
    return _fill(TablePlan.load(folder), folder, progress=progress), folder


def _folder_below(parent: str, name: str) -> Path:
    """Make a new folder below another one; two processes never share one."""
    while True:
        with contextlib.suppress(TargetExistsError):  # another process was faster: the next number
            return _new_folder(new_run_path(parent, name), fresh=True)


def _new_folder(folder: Path, *, fresh: bool = False) -> Path:
    new_folder(folder, holds=PLAN, what="a table", fresh=fresh)
    return folder


def _fill(plan: TablePlan, folder: Path, *, progress: Progress) -> ExperimentTable:
    with Run(folder).locked(), _said_how_to_go_on(folder, progress):
        Run(folder).clear_unfinished()
        setting = read_setting(plan, folder, progress=progress)
        jobs = jobs_of(_methods(plan, setting, progress=progress), plan, setting)
        rows: dict[RowJob, TableRow] = {}
        against = _AgainstBest()
        with progress.task("table", total=len(jobs), unit="rows"):
            for number, job in enumerate(jobs, start=1):
                row = kept_row(folder / job.folder)
                if row is None or row.failed:  # what it lacked may be there by now
                    inner = Quiet(progress, name=f"row {number} of {len(jobs)}: {job.title}")
                    row = _row(job, plan, setting=setting, table=folder, progress=inner)
                    keep_row(folder / job.folder, row)
                rows[job] = row
                if not row.failed:
                    against.add(job, row_predictions(job, setting=setting, table=folder))
                progress.advance(note=_live(row))
                compared = tuple(dataclasses.replace(row, versus_best=against.of(job)) for job, row in rows.items())
                table = ExperimentTable(folder.resolve().name, compared, _facts(plan, setting), _notes(plan, setting))
                try:
                    write_table(table, folder)
                except UnwritableError as error:
                    if not KEEPS_OPEN or number == len(jobs):
                        raise
                    progress.warn(f"{error}; it is written again after the next row")
    return table


@contextlib.contextmanager
def _said_how_to_go_on(folder: Path, progress: Progress) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        progress.warn(f"to go on: {advised('compare --resume', quoted(folder))}")
        raise


def _methods(plan: TablePlan, setting: Setting, *, progress: Progress) -> list[Method]:
    if plan.rows:
        return [parse_method(name) for name in plan.rows]
    scratch = setting.prepared.recipe.net.name
    if plan.every:
        return every_method(scratch=scratch)
    methods, notes = default_methods(
        scratch=scratch,
        pictures=len(setting.prepared.dataset),
        training=len(setting.prepared.splits.train),
        photographs=setting.prepared.audit.kind.name == PHOTOGRAPHS,
    )
    for note in notes:
        progress.say(note)
    return methods


def _row(job: RowJob, plan: TablePlan, *, setting: Setting, table: Path, progress: Progress) -> TableRow:
    """Return a row; one that cannot be made says why in place of figures, and the others are made all the same."""
    try:
        return make_row(job, plan, setting=setting, table=table, progress=progress)
    except RunError:
        raise  # of the folder: a full disk, a damaged file
    except (TellapartError, MemoryError) as error:
        memory = isinstance(error, MemoryError) and not isinstance(error, TellapartError)
        reason = "the memory does not suffice for its pictures" if memory else str(error)
        return TableRow(
            name=job.method.name, kind=job.method.kind, variant=job.variant.label, folder=job.folder, failed=reason
        )


def _live(row: TableRow) -> str:
    if row.validation is None:
        return f"{row.title}: left out: {row.failed}"
    external = "" if row.external is None else f", external {row.external.short()}"
    return f"{row.title}: F1 {row.validation.short()}{external}, trained in {seconds_text(row.train_seconds)}"


class _AgainstBest:
    """The accuracy of each row less that of the best on validation, on the same pictures; each is compared once."""

    def __init__(self) -> None:
        self._said: dict[RowJob, Predictions] = {}
        self._best: RowJob | None = None
        self._differences: dict[RowJob, Figure] = {}

    def add(self, job: RowJob, said: Predictions) -> None:
        # Of each picture whether it is right alone: what rows say of thousands of classes would take gigabytes.
        right = np.eye(2, dtype=np.float32)[said.correct().astype(np.int64)]
        told = np.ones(len(said), dtype=np.int64)
        self._said[job] = said = Predictions(said.ids, right, told, ("wrong", "right"), said.groups)
        if self._best is None or said.correct().mean() > self._said[self._best].correct().mean():
            self._best, self._differences = job, {}  # of all rows from the first, as they would be ranked anew

    def of(self, job: RowJob) -> Figure | None:
        if self._best is None or job not in self._said or job == self._best:
            return None
        if job not in self._differences:
            self._differences[job] = compare(self._said[self._best], self._said[job]).difference
        return self._differences[job]


def _facts(plan: TablePlan, setting: Setting) -> dict[str, str]:
    prepared = setting.prepared
    height, width = prepared.preprocessing.image_size
    colour = "grey" if prepared.preprocessing.channels == 1 else "colour"
    facts = {
        "pictures": str(prepared.recipe.data.source),
        "train on": counted(len(prepared.splits.train), "picture"),
        "validated on": counted(len(prepared.splits.validation), "picture"),
        "left for the test": counted(len(prepared.splits.test), "picture"),
        "classes": f"{len(setting.class_names):,}",
        "size from scratch": f"{height}x{width} {colour}",
        "seed": str(setting.seed),
        "threads": str(plan.recipe.training.threads or f"{setting.threads}, networks as each row's recipe says"),
    }
    if plan.external is not None and setting.external is not None:
        facts["external pictures"] = f"{plan.external.source}, {counted(len(setting.external), 'picture')}"
    return facts


def _notes(plan: TablePlan, setting: Setting) -> tuple[str, ...]:
    notes = [
        "F1 is the mean of the classes' F1 (macro), with 95% bootstrap intervals.",
        "Networks chose their epoch on the validation pictures, which flatters them there a little.",
        "The test pictures stand in no figure here: they are for the row that is chosen. Each network's own report has "
        "its figures on them; look at that of the chosen one alone.",
    ]
    if setting.external is not None:
        notes.append("The difference is external F1 less validation F1: by so much validation flatters.")
    if plan.noise:
        notes.append(
            f"Noise {plan.noise:g}: Gaussian noise of that deviation, as a share of the range, lies on training and "
            "validation pictures; external pictures are as they are."
        )
    if plan.copies:
        changes = ", ".join(f"{name} {value:g}" for name, value in setting.changes.parts().items())
        notes.append(f"{plan.copies:,} copies: so many changed copies join the training pictures ({changes}).")
    if plan.shuffled_pixels:
        notes.append(
            "Shuffled pixels: one permutation for all pictures, so that neighbours are neighbours no more. What falls "
            "was using where things are; networks are to be read beside their row without random changes."
        )
    return tuple(notes)


def table_folder(path: Path | str) -> bool:
    """Return whether a table stands at a path."""
    folder = expanded(path)
    return is_file(folder / PLAN) or is_file(folder / PICTURES / "recipe.json")
