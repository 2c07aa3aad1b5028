"""How well probabilities match what is right: calibration error, risk over coverage, and answers with a threshold."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biosyn.evaluation.accuracy import best_ids, gold_ids, hits_at, resolved_ids
from biosyn.evaluation.intervals import Measure, figures_of
from biosyn.evaluation.outcomes import Outcomes
from biosyn.records import MentionPrediction, QueryPrediction
from biosyn.retrieval.confidence import OF_CONCEPT, OF_NAME

BINS = 10
POINTS = 100  # of the risk-coverage curve in metrics.json


def confidence_json(
    predictions: Sequence[QueryPrediction], outcomes: Outcomes, *, of: str = OF_NAME, threshold: float | None = None
) -> dict[str, Any]:
    """Return the content of ``confidence`` in ``metrics.json``; ``answers`` only with a threshold.

    A mention is right if the concept of its best name has a gold id of the query, and a query by the strict protocol;
    for a probability of the name (`Calibration.of`), and without ``concepts.jsonl``, a mention is right if its best
    name has a gold id, and a query if Acc@1 counts it. A query is NIL if none of its gold ids has a name in the
    dictionary; its confidence is the lowest probability of its mentions, as all of them must be right.

    Raises
    ------
    ValueError
        If a mention has no probability.
    """
    mentions = [(mention, found.query) for found in predictions for mention in found.mentions]
    probabilities = [_probability(mention) for mention, _ in mentions]
    strict = outcomes.strict if of == OF_CONCEPT else None
    ids_of = best_ids if strict is None else resolved_ids
    table = reliability_table(probabilities, [not ids_of(m).isdisjoint(gold_ids(q.cui)) for m, q in mentions])
    confidences = np.array([min(map(_probability, found.mentions)) for found in predictions])  # (Q,)
    right, is_nil = hits_at(outcomes.ranks, 1) if strict is None else strict, ~outcomes.in_dictionary
    result: dict[str, Any] = {
        "mentions": len(mentions),
        "ece": expected_calibration_error(table),
        "reliability": [row._asdict() for row in table],
        "queries": len(outcomes),
        "nil": int(is_nil.sum()),
        "aurc": area_under_risk(confidences, right),
        "risk_coverage": [point._asdict() for point in _thinned(risk_coverage(confidences, right))],
        "of": OF_NAME if strict is None else OF_CONCEPT,
    }
    if threshold is not None:
        measures = answer_measures(confidences >= threshold, right, is_nil)
        figures = figures_of(measures, outcomes.units)
        result["threshold"] = threshold
        result["answers"] = {name: figure.to_json() for name, figure in figures.items()}
    return result


def _probability(mention: MentionPrediction) -> float:
    if mention.probability is None:
        raise ValueError("a mention has no probability")
    return mention.probability


# -- calibration


class ReliabilityBin(NamedTuple):
    """The predictions with a probability from ``low`` to below ``high``; the last bin includes 1."""

    low: float
    high: float
    size: int
    probability: float  # mean of the predictions
    right: float  # fraction of the predictions


def reliability_table(probabilities: ArrayLike, right: ArrayLike) -> list[ReliabilityBin]:
    """Return the non-empty bins, of equal width, of N predictions.

    Examples
    --------
    >>> [tuple(row) for row in reliability_table([0.95, 0.97, 0.42], [True, False, False])]
    [(0.4, 0.5, 1, 0.42, 0.0), (0.9, 1.0, 2, 0.96, 0.5)]
    """
    values, outcomes = _as_arrays(probabilities, right)
    bins = np.minimum((values * BINS).astype(int), BINS - 1)
    return [
        ReliabilityBin(
            number / BINS,
            (number + 1) / BINS,
            int(chosen.sum()),
            float(values[chosen].mean()),
            float(outcomes[chosen].mean()),
        )
        for number in range(BINS)
        if (chosen := bins == number).any()
    ]


def expected_calibration_error(table: Sequence[ReliabilityBin]) -> float:
    """Return the mean of |mean probability - fraction right| over all predictions, each taken from its bin.

    Source: Naeini, Cooper, Hauskrecht, AAAI 2015 (ECE, bins of equal width). Between 0 and 1.

    Examples
    --------
    >>> expected_calibration_error(reliability_table([0.75, 0.75, 0.25, 0.25], [True, True, False, False]))
    0.25
    """
    return sum(row.size * abs(row.probability - row.right) for row in table) / sum(row.size for row in table)


def _as_arrays(values: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return N values, and 1 for right or 0 for wrong, as arrays of shape (N,)."""
    numbers, outcomes = np.asarray(values, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if numbers.ndim != 1 or numbers.shape != outcomes.shape or not len(numbers):
        raise ValueError(f"values {numbers.shape} for outcomes {outcomes.shape}")
    return numbers, outcomes


# -- risk over coverage


class RiskPoint(NamedTuple):
    """The result of answering only what has at least this confidence."""

    threshold: float
    coverage: float  # fraction of all that is answered
    risk: float  # fraction of the answered that is wrong


def risk_coverage(confidences: ArrayLike, right: ArrayLike) -> list[RiskPoint]:
    """Return a point for each distinct confidence, the highest first; the last point answers all.

    Source: El-Yaniv, Wiener, JMLR 2010. No threshold separates equal confidences, so they are one point.

    Examples
    --------
    >>> [tuple(point) for point in risk_coverage([0.9, 0.4, 0.4, 0.8], [True, False, True, False])]
    [(0.9, 0.25, 0.0), (0.8, 0.5, 0.5), (0.4, 1.0, 0.5)]
    """
    values, counts, wrong = _by_confidence(confidences, right)
    answered, errors = np.cumsum(counts), np.cumsum(wrong)
    return [
        RiskPoint(float(value), float(total / answered[-1]), float(bad / total))
        for value, total, bad in zip(values, answered, errors, strict=True)
    ]


def area_under_risk(confidences: ArrayLike, right: ArrayLike) -> float:
    """Return AURC: the mean, over n = 1 .. N, of the risk of answering the n most confident ones.

    Source: Geifman, Uziel, El-Yaniv, ICLR 2019. For equal confidences it is the mean over their orders: each of them
    counts as wrong by the fraction of them that is wrong.

    Examples
    --------
    >>> round(area_under_risk([0.9, 0.4, 0.8], [True, True, False]), 4)  # (0 + 1/2 + 1/3) / 3
    0.2778
    """
    _, counts, wrong = _by_confidence(confidences, right)
    errors = np.cumsum(np.repeat(wrong / counts, counts))  # (N,)
    return float(np.mean(errors / np.arange(1, len(errors) + 1)))


def _by_confidence(
    confidences: ArrayLike, right: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the distinct confidences, the highest first, the number of each, and the number of wrong ones of each."""
    given, outcomes = _as_arrays(confidences, right)
    values, groups, counts = np.unique(-given, return_inverse=True, return_counts=True)
    return -values, counts.astype(np.int64), np.bincount(groups, weights=1 - outcomes).astype(np.float64)


def _thinned(points: Sequence[RiskPoint]) -> Iterator[RiskPoint]:
    """Yield the first point of each hundredth of coverage, including the last point of all."""
    reached = 0
    for point in points:
        if (step := int(point.coverage * POINTS)) > reached:
            reached = step
            yield point


# -- answers with a threshold


def answer_measures(
    answered: NDArray[np.bool_], right: NDArray[np.bool_], is_nil: NDArray[np.bool_]
) -> dict[str, Measure]:
    """Return the measures of answers of which some are ``-1``; a fraction of no queries is left out.

    - ``coverage``: the fraction of all queries that is answered.
    - ``accuracy_answered``: the fraction of the answered that is right.
    - ``accuracy``: the fraction of all queries that is answered and right, or rightly not answered.
    - ``nil_precision``: the fraction of the unanswered that has no concept.
    - ``nil_recall``: the fraction of those without a concept that is unanswered.

    Parameters
    ----------
    answered, right, is_nil
        For each of Q queries, whether it is answered, whether the answer would be right, and whether it has no concept
        in the dictionary; shape (Q,).

    Examples
    --------
    >>> answered, right, is_nil = (np.array(row, dtype=bool) for row in ([1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]))
    >>> measures = answer_measures(answered, right, is_nil)
    >>> {name: float(found.values[found.members].mean()) for name, found in measures.items()}
    {'coverage': 0.5, 'accuracy_answered': 0.5, 'accuracy': 0.5, 'nil_precision': 0.5, 'nil_recall': 0.5}
    """
    everyone = np.ones(len(answered), dtype=np.bool_)
    parts = {
        "coverage": (answered, everyone),
        "accuracy_answered": (right, answered),
        "accuracy": (np.where(answered, right, is_nil), everyone),
        "nil_precision": (is_nil, ~answered),
        "nil_recall": (~answered, is_nil),
    }
    return {
        name: Measure(values.astype(np.float64), members) for name, (values, members) in parts.items() if members.any()
    }
