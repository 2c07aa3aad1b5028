"""A figure: a share with its denominator and its interval. None can be made with a denominator of its own choosing."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from biosyn.metrics.bootstrap import RESAMPLES, SEED, percentile_interval, resampled_ratios

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Figure:
    """A sum over queries, how many queries it is of, and the ends of the interval of their ratio.

    Raises
    ------
    ValueError
        If there is no query, the sum cannot be one of ``of`` values between 0 and 1, or the interval is none.
    """

    total: float
    of: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (self.of >= 1 and 0 <= self.total <= self.of + 1e-9):
            raise ValueError(f"no share: {self.total} of {self.of}")
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"no interval of a share: {self.low} to {self.high}")

    @property
    def value(self) -> float:
        """The share itself."""
        return self.total / self.of

    def to_json(self) -> dict[str, Any]:
        """Return it for ``metrics.json``; a whole sum is written as the count that it is."""
        total = int(self.total) if float(self.total).is_integer() else self.total
        return {"value": self.value, "total": total, "of": self.of, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Measure:
    """What each of Q queries is worth, and which of them the figure is of.

    Attributes
    ----------
    values
        Between 0 and 1, shape (Q,); for accuracy 1 where right.
    members
        Bool, shape (Q,). The denominator is their number, and nothing else.

    Raises
    ------
    ValueError
        If the shapes differ, a value is no share, or there is no member.
    """

    values: NDArray[np.float64]
    members: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.values.shape != self.members.shape:
            raise ValueError(f"values {self.values.shape} and members {self.members.shape} are not of the same queries")
        if self.members.dtype != np.bool_:
            raise ValueError(f"members must say yes or no, found {self.members.dtype}")
        if not ((self.values >= 0) & (self.values <= 1)).all():  # written so that nan is refused too
            raise ValueError("a query is worth something between 0 and 1")
        if not self.members.any():
            raise ValueError("a share of no queries")


def figures_of(
    measures: Mapping[Key, Measure], units: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[Key, Figure]:
    """Return the figure of each measure, all intervals from the same resamples.

    Parameters
    ----------
    units
        Which sampling unit each query belongs to, shape (Q,).

    Raises
    ------
    ValueError
        If a measure has more or fewer queries than there are units.

    Examples
    --------
    >>> right, all_of_them = np.array([1.0, 0.0, 1.0, 1.0]), np.ones(4, dtype=bool)
    >>> figure = figures_of({"acc1": Measure(right, all_of_them)}, np.array([0, 0, 1, 1]))["acc1"]
    >>> figure.value, figure.total, figure.of, figure.low, figure.high
    (0.75, 3.0, 4, 0.5, 1.0)
    """
    for key, measure in measures.items():
        if len(measure.values) != len(units):
            raise ValueError(f"{key}: {len(measure.values)} values of {len(units)} queries")
    if not measures:
        return {}
    sizes = np.stack([measure.members for measure in measures.values()], axis=1).astype(np.float64)  # (Q, F)
    totals = np.stack([measure.values for measure in measures.values()], axis=1) * sizes  # (Q, F)
    ends = percentile_interval(resampled_ratios(totals, sizes, units, resamples=resamples, seed=seed))  # (2, F)
    ends = np.clip(ends, 0, 1)  # a sum of floats may end a hair beyond
    return {
        key: Figure(math.fsum(totals[:, column]), int(sizes[:, column].sum()), float(low), float(high))
        for column, (key, low, high) in enumerate(zip(measures, *ends, strict=True))
    }
