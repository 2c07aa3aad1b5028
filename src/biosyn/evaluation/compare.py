"""Comparison: two runs, or two systems with several seeds each, on the same queries."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.evaluation.predictions import read_predictions
from biosyn.metrics.accuracy import hits_at, query_ranks
from biosyn.metrics.bootstrap import interval_json, sampling_units
from biosyn.metrics.paired import mcnemar_exact, paired_difference
from biosyn.metrics.seeds import welch_test
from biosyn.records import QueryPrediction

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
        result[f"acc{k}"] = _compare_at(k, _hits(side_a, k), _hits(side_b, k), sampling_units(documents))
    if len(a) == len(b) == 1:
        result.update(changes(side_a[0], side_b[0]))
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


def changes(a: Predictions, b: Predictions) -> dict[str, list[dict[str, Any]]]:
    """Return the queries that only B has right at 1, as ``fixed``, and those that only A has, as ``broken``."""
    right_a, right_b = hits_at(query_ranks(a), 1), hits_at(query_ranks(b), 1)
    pairs = list(zip(a, b, right_a.tolist(), right_b.tolist(), strict=True))
    return {
        "fixed": [_change(one, other) for one, other, was, is_now in pairs if is_now and not was],
        "broken": [_change(one, other) for one, other, was, is_now in pairs if was and not is_now],
    }


def _compare_at(k: int, a: NDArray[np.float64], b: NDArray[np.float64], units: NDArray[np.int64]) -> dict[str, Any]:
    """Return what there is to say of two systems at k; a (S, Q) and b (T, Q), a row a seed, are 1 where right."""
    found: dict[str, Any] = paired_difference(a.mean(axis=0), b.mean(axis=0), units)._asdict()
    line = f"acc@{k}: A {found['a']:.4f}, B {found['b']:.4f}, difference {found['difference']:+.4f}"
    logger.info("%s (95 %%: %+.4f to %+.4f)", line, found["low"], found["high"])
    if len(a) == len(b) == 1:
        fixed, broken = int((b > a).sum()), int((a > b).sum())
        found["mcnemar"] = {"fixed": fixed, "broken": broken, "p": mcnemar_exact(fixed, broken)}
        logger.info("acc@%d: %d fixed, %d broken, McNemar's exact p %.2g", k, fixed, broken, found["mcnemar"]["p"])
    else:
        found["seeds"] = _seeds(k, a.mean(axis=1).tolist(), b.mean(axis=1).tolist())
    return found


def _seeds(k: int, a: list[float], b: list[float]) -> dict[str, Any]:
    test = welch_test(a, b) if min(len(a), len(b)) > 1 else None
    if test is None:
        logger.info("acc@%d: no test over seeds: it needs two a side that differ", k)
    else:
        sides = f"A {test.mean_a:.4f} (sd {test.sd_a:.4f}), B {test.mean_b:.4f} (sd {test.sd_b:.4f})"
        logger.info("acc@%d: over seeds %s, Welch's p %.2g", k, sides, test.p)
    return {"a": a, "b": b, "welch": None if test is None else asdict(test)}


def _hits(runs: Sequence[Predictions], k: int) -> NDArray[np.float64]:
    return np.stack([hits_at(query_ranks(run), k) for run in runs]).astype(np.float64)  # (seeds, Q)


def _change(a: QueryPrediction, b: QueryPrediction) -> dict[str, Any]:
    query = a.query
    best = {side: [m.candidates[0].name for m in found.mentions] for side, found in (("a", a), ("b", b))}
    return {"mention": query.mention, "cui": query.cui, "pmid": query.pmid, "start": query.start, **best}


def _named(found: QueryPrediction) -> str:
    query = found.query
    return f"'{query.mention}' ({query.cui}) of {query.pmid}:{query.start}"
