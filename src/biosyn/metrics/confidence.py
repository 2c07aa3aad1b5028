"""Every figure that is made of a calibrated model's probabilities."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biosyn.concept_ids import shares_any
from biosyn.evaluation.figures import figures_of
from biosyn.evaluation.outcomes import Outcomes
from biosyn.evaluation.reliability import expected_calibration_error, reliability_table
from biosyn.metrics.abstention import RiskPoint, answer_measures, area_under_risk, risk_coverage
from biosyn.metrics.accuracy import hits_at
from biosyn.records import QueryPrediction

POINTS = 100  # of the risk-coverage curve that are written


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
