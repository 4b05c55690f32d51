"""What the pictures look like in numbers: kept of a run's own test pictures, compared with those from elsewhere."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from ..errors import RunCorruptError, SourceError, UnreadableImageError
from ..evaluation.drift import picture_statistics
from ..files import ARRAY_DAMAGE
from ..images.dataset import Dataset
from ..images.strokes import stroke_width
from ..run import Run
from .prepare import Prepared

FILE = "statistics.npz"
SAMPLE = 1000
"""Pictures whose numbers are kept, at most."""

MEASURED = 400
"""Pictures whose strokes are measured, at most: a millisecond and a half each."""

STROKES = "stroke width"

Numbers = dict[str, NDArray[np.float64]]


def keep_statistics(run: Run, prepared: Prepared) -> None:
    """Keep the numbers of some of the run's own test pictures, or of validation where there is no test."""
    positions = prepared.splits.test if len(prepared.splits.test) else prepared.splits.validation
    chosen = sampled(positions)
    strokes = prepared.audit.kind.name == "writing"
    numbers = statistics_of(prepared.dataset, prepared.facts, chosen, strokes=strokes)
    memory = io.BytesIO()
    np.savez(memory, **{name: values.astype(np.float32) for name, values in numbers.items()})  # type: ignore[arg-type]
    run.write(FILE, lambda path: path.write_bytes(memory.getvalue()))


def load_statistics(run: Run) -> Numbers:
    """Return the kept numbers; none where the run has none.

    Raises:
        RunCorruptError: the file is damaged.
    """
    if not run.has(FILE):
        return {}
    try:
        with (run.path / FILE).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name].astype(np.float64) for name in file.files}
    except ARRAY_DAMAGE as error:
        raise RunCorruptError(f"{str(run.path / FILE)!r} is damaged ({error}): copy the run again, or train") from None


def sampled(positions: NDArray[np.int64], *, most: int = SAMPLE) -> NDArray[np.int64]:
    """Return at most so many of some positions, rising."""
    return np.sort(np.random.default_rng(0).permutation(positions)[:most])


def statistics_of(dataset: Dataset, facts: NDArray[np.void], positions: NDArray[np.int64], *, strokes: bool) -> Numbers:
    """Return the numbers of some readable pictures, (n,) each; NaN where one has none.

    Args:
        dataset: N pictures.
        facts: (N,) their facts.
        positions: (n,) which of them.
        strokes: whether the width of their strokes is measured, in hundredths of the longer side, on some of them.
    """
    numbers = picture_statistics(facts[positions])
    if strokes:
        widths = np.full(len(positions), np.nan)
        for at in sampled(np.arange(len(positions)), most=MEASURED).tolist():
            try:
                pixels = dataset.images.load(int(positions[at])).pixels
            except (UnreadableImageError, SourceError):  # since the scan, which lists what is unreadable
                continue
            widths[at] = 100 * stroke_width(pixels) / max(pixels.shape[:2])
        numbers[STROKES] = widths
    # As they are kept: a number is compared with one that was written, and must not differ from it by rounding alone.
    return {name: values.astype(np.float32).astype(np.float64) for name, values in numbers.items()}
