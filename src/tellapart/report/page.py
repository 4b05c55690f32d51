"""write_report: the one-file HTML page of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..errors import DataError
from ..evaluation import confused_pairs
from ..images.dataset import SPLIT_NAMES, positions_of
from ..run import Run
from ..wording import counted, percent
from . import plain, tables
from .audit_view import AuditView, Histogram, read_audit
from .charts import Line, histogram_chart, line_chart, tick_labels
from .confidence import confidence_views
from .contents import Contents, read_contents
from .evidence import labels_view
from .external import external_views
from .folds_view import read_folds
from .page_data import OWN, answers, embedded_pictures, json_block
from .rendering import page_text
from .selection import class_examples
from .warnings import warnings_of

FILE = "report.html"
PICTURES = Markup("[the pictures]")
"""What stands in their place while nobody knows how much room there is."""

RATE = "training.optimizer.learning_rate"
STYLES = ("style.css", "parts.css", "evidence.css", "print.css")
SCRIPTS = ("page.js", "near.js", "matrix.js", "mistakes.js", "sort.js")


def write_report(run: Run, *, about: str | None = None, classes_below: float | None = None) -> Path:
    """Write ``report.html`` into a run folder: one file that opens from disk without a network.

    Everything comes from the folder; what the run did not come to write is left out of the page.

    Args:
        run: the folder, after ``save_thumbnails`` where pictures shall be shown.
        about: an external set that the page is about, ``report-<about>.html``; the run itself where None.
        classes_below: the recall, 0 to 1, below which a class is listed as hardly recognised; kept in the run. Where
            None, what the run keeps, else 0.5.

    Returns:
        The page's path.

    Raises:
        DataError: there is no such set, or ``classes_below`` is no share.
        RunCorruptError: a file of the run is damaged.
        UnwritableError: permissions, or a full disk.

    Example:
        >>> import tempfile
        >>> from tellapart.recipe import Recipe
        >>> write_report(Run.create(f"{tempfile.mkdtemp()}/first", Recipe.make())).name
        'report.html'
    """
    if classes_below is not None:
        if not 0 <= classes_below <= 1:
            raise DataError(f"classes_below must be a share of 0 to 1, got {classes_below}")
        run.save("page", {"classes_below": classes_below})
    contents = read_contents(run)
    file = FILE if about is None else f"report-{about}.html"
    run.write_text(file, render(contents if about is None else contents.about(about)))
    return run.path / file


def write_reports(run: Run, *, classes_below: float | None = None) -> Path:
    """Write the run's page, and anew each page about an external set that lies beside it; return the first.

    Args:
        run: as for ``write_report``.
        classes_below: likewise.
    """
    path = write_report(run, classes_below=classes_below)
    for name in run.load("evaluation").get("external", {}) if run.has("evaluation.json") else ():
        if run.has(f"report-{name}.html"):
            write_report(run, about=name)
    return path


def render(contents: Contents) -> str:
    """Return the page as text."""
    page = page_text(
        "report.html.j2",
        styles=STYLES,
        scripts=SCRIPTS,
        contents=contents,
        data=json_block(answers(contents)),
        pictures=PICTURES,
        **_views(contents),
    )
    # Where the pictures go is behind all that comes from outside. They get the room that the rest leaves.
    before, _, after = page.rpartition(PICTURES)
    return "".join((before, json_block(embedded_pictures(contents, beside=len(page.encode()))), after))


def _views(contents: Contents) -> Mapping[str, Any]:
    columns = tables.figure_columns(contents)
    main = contents.main
    audit = read_audit(contents.audit) if contents.audit is not None else None
    return {
        "title": contents.run.name if main not in contents.external else f"{contents.run.name} on {main}",
        "headline": plain.headline(contents),
        "standings": tables.standings(contents),
        "warnings": warnings_of(contents),
        "passages": plain.passages(contents),
        "columns": columns,
        "figure_rows": tables.figure_rows(columns),
        "evaluation": contents.main_evaluation,
        "main": main,
        "store": OWN if main not in contents.external else main,
        "curves": _curves(contents),
        "rate_chart": _rate_chart(contents.rate_test),
        "rate_reason": next((one.reason for one in contents.choices if one.field == RATE), "what it found"),
        "rate_rows": tables.rate_rows(contents),
        "epoch_rows": tables.epoch_rows(contents),
        "pairs": _pairs(contents),
        "confidence": confidence_views(contents),
        "external": external_views(contents),
        "audit": audit,
        "audit_charts": _audit_charts(audit) if audit is not None else [],
        "split_of": _split_of(contents, audit),
        "labels": labels_view(contents),
        "label_commands": tables.label_commands(contents),
        "splits": tables.splits_rows(contents),
        "recipe_rows": tables.recipe_rows(contents),
        "environment_rows": tables.environment_rows(contents),
        "folds": read_folds(contents.run),
        "commands": tables.commands(contents),
        "python_lines": tables.python_lines(contents),
    }


def _split_of(contents: Contents, audit: AuditView | None) -> dict[str, str]:
    """Return the split of each picture that the audit's findings show."""
    findings = audit.findings if audit is not None else ()
    shown = list(dict.fromkeys(id for finding in findings for group in finding.groups for id in group.ids))
    out: dict[str, str] = {}
    for name in SPLIT_NAMES:
        ids = contents.splits.get(name, ())
        out |= {id: name for id, at in zip(shown, positions_of(ids, shown).tolist(), strict=True) if at >= 0}
    return out


def _curves(contents: Contents) -> list[Markup]:
    history = contents.history
    if not history:
        return []
    epoch = int(contents.training.get("best_epoch") or 0)
    best = (float(epoch), f"best: epoch {epoch}") if epoch in {record["epoch"] for record in history} else None
    last = history[-1]
    out = []
    for key, form, top in (("loss", lambda v: f"{v:.3g}", None), ("accuracy", percent, 1.0)):
        lines = [
            Line(name, kind, [(float(r["epoch"]), float(r[f"{split}_{key}"])) for r in history])
            for name, kind, split in (("training", "first", "train"), ("validation", "second", "validation"))
        ]
        said = f"After {counted(len(history), 'epoch')}: training {form(last[f'train_{key}'])}, validation " \
               f"{form(last[f'validation_{key}'])}"  # fmt: skip
        title = f"{key.capitalize()} by epoch"
        out.append(
            line_chart(
                lines, title=title, description=said, x_label="epoch", y_format=form, best=best,
                best_at_top=key == "loss", y_top=top,
            )
        )  # fmt: skip
    return out


def _rate_chart(test: Mapping[str, Any]) -> Markup | None:
    """Draw the loss over the learning rates of the range test; None where there was none."""
    if not test:
        return None
    points = [(math.log10(rate), float(loss)) for rate, loss in zip(test["rates"], test["smoothed"], strict=True)]
    low, high = min(points)[0], max(points)[0]
    powers = [float(power) for power in range(math.ceil(low), math.floor(high) + 1)] or [low, high]
    return line_chart(
        [Line("loss", "first", points)], title="Loss by learning rate",
        description=f"Found {test['found']:g} in {test['seconds']:.1f} s", x_label="learning rate",
        x_format=lambda power: f"{10**power:.3g}", x_ticks=powers, y_format=lambda value: f"{value:.3g}",
        best=(math.log10(test["found"]), f"found: {test['found']:g}"),
        best_at_top=True,
    )  # fmt: skip


def _audit_charts(audit: AuditView) -> list[tuple[str, Markup, list[tuple[str, str, str]]]]:
    """Return (caption, chart, the same as rows) of each histogram."""
    return [
        (
            f"{one.title}, {one.unit}".capitalize(),
            histogram_chart(
                one.counts, edges=one.edges, kind="plain", title=one.title.capitalize(),
                description=f"{one.edges[0]:,.0f} to {one.edges[-1]:,.0f} {one.unit}",
                x_label=one.unit, x_format=_whole,
            ),
            _bins(one),
        )
        for one in audit.distributions
    ]  # fmt: skip


def _bins(histogram: Histogram) -> list[tuple[str, str, str]]:
    """Return (from, to, pictures), as text, of the bins with pictures."""
    names = tick_labels(histogram.edges, _whole)
    bins = zip(names[:-1], names[1:], histogram.counts, strict=True)
    return [(low, high, f"{count:,}") for low, high, count in bins if count]


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _pairs(contents: Contents) -> list[tuple[Any, list[str], list[str]]]:
    """Return the most confused pairs, each with typical examples of both classes."""
    predictions = contents.main_predictions
    if predictions is None:
        return []
    typical = class_examples(predictions, temperature=contents.temperature, each=6)
    pairs = confused_pairs(predictions, temperature=contents.temperature, limit=8, examples=6)
    return [(pair, typical[pair.first][:3], typical[pair.second][:3]) for pair in pairs]
