"""Comparison: two runs, or two systems with several seeds each, on the same queries."""

import logging
import warnings
from collections.abc import Callable, Sequence
from math import comb
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.evaluation.accuracy import hits_at, query_ranks, strict_hits
from biosyn.evaluation.intervals import (
    LEVEL,
    RESAMPLES,
    SEED,
    interval_json,
    percentile_interval,
    resampled_ratios,
    sampling_units,
)
from biosyn.evaluation.predictions import read_predictions
from biosyn.records import MentionPrediction, QueryPrediction

logger = logging.getLogger(__name__)

Predictions = Sequence[QueryPrediction]


def compare(a: Sequence[str | Path], b: Sequence[str | Path]) -> dict[str, Any]:
    """Compare the predictions of two systems: a file, or a file a seed, each; return the JSON result.

    Raises
    ------
    InputError
        If a file is missing or bad, or is not of the same queries as the first; the first difference is named.
    """
    if not a or not b:
        raise InputError("one run a side at least: give A and B, or --a and --b")
    runs = {path: read_predictions(path) for path in dict.fromkeys([*a, *b])}
    for path in runs:
        require_same_queries(runs[a[0]], runs[path], names=(str(a[0]), str(path)))
    documents = [found.query.pmid for found in runs[a[0]]]
    side_a, side_b = [runs[path] for path in a], [runs[path] for path in b]
    topk = min(len(found.mentions[0].candidates) for run in runs.values() for found in run)
    result: dict[str, Any] = {
        "a": [str(path) for path in a],
        "b": [str(path) for path in b],
        "queries": len(documents),
        "documents": len(set(documents)),
        "interval": interval_json(documents),
    }
    for k in sorted({1, min(5, topk)}):
        result[f"acc{k}"] = _compare_at(f"acc@{k}", _hits(side_a, k), _hits(side_b, k), sampling_units(documents))
    resolved = all(mention.resolved for run in runs.values() for found in run for mention in found.mentions)
    if resolved:
        hits_a, hits_b = (np.stack([strict_hits(run) for run in side]).astype(np.float64) for side in (side_a, side_b))
        result["strict_acc1"] = _compare_at("strict acc@1", hits_a, hits_b, sampling_units(documents))
    else:
        logger.info("strict acc@1: not every run has resolved concepts: run eval.py with concepts.jsonl again")
    if len(a) == len(b) == 1:
        right = [hits_at(query_ranks(run), 1) for run in (side_a[0], side_b[0])]
        result.update(changes(side_a[0], side_b[0], *right))
        if resolved:
            right = [strict_hits(run) for run in (side_a[0], side_b[0])]
            result["strict_acc1"].update(changes(side_a[0], side_b[0], *right, answer=_concept))
    return result


def require_same_queries(a: Predictions, b: Predictions, *, names: tuple[str, str]) -> None:
    """Refuse two runs that are not of the same queries in the same order.

    Raises
    ------
    InputError
        The first query that differs is named.
    """
    for number, (one, other) in enumerate(zip(a, b, strict=False), 1):
        if one.query != other.query:
            raise InputError(f"query {number} is {_named(one)} in {names[0]}, but {_named(other)} in {names[1]}")
    if len(a) != len(b):
        raise InputError(f"{len(a)} queries in {names[0]}, but {len(b)} in {names[1]}: evaluate both on the same set")


def _name(mention: MentionPrediction) -> str:
    return mention.candidates[0].name


def _concept(mention: MentionPrediction) -> str:
    return mention.resolved[0].curie


def changes(
    a: Predictions,
    b: Predictions,
    right_a: NDArray[np.bool_],
    right_b: NDArray[np.bool_],
    *,
    answer: Callable[[MentionPrediction], str] = _name,
) -> dict[str, list[dict[str, Any]]]:
    """Return the queries that only B has right, as ``fixed``, and those that only A has, as ``broken``.

    Parameters
    ----------
    right_a, right_b
        Whether each of Q queries is right, shape (Q,).
    answer
        What is listed of each part of a query.
    """
    pairs = list(zip(a, b, right_a.tolist(), right_b.tolist(), strict=True))
    return {
        "fixed": [_change(one, other, answer) for one, other, was, is_now in pairs if is_now and not was],
        "broken": [_change(one, other, answer) for one, other, was, is_now in pairs if was and not is_now],
    }


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


def welch_test(a: Sequence[float], b: Sequence[float]) -> dict[str, float] | None:
    """Test whether two systems differ by more than their seeds do: Welch's t-test, and the interval of B minus A.

    None where a side has fewer than two seeds, or both do not vary at all.

    It takes the accuracies of seeds for normally distributed, and tells about other seeds on the same test set, not
    about other documents. With three seeds a side it sees only large differences. Source: Welch, Biometrika 1947.

    Examples
    --------
    >>> found = welch_test([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])  # t = 2 / sqrt(1/3 + 1/3)
    >>> round(found["t"], 4), round(found["degrees_of_freedom"], 4), round(found["p"], 4)
    (2.4495, 4.0, 0.0705)
    """
    from scipy import stats  # here: two runs are compared without it, and it takes a third of a second to import

    if min(len(a), len(b)) < 2 or stdev(a) == stdev(b) == 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one side that does not vary is fine
        test = stats.ttest_ind(b, a, equal_var=False)
    interval = test.confidence_interval(LEVEL)
    return {
        "mean_a": fmean(a),
        "mean_b": fmean(b),
        "sd_a": stdev(a),
        "sd_b": stdev(b),
        "t": float(test.statistic),
        "degrees_of_freedom": float(test.df),
        "p": float(test.pvalue),
        "low": float(interval.low),
        "high": float(interval.high),
    }


def _compare_at(what: str, a: NDArray[np.float64], b: NDArray[np.float64], units: NDArray[np.int64]) -> dict[str, Any]:
    """Return what there is to say of two systems; a (S, Q) and b (T, Q), a row a seed, are 1 where right."""
    found: dict[str, Any] = paired_difference(a.mean(axis=0), b.mean(axis=0), units)._asdict()
    line = f"{what}: A {found['a']:.4f}, B {found['b']:.4f}, difference {found['difference']:+.4f}"
    logger.info("%s (95 %%: %+.4f to %+.4f)", line, found["low"], found["high"])
    if len(a) == len(b) == 1:
        fixed, broken = int((b > a).sum()), int((a > b).sum())
        found["mcnemar"] = {"fixed": fixed, "broken": broken, "p": mcnemar_exact(fixed, broken)}
        logger.info("%s: %d fixed, %d broken, McNemar's exact p %.2g", what, fixed, broken, found["mcnemar"]["p"])
    else:
        found["seeds"] = _seeds(what, a.mean(axis=1).tolist(), b.mean(axis=1).tolist())
    return found


def _seeds(what: str, a: list[float], b: list[float]) -> dict[str, Any]:
    test = welch_test(a, b)
    if test is None:
        logger.info("%s: no test over seeds: it needs two a side that differ", what)
    else:
        sides = "A {mean_a:.4f} (sd {sd_a:.4f}), B {mean_b:.4f} (sd {sd_b:.4f})".format_map(test)
        logger.info("%s: over seeds %s, Welch's p %.2g", what, sides, test["p"])
    return {"a": a, "b": b, "welch": test}


def _hits(runs: Sequence[Predictions], k: int) -> NDArray[np.float64]:
    return np.stack([hits_at(query_ranks(run), k) for run in runs]).astype(np.float64)  # (seeds, Q)


def _change(a: QueryPrediction, b: QueryPrediction, answer: Callable[[MentionPrediction], str]) -> dict[str, Any]:
    query = a.query
    best = {side: list(map(answer, found.mentions)) for side, found in (("a", a), ("b", b))}
    return {"mention": query.mention, "cui": query.cui, "pmid": query.pmid, "start": query.start, **best}


def _named(found: QueryPrediction) -> str:
    query = found.query
    return f"'{query.mention}' ({query.cui}) of {query.pmid}:{query.start}"
