"""Figures: fractions of queries, each with its denominator and an interval by bootstrap over documents.

Arrays in, figures out. The denominator of a figure is always the number of its members, and cannot be chosen.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)
RESAMPLES = 10_000
LEVEL = 0.95
FEWEST_DOCUMENTS = 10  # to draw documents: resamples of only a few say nothing about other documents
SEED = 0
_DRAWS_AT_A_TIME = 1_000_000  # documents drawn per block of resamples: 8 MB per array


@dataclass(frozen=True)
class Measure:
    """The value of each of Q queries, and the queries of which a figure is the mean.

    Attributes
    ----------
    values
        Between 0 and 1, shape (Q,); for accuracy 1 if right.
    members
        Bool, shape (Q,). Their number is the denominator.

    Raises
    ------
    ValueError
        If the shapes differ, a value is not between 0 and 1, or there is no member.
    """

    values: NDArray[np.float64]
    members: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.values.shape != self.members.shape:
            raise ValueError(f"values {self.values.shape} and members {self.members.shape} are not of the same queries")
        if self.members.dtype != np.bool_:
            raise ValueError(f"members must be bool, found {self.members.dtype}")
        if not ((self.values >= 0) & (self.values <= 1)).all():  # in this form it refuses nan as well
            raise ValueError("the value of a query must be between 0 and 1")
        if not self.members.any():
            raise ValueError("a figure needs at least one query")


@dataclass(frozen=True)
class Figure:
    """The sum of the values of some queries, the number of these queries, and the ends of the interval of their ratio.

    Raises
    ------
    ValueError
        If there is no query, or the sum or the interval is not possible for values between 0 and 1.
    """

    total: float
    of: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (self.of >= 1 and 0 <= self.total <= self.of + 1e-9):
            raise ValueError(f"not a fraction: {self.total} of {self.of}")
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"not an interval of a fraction: {self.low} to {self.high}")

    @property
    def value(self) -> float:
        """The fraction itself."""
        return self.total / self.of

    def to_json(self) -> dict[str, Any]:
        """Return the figure for ``metrics.json``; a whole sum is written as an integer."""
        total = int(self.total) if float(self.total).is_integer() else self.total
        return {"value": self.value, "total": total, "of": self.of, "low": self.low, "high": self.high}


def figures_of(
    measures: Mapping[Key, Measure], units: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[Key, Figure]:
    """Return the figure of each measure; all intervals come from the same resamples.

    Parameters
    ----------
    units
        The sampling unit of each query, shape (Q,); see `sampling_units`.

    Raises
    ------
    ValueError
        If the number of a measure's queries is not that of the units.

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
    ends = np.clip(ends, 0, 1)  # rounding of a sum may put it slightly outside
    return {
        key: Figure(math.fsum(totals[:, column]), int(sizes[:, column].sum()), float(low), float(high))
        for column, (key, low, high) in enumerate(zip(measures, *ends, strict=True))
    }


def sampling_units(documents: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each of Q queries' sampling unit, its document, shape (Q,).

    If there are fewer than ``FEWEST_DOCUMENTS`` documents, each query is a unit of its own.

    Examples
    --------
    >>> sampling_units([f"10021{number}" for number in range(200, 210)] + ["10021207"])
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7])
    >>> sampling_units(["932197", "10021369", "932197"])
    array([0, 1, 2])
    """
    if not _draws_documents(documents):
        return np.arange(len(documents))
    return np.unique(np.asarray(documents, dtype=str), return_inverse=True)[1].reshape(-1)


def _draws_documents(documents: Sequence[str]) -> bool:
    return len(set(documents)) >= FEWEST_DOCUMENTS


def interval_json(documents: Sequence[str]) -> dict[str, Any]:
    """Return how the intervals of these queries' figures are made, for JSON; see `sampling_units`."""
    drawn = "document" if _draws_documents(documents) else "query"
    return {"level": LEVEL, "method": "bootstrap, percentile", "drawn": drawn, "resamples": RESAMPLES, "seed": SEED}


def resampled_ratios(
    totals: NDArray[np.float64],
    sizes: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> NDArray[np.float64]:
    """Return F ratios in each of R resamples, shape (R, F): sum of totals / sum of sizes over the drawn units.

    All figures are computed in the same resamples, so that their differences are paired.

    Parameters
    ----------
    totals, sizes
        What each of Q queries adds to the numerator and to the denominator, shape (Q, F).
    units
        The sampling unit of each query, numbers from 0, shape (Q,); see `sampling_units`.

    Returns
    -------
    array
        ``nan`` where a resample has no query of a figure.
    """
    numerators, denominators = unit_sums(totals, units), unit_sums(sizes, units)  # (U, F) each
    blocks = []
    for counts in resample_counts(len(numerators), resamples=resamples, seed=seed):
        drawn = counts @ denominators  # (r, F)
        blocks.append(np.divide(counts @ numerators, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0))
    return np.concatenate(blocks)


def unit_sums(values: NDArray[np.float64], units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Add up the rows (Q, F) of each unit, shape (U, F).

    Examples
    --------
    >>> unit_sums(np.array([[1.0], [0.5], [2.0]]), np.array([1, 0, 1]))
    array([[0.5],
           [3. ]])
    """
    sums = np.zeros((int(units.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, units, values)
    return sums


def resample_counts(n_units: int, *, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[NDArray[np.float64]]:
    """Yield how often each unit was drawn in each resample, in blocks of shape (r, U); every row adds up to U."""
    draw = np.random.default_rng(seed)
    block = max(1, _DRAWS_AT_A_TIME // n_units)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = draw.integers(0, n_units, (rows, n_units)) + n_units * np.arange(rows)[:, None]  # (r, U), rows apart
        yield np.bincount(drawn.ravel(), minlength=rows * n_units).reshape(rows, n_units).astype(np.float64)


def percentile_interval(samples: NDArray[np.float64], *, level: float = LEVEL) -> NDArray[np.float64]:
    """Return the ends of each figure's interval, shape (2, F), from samples (R, F); ``nan`` is ignored.

    Examples
    --------
    >>> percentile_interval(np.arange(101.0)[:, None], level=0.9)
    array([[ 5.],
           [95.]])
    """
    tail = 100 * (1 - level) / 2
    return np.nanpercentile(samples, [tail, 100 - tail], axis=0)
