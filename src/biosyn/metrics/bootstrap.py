"""Confidence intervals by resampling whole documents, pure and vectorised.

Mentions of one document are alike (the same disease, the same abbreviation), so documents are drawn, not queries: the
cluster bootstrap (Field and Welsh, J. R. Stat. Soc. B 2007), with percentile intervals (Efron and Tibshirani 1993).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95
FEWEST_DOCUMENTS = 10  # that are drawn: what a handful of them would give says nothing of other documents
SEED = 0
_DRAWS_AT_A_TIME = 1_000_000  # documents drawn in one block of resamples: 8 MB an array


def sampling_units(documents: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of the unit that each of Q queries belongs to, shape (Q,): its document.

    Where they stand in fewer than ``FEWEST_DOCUMENTS``, each is a unit of its own.

    Examples
    --------
    >>> sampling_units([f"10021{number}" for number in range(200, 210)] + ["10021207"])
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7])
    >>> sampling_units(["932197", "10021369", "932197"])
    array([0, 1, 2])
    """
    if not _are_drawn(documents):
        return np.arange(len(documents))
    return np.unique(np.asarray(documents, dtype=str), return_inverse=True)[1].reshape(-1)


def _are_drawn(documents: Sequence[str]) -> bool:
    return len(set(documents)) >= FEWEST_DOCUMENTS


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


def resampled_ratios(
    totals: NDArray[np.float64],
    sizes: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> NDArray[np.float64]:
    """Return F ratios in each of R resamples, shape (R, F): sum of totals / sum of sizes over the units drawn.

    All figures are computed in the same resamples, so that their differences are paired.

    Parameters
    ----------
    totals, sizes
        What each of Q queries adds above and below the bar, shape (Q, F).
    units
        Shape (Q,), numbers from 0; see `sampling_units`.

    Returns
    -------
    array
        ``nan`` where a resample holds no query of a figure.
    """
    above, below = unit_sums(totals, units), unit_sums(sizes, units)  # (U, F) each
    blocks = []
    for counts in resample_counts(len(above), resamples=resamples, seed=seed):
        drawn = counts @ below  # (r, F)
        blocks.append(np.divide(counts @ above, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0))
    return np.concatenate(blocks)


def percentile_interval(samples: NDArray[np.float64], *, level: float = LEVEL) -> NDArray[np.float64]:
    """Return the ends of the interval of each figure, shape (2, F), from samples (R, F); ``nan`` is left out.

    Examples
    --------
    >>> percentile_interval(np.arange(101.0)[:, None], level=0.9)
    array([[ 5.],
           [95.]])
    """
    tail = 100 * (1 - level) / 2
    return np.nanpercentile(samples, [tail, 100 - tail], axis=0)


def interval_json(documents: Sequence[str]) -> dict[str, Any]:
    """Return how the intervals of these queries' figures are made, for JSON; see `sampling_units`."""
    drawn = "document" if _are_drawn(documents) else "query"
    return {"level": LEVEL, "method": "bootstrap, percentile", "drawn": drawn, "resamples": RESAMPLES, "seed": SEED}
