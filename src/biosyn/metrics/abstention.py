"""What it costs to answer and what to leave unanswered, pure: confidences and outcomes in, figures out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biosyn.evaluation.figures import Measure
from biosyn.evaluation.reliability import with_outcomes


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
