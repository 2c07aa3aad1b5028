"""How well probabilities agree with what came true, pure: probabilities and outcomes in, figures out."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biosyn.concept_ids import shares_any
from biosyn.evaluation.figures import Measure, figures_of
from biosyn.evaluation.outcomes import Outcomes
from biosyn.evaluation.protocols import hits_at
from biosyn.records import QueryPrediction

BINS = 10
POINTS = 100  # of the risk-coverage curve that are written


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


class RiskPoint(NamedTuple):
    """What happens if those with at least this confidence are answered, and no others."""

    threshold: float
    coverage: float  # the share of all that is answered
    risk: float  # the share of the answered that is wrong


def risk_coverage(confidences: ArrayLike, right: ArrayLike) -> list[RiskPoint]:
    """Return a point for each distinct confidence, the highest first; the last one answers all.

    Source: El-Yaniv, Wiener, JMLR 2010. Equal confidences cannot be told apart by a threshold, so they share a point.

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

    Source: Geifman, Uziel, El-Yaniv, ICLR 2019. Among equal confidences the mean over their orders is taken: each
    counts as the share of them that is wrong.

    Examples
    --------
    >>> round(area_under_risk([0.9, 0.4, 0.8], [True, True, False]), 4)  # (0 + 1/2 + 1/3) / 3
    0.2778
    """
    _, counts, wrong = _by_confidence(confidences, right)
    errors = np.cumsum(np.repeat(wrong / counts, counts))  # (N,)
    return float(np.mean(errors / np.arange(1, len(errors) + 1)))


def answer_measures(
    answered: NDArray[np.bool_], right: NDArray[np.bool_], is_nil: NDArray[np.bool_]
) -> dict[str, Measure]:
    """Return what is measured of answers where some are ``-1``; a share of no queries is left out.

    ``coverage``: the answered, of all. ``accuracy_answered``: the right, of the answered. ``accuracy``: the answered
    that are right and the rightly unanswered, of all. ``nil_precision`` and ``nil_recall``: those without a concept, of
    the unanswered; the unanswered, of those without a concept.

    Parameters
    ----------
    answered, right, is_nil
        For each of Q queries: whether it is answered, the answer would be right, it has no concept in the dictionary.

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


def _by_confidence(
    confidences: ArrayLike, right: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the distinct confidences, the highest first, how many there are of each, and how many of these wrong."""
    given, outcomes = with_outcomes(confidences, right)
    values, place, counts = np.unique(-given, return_inverse=True, return_counts=True)
    return -values, counts.astype(np.int64), np.bincount(place, weights=1 - outcomes).astype(np.float64)


class MentionOutcome(NamedTuple):
    """What was promised of a mention, and what came of it."""

    probability: float
    right: bool


def mention_outcomes(predictions: Sequence[QueryPrediction]) -> list[MentionOutcome]:
    """Return the outcome of each mention, those of a composite query one by one.

    A mention is right where its best name shares an id with the query's gold ids.

    Raises
    ------
    ValueError
        If a mention has no probability.
    """
    return [
        MentionOutcome(_known(mention.probability), shares_any(found.query.cui, mention.candidates[0].cui))
        for found in predictions
        for mention in found.mentions
    ]


def query_confidences(predictions: Sequence[QueryPrediction]) -> NDArray[np.float64]:
    """Return the confidence of each of Q queries, shape (Q,): the lowest of its mentions, as all have to be right."""
    return np.array([min(_known(mention.probability) for mention in found.mentions) for found in predictions])


def confidence_json(
    predictions: Sequence[QueryPrediction], outcomes: Outcomes, *, threshold: float | None = None
) -> dict[str, Any]:
    """Return the content of ``confidence`` in ``metrics.json``; ``answers`` only with a threshold.

    A query is right where Acc@1 counts it, and NIL where none of its gold ids has a name in the dictionary.
    """
    mentions = mention_outcomes(predictions)
    table = reliability_table(*zip(*mentions, strict=True))
    confidences, right = query_confidences(predictions), hits_at(outcomes.ranks, 1)
    is_nil = ~outcomes.in_dictionary
    found: dict[str, Any] = {
        "mentions": len(mentions),
        "ece": expected_calibration_error(table),
        "reliability": [row._asdict() for row in table],
        "queries": len(outcomes),
        "nil": int(is_nil.sum()),
        "aurc": area_under_risk(confidences, right),
        "risk_coverage": [point._asdict() for point in _thinned(risk_coverage(confidences, right))],
    }
    if threshold is not None:
        measures = answer_measures(confidences >= threshold, right, is_nil)
        figures = figures_of(measures, outcomes.units)
        found["threshold"] = threshold
        found["answers"] = {name: figure.to_json() for name, figure in figures.items()}
    return found


def _known(probability: float | None) -> float:
    if probability is None:
        raise ValueError("a mention has no probability")
    return probability


def _thinned(points: Sequence[RiskPoint]) -> Iterator[RiskPoint]:
    """Yield the first point of each hundredth of coverage, and the last of all."""
    reached = 0
    for point in points:
        if (step := int(point.coverage * POINTS)) > reached:
            reached = step
            yield point
