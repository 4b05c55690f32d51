"""Groups: pictures of one writer, claim or video say less than as many of different ones."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


def group_sums(values: Floats, groups: Positions) -> Floats:
    """Return (G, F): the sums of (N, F) values over each group.

    Args:
        values: float64.
        groups: (N,) numbers of the groups, 0 to G − 1.

    Example:
        >>> group_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1, 0])).tolist()
        [[5.0], [2.0]]
    """
    out: Floats = np.zeros((int(groups.max()) + 1, values.shape[1]))
    np.add.at(out, groups, values)
    return out


def effective_count(hits: NDArray[np.bool_], groups: Positions, *, confidence_level: float = 0.95) -> float:
    """Return how many independent pictures would make a proportion as certain as these grouped ones do.

    Where the groups differ in their shares by no more than chance, that is about the number of pictures; where each
    is all right or all wrong, that of the groups. Where none or all are hits, or all but those of a single group,
    nothing tells the two apart, and the groups are counted at most. Few groups count for less still, by the quantiles
    of Student's t.

    Args:
        hits: (N,) bool.
        groups: (N,) which group each picture belongs to, any numbers.
        confidence_level: of the interval that it is for.

    Source: E. Korn and B. Graubard, Survey Methodology 24 (1998), 193–201; N. Dean and M. Pagano, Journal of Survey
        Statistics and Methodology 3 (2015), 484–503, for Wilson's interval with it.

    Example:
        >>> groups = np.repeat(np.arange(100), 10)
        >>> round(effective_count(np.arange(1000) < 800, groups))  # all or nothing: 100 groups, not 1,000 pictures
        97
    """
    from scipy.stats import t

    _, groups = np.unique(groups, return_inverse=True)
    sizes = np.bincount(groups).astype(np.float64)
    count, total = len(sizes), float(len(hits))
    if count < 2:
        return 0.0
    share, within = float(hits.mean()), np.bincount(groups, weights=hits.astype(np.float64))
    residual = within - share * sizes
    variance = count / (count - 1) * float((residual * residual).sum()) / total**2
    effective = min(total, share * (1 - share) / variance) if variance > 0 else total
    if min(np.count_nonzero(within), np.count_nonzero(within < sizes)) < 2:
        effective = min(effective, count) if 0 < share < 1 else count
    tail = 0.5 + confidence_level / 2
    return effective * float(NormalDist().inv_cdf(tail) / t.ppf(tail, count - 1)) ** 2
