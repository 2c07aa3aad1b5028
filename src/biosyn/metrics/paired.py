"""Two systems on the same queries: the difference with its interval, and McNemar's exact test."""

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biosyn.metrics.bootstrap import RESAMPLES, SEED, percentile_interval, resampled_ratios


class Difference(NamedTuple):
    """The means of two systems, B minus A, and the ends of its interval."""

    a: float
    b: float
    difference: float
    low: float
    high: float


def paired_difference(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Difference:
    """Return the difference of two means over the same Q queries, the documents drawn for both at once.

    Parameters
    ----------
    a, b
        What each query is worth in each system, shape (Q,): 1 where right, or the share of its seeds that are right.
    units
        The sampling unit of each query, shape (Q,).

    Examples
    --------
    >>> found = paired_difference(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]), np.array([0, 1, 2]))
    >>> round(found.difference, 4), found.low, round(found.high, 4)
    (0.3333, 0.0, 1.0)
    """
    values = np.stack([a, b], axis=1)  # (Q, 2)
    samples = resampled_ratios(values, np.ones_like(values), units, resamples=resamples, seed=seed)  # (R, 2)
    low, high = percentile_interval(samples[:, [1]] - samples[:, [0]])[:, 0]
    return Difference(float(a.mean()), float(b.mean()), float((b - a).mean()), float(low), float(high))


def mcnemar_exact(fixed: int, broken: int) -> float:
    """Return the two-sided p of McNemar's test, from the binomial distribution itself.

    Of n = fixed + broken queries on which two systems differ, each is as likely to be fixed as broken if neither is
    better: p = min(1, 2 P(X <= min(fixed, broken))), X ~ Bin(n, 1/2). Queries count as independent of each other, which
    those of one document are not: the paired interval is the more careful of the two. Source: McNemar, Psychometrika
    1947; Dietterich, Neural Computation 1998.

    Examples
    --------
    >>> mcnemar_exact(5, 0), mcnemar_exact(3, 3)  # 2 / 2^5; never above 1
    (0.0625, 1.0)
    """
    n = fixed + broken
    tail = sum(comb(n, count) for count in range(min(fixed, broken) + 1))
    return float(min(1.0, 2 * tail / 2**n))  # int by int: exact up to the last rounding
