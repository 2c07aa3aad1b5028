"""How well probabilities agree with what came true, pure: probabilities and outcomes in, figures out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 10


class ReliabilityBin(NamedTuple):
    """The predictions whose probability is from ``low`` to below ``high`` (the last bin: to 1 with 1)."""

    low: float
    high: float
    count: int
    probability: float  # mean
    right: float  # the share that came true


def reliability_table(probabilities: Sequence[float], right: Sequence[bool]) -> list[ReliabilityBin]:
    """Return the bins, of equal width, that hold a prediction.

    Examples
    --------
    >>> [tuple(row) for row in reliability_table([0.95, 0.97, 0.42], [True, False, False])]
    [(0.4, 0.5, 1, 0.42, 0.0), (0.9, 1.0, 2, 0.96, 0.5)]
    """
    values, outcomes = _arrays(probabilities, right)
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

    Source: Naeini, Cooper, Hauskrecht, AAAI 2015 (ECE, bins of equal width). In percentage points of probability / 100.

    Examples
    --------
    >>> expected_calibration_error(reliability_table([0.75, 0.75, 0.25, 0.25], [True, True, False, False]))
    0.25
    """
    return sum(row.count * abs(row.probability - row.right) for row in table) / sum(row.count for row in table)


def _arrays(probabilities: Sequence[float], right: Sequence[bool]) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(probabilities) != len(right) or not len(right):
        raise ValueError(f"{len(probabilities)} probabilities for {len(right)} outcomes")
    return np.asarray(probabilities, dtype=float), np.asarray(right, dtype=float)
