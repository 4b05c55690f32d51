"""Intervals: how far a figure may be off because it was measured on so many pictures and no more."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .figure import Figure
from .groups import effective_count, group_sums

Floats = NDArray[np.float64]
_CELLS = 1 << 20  # of the largest temporary array: 8 MB of float64; there are several of them


BY_GROUP = "Wilson, by group"
"""The method of a proportion's interval that respects groups."""


def wilson_interval(
    successes: ArrayLike, trials: ArrayLike, *, confidence_level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the interval of a proportion, for one or for many.

    Args:
        successes: counts, any shape.
        trials: counts, the same shape, fractions too; where 0, nothing is known and the interval is 0 to 1.
        confidence_level: between 0 and 1.

    Returns:
        The lower and the upper ends, float64, of the shape given.

    Raises:
        DataError: a count or the level is out of range.

    Source: E. B. Wilson, "Probable inference", JASA 22 (1927).

    Example:
        >>> low, high = wilson_interval(8, 10)
        >>> float(low.round(3)), float(high.round(3))
        (0.49, 0.943)
    """
    hits, total = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    if (hits < 0).any() or (hits > total).any():
        raise DataError("successes must be 0 to trials")
    z = normal_quantile(confidence_level)
    n = np.where(total > 0, total, 1.0)  # of few groups, less than one picture in effect
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # The ends are exact at no and at all successes; rounding must not say otherwise.
    low = np.where((hits == 0) | (total == 0), 0.0, np.maximum(centre - half, 0.0))
    high = np.where((hits == total) | (total == 0), 1.0, np.minimum(centre + half, 1.0))
    return low, high


def normal_quantile(confidence_level: float) -> float:
    """Return how many standard deviations hold that share of a normal distribution: 1.96 for 0.95.

    Raises:
        DataError: the level is not between 0 and 1.
    """
    if not 0 < confidence_level < 1:
        raise DataError(f"confidence_level must be between 0 and 1, got {confidence_level}")
    return NormalDist().inv_cdf(0.5 + confidence_level / 2)


def proportion(successes: int, trials: int, *, name: str = "proportion", confidence_level: float = 0.95) -> Figure:
    """Return a proportion with its Wilson interval as a Figure; undefined where there are no trials.

    Example:
        >>> print(proportion(8, 10, name="accuracy"))
        80.0% (49.0 to 94.3, 10 pictures)
    """
    if trials == 0:
        return Figure(None, count=0, name=name, unit="%", level=confidence_level)
    low, high = wilson_interval(successes, trials, confidence_level=confidence_level)
    return Figure(
        float(successes / trials), float(low), float(high), int(trials), name, "%", confidence_level, "Wilson"
    )


def proportion_of(
    hits: NDArray[np.bool_], *, groups: NDArray[np.int64] | None = None, name: str = "proportion",
    confidence_level: float = 0.95,
) -> Figure:  # fmt: skip
    """Return the share of hits with its Wilson interval, which respects groups where there are any.

    Args:
        hits: (N,) bool.
        groups: (N,) which group each picture belongs to; None where each stands alone.
        name: of the figure.
        confidence_level: between 0 and 1.

    Example:
        >>> hits = np.arange(1000) < 800
        >>> print(proportion_of(hits))
        80.0% (77.4 to 82.4, 1,000 pictures)
        >>> print(proportion_of(hits, groups=np.repeat(np.arange(100), 10)))
        80.0% (70.9 to 86.8, 1,000 pictures)
    """
    plain = proportion(int(hits.sum()), len(hits), name=name, confidence_level=confidence_level)
    if groups is None or plain.value is None or len(np.unique(groups)) == len(groups):
        return plain
    trials = effective_count(hits, groups, confidence_level=confidence_level)
    low, high = wilson_interval(plain.value * trials, trials, confidence_level=confidence_level)
    return dataclasses.replace(plain, low=float(low), high=float(high), method=BY_GROUP)


def is_interval(low: float, high: float) -> bool:
    """Return whether two ends are apart by more than rounding: where all samples are alike, they say nothing.

    Example:
        >>> is_interval(0.1, 0.2), is_interval(0.1 + 0.2, 0.3), is_interval(float("nan"), 1.0)
        (True, False, False)
    """
    return high - low > 1e-12 * max(1.0, abs(high))


def percentile_interval(samples: Floats, *, confidence_level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the bootstrap percentile interval of (R, ...) resampled figures; NaN in a sample is left out.

    Source: B. Efron and R. Tibshirani, "An introduction to the bootstrap" (1993), chapter 13.
    """
    normal_quantile(confidence_level)
    tail = 50 * (1 - confidence_level)
    # A column without any defined sample stays NaN, without NumPy's warning about it.
    empty = np.isnan(samples).all(axis=0)
    filled = np.where(empty, 0.0, samples)
    ask = np.nanpercentile if np.isnan(filled).any() else np.percentile
    low, high = ask(filled, [tail, 100 - tail], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def bootstrap_interval(
    samples: Floats,
    value: ArrayLike,
    *,
    confidence_level: float = 0.95,
    groups: ArrayLike | None = None,
    biased: bool = False,
    bounds: tuple[float, ArrayLike] = (-math.inf, math.inf),
) -> tuple[Floats, Floats]:
    """Return the bootstrap interval of a figure: percentiles, corrected for bias and for few groups.

    Precision and F1 of few pictures a class are biased: in resamples they lie as far below the figure as the figure
    itself lies below the truth, so that plain percentiles have the bias twice. They are moved back by twice of it. And
    resamples of few groups vary less than the groups do: the ends are moved away from the figure by what Student's t
    asks for more than the normal distribution.

    Args:
        samples: (R, ...) resampled figures; NaN in a sample is left out.
        value: (...) the figures as measured.
        confidence_level: between 0 and 1.
        groups: (...) how many groups were drawn from; None where each picture was drawn by itself.
        biased: whether the figure is one whose resamples are biased, as a ratio of counts is.
        bounds: the lowest and the highest value that the figure can have.

    Returns:
        (...) the lower and the upper ends, never without the figure itself; where all samples are alike, or one group
        was drawn from, both are that.

    Source: B. Efron and R. Tibshirani, "An introduction to the bootstrap" (1993), chapters 10 and 13; A. Davison and D.
        Hinkley, "Bootstrap methods and their application" (1997), section 2.3, for the spread of few.

    Example:
        >>> samples = np.linspace(0.5, 0.7, 1001)
        >>> [end.round(3).item() for end in bootstrap_interval(samples, 0.65, biased=True, bounds=(0, 1))]
        [0.605, 0.795]
        >>> [end.round(3).item() for end in bootstrap_interval(samples, 0.6, groups=3)]
        [0.345, 0.855]
    """
    low, high = percentile_interval(samples, confidence_level=confidence_level)
    measured = np.asarray(value, dtype=np.float64)
    spread = high - low > 1e-12 * np.maximum(1.0, np.abs(high))
    centre = measured
    if biased:
        empty = np.isnan(samples).all(axis=0)
        bias = np.nanmean(np.where(empty, 0.0, samples), axis=0) - measured
        low, high, centre = low - 2 * bias, high - 2 * bias, measured - bias
    if groups is not None:
        count = np.asarray(groups, dtype=np.float64)
        spread &= count >= 2  # of one group nothing tells how groups differ
        wider = _for_few(count, confidence_level=confidence_level)
        low, high = centre + wider * (low - centre), centre + wider * (high - centre)
    least, most = bounds
    low, high = np.maximum(np.minimum(low, measured), least), np.minimum(np.maximum(high, measured), most)
    return np.where(spread, low, measured), np.where(spread, high, measured)


def _for_few(groups: Floats, *, confidence_level: float) -> Floats:
    """Return by how much resamples of so many groups have to be spread: 2.7 for 3 groups, 1.02 for 100."""
    from scipy.special import stdtrit

    count = np.maximum(groups, 2.0)
    student: Floats = stdtrit(count - 1, 0.5 + confidence_level / 2)
    out: Floats = student / normal_quantile(confidence_level) * np.sqrt(count / (count - 1))
    return out


def resampled_weights(count: int, *, resamples: int = 1000, seed: int = 0) -> Iterator[Floats]:
    """Yield (r, count) arrays, R rows in all: how often a bootstrap sample holds each picture."""
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // max(count, 1))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = generator.integers(count, size=(rows, count))
        drawn += np.arange(rows)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)


def bootstrap_means(
    values: Floats, *, groups: NDArray[np.int64] | None = None, resamples: int = 1000, seed: int = 0
) -> Floats:
    """Return (R, F): the columns' means of (N, F) values in R bootstrap samples of the rows, or of groups of rows.

    All columns share the samples, so that figures made of several columns are resampled as one.

    Source: A. Davison and D. Hinkley, "Bootstrap methods and their application" (1997), section 3.8, for groups.

    Example:
        >>> import numpy as np
        >>> bootstrap_means(np.ones((5, 2)), resamples=3).tolist()
        [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    if not len(values):
        raise DataError("there must be at least one picture to resample, got none")
    if groups is not None:
        values = group_sums(np.column_stack([values, np.ones(len(values))]), groups)
        both = np.concatenate([weights @ rows for weights, rows in _weighted(values, resamples=resamples, seed=seed)])
        means: Floats = both[:, :-1] / both[:, -1:]
        return means
    sums = [weights @ values for weights in resampled_weights(len(values), resamples=resamples, seed=seed)]
    return np.concatenate(sums) / len(values)


def _weighted(values: Floats, *, resamples: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield (some resamples, n) how often each of n rows was drawn, and the rows.

    Of groups many are alike, such as those of so many pictures that are all right: they are drawn together.
    """
    if values.shape[1] == 2:
        kinds, counts = np.unique(values, axis=0, return_counts=True)
        if 2 * len(kinds) <= len(values):
            yield from ((drawn, kinds) for drawn in _drawn_cells(counts, resamples=resamples, seed=seed))
            return
    yield from ((weights, values) for weights in resampled_weights(len(values), resamples=resamples, seed=seed))


def bootstrap_confusions(
    confusion: NDArray[np.int64], *, by_group: NDArray[np.int64] | None = None, resamples: int = 1000, seed: int = 0
) -> tuple[Floats, Floats, Floats]:
    """Return what precision, recall and F1 need of R bootstrap samples of a confusion matrix.

    Drawing N pictures with replacement is drawing the matrix's cells from a multinomial, which costs the number of
    cells that are not empty instead of N. Groups are drawn whole.

    Args:
        confusion: (K, K) counts, a row a true class.
        by_group: (N, 3) the group, the true and the predicted class of each picture; None where each stands alone.
        resamples: R.
        seed: of the generator.

    Returns:
        (R, K) float64 each: right ones, pictures of the class, predictions of the class.
    """
    rows, columns = np.nonzero(confusion)
    cells = confusion[rows, columns]
    out: Floats = np.zeros((3, resamples, len(confusion)))
    right = np.flatnonzero(rows == columns)
    blocks = (
        _drawn_cells(cells, resamples=resamples, seed=seed)
        if by_group is None
        else _drawn_groups(by_group, rows * len(confusion) + columns, len(confusion), resamples=resamples, seed=seed)
    )
    start = 0
    for drawn in blocks:
        part = slice(start, start + len(drawn))
        out[0, part, rows[right]] = drawn[:, right].T
        _add_by(drawn, rows, out=out[1, part])
        _add_by(drawn, columns, out=out[2, part])
        start += len(drawn)
    return out[0], out[1], out[2]


def _drawn_cells(cells: NDArray[np.int64], *, resamples: int, seed: int) -> Iterator[NDArray[Any]]:
    """Yield (r, C) counts of the cells, R rows in all."""
    generator = np.random.default_rng(seed)
    total = int(cells.sum())
    step = max(1, _CELLS // max(len(cells), 1))
    for start in range(0, resamples, step):
        yield generator.multinomial(total, cells / max(total, 1), size=min(step, resamples - start))


def _drawn_groups(
    by_group: NDArray[np.int64], keys: NDArray[np.int64], classes: int, *, resamples: int, seed: int
) -> Iterator[NDArray[Any]]:
    """Yield (r, C) counts of the cells in samples of whole groups, R rows in all."""
    from scipy.sparse import csr_array

    where = np.searchsorted(keys, by_group[:, 1] * classes + by_group[:, 2])
    count = int(by_group[:, 0].max()) + 1
    table = csr_array((np.ones(len(where)), (by_group[:, 0], where)), shape=(count, len(keys)))
    for weights in resampled_weights(count, resamples=resamples, seed=seed):
        yield np.asarray((table.T @ weights.T).T)


def _add_by(drawn: NDArray[Any], keys: NDArray[np.int64], *, out: Floats) -> None:
    """Add up the columns of ``drawn`` that share a key."""
    if len(keys):
        order = np.argsort(keys, kind="stable")
        present, first = np.unique(keys[order], return_index=True)
        out[:, present] = np.add.reduceat(drawn[:, order], first, axis=1)
