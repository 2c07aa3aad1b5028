"""How well probabilities agree with what came true, pure: probabilities and outcomes in, figures out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10


class ReliabilityBin(NamedTuple):
    """The predictions whose probability is from ``low`` to below ``high`` (the last bin: to 1 with 1)."""

    low: float
    high: float
    size: int
    probability: float  # mean
    right: float  # the share that came true


def reliability_table(probabilities: ArrayLike, right: ArrayLike) -> list[ReliabilityBin]:
    """Return the bins, of equal width, that hold a prediction.

    Examples
    --------
    >>> [tuple(row) for row in reliability_table([0.95, 0.97, 0.42], [True, False, False])]
    [(0.4, 0.5, 1, 0.42, 0.0), (0.9, 1.0, 2, 0.96, 0.5)]
    """
    values, outcomes = with_outcomes(probabilities, right)
    bins = np.minimum((values * BINS).astype(int), BINS - 1)
    return [
        ReliabilityBin(
            found / BINS,
            (found + 1) / BINS,
            int(chosen.sum()),
            float(values[chosen].mean()),
            float(outcomes[chosen].mean()),
        )
        for found in range(BINS)
        if (chosen := bins == found).any()
    ]


def expected_calibration_error(table: Sequence[ReliabilityBin]) -> float:
    """Return the mean over all predictions of |mean probability - share right| of their bin.

    Source: Naeini, Cooper, Hauskrecht, AAAI 2015 (ECE, bins of equal width). Between 0 and 1.

    Examples
    --------
    >>> expected_calibration_error(reliability_table([0.75, 0.75, 0.25, 0.25], [True, True, False, False]))
    0.25
    """
    return sum(row.size * abs(row.probability - row.right) for row in table) / sum(row.size for row in table)


def with_outcomes(values: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return N values and their outcomes, 1 where right, as arrays of shape (N,).

    Raises
    ------
    ValueError
        If there are not as many of the one as of the other, or none.

    Examples
    --------
    >>> with_outcomes([0.5, 0.75], [True, False])
    (array([0.5 , 0.75]), array([1., 0.]))
    """
    numbers, outcomes = np.asarray(values, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if numbers.ndim != 1 or numbers.shape != outcomes.shape or not len(numbers):
        raise ValueError(f"values {numbers.shape} for outcomes {outcomes.shape}")
    return numbers, outcomes
