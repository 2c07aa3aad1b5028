"""What it costs to answer and what to leave unanswered, pure: confidences and outcomes in, figures out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class RiskPoint(NamedTuple):
    """What happens if those with at least this confidence are answered, and no others."""

    threshold: float
    coverage: float  # the share of all that is answered
    risk: float  # the share of the answered that is wrong


class NilScores(NamedTuple):
    """How well ``-1`` was answered: counts, and two shares, each None where its denominator is 0."""

    nil: int  # have no concept in the dictionary
    answered_nil: int
    both: int
    precision: float | None  # both / answered_nil
    recall: float | None  # both / nil


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[RiskPoint]:
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


def area_under_risk(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return AURC: the mean, over n = 1 .. N, of the risk of answering the n most confident ones.

    Source: Geifman, Uziel, El-Yaniv, ICLR 2019. Among equal confidences the mean over their orders is taken: each
    counts as the share of them that is wrong.

    Examples
    --------
    >>> area_under_risk([0.9, 0.4, 0.8], [True, True, False])  # (0 + 1/2 + 1/3) / 3
    0.2777777777777778
    """
    _, counts, wrong = _by_confidence(confidences, right)
    errors = np.cumsum(np.repeat(wrong / counts, counts))  # (N,)
    return float(np.mean(errors / np.arange(1, len(errors) + 1)))


def nil_scores(answered_nil: Sequence[bool], is_nil: Sequence[bool]) -> NilScores:
    """Return precision and recall of the answer ``-1``.

    Examples
    --------
    >>> tuple(nil_scores([True, True, False, False], [True, False, True, False]))
    (2, 2, 1, 0.5, 0.5)
    """
    nil, answered = sum(is_nil), sum(answered_nil)
    both = sum(said and true for said, true in zip(answered_nil, is_nil, strict=True))
    return NilScores(nil, answered, both, both / answered if answered else None, both / nil if nil else None)


def _by_confidence(
    confidences: Sequence[float], right: Sequence[bool]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the distinct confidences, the highest first, how many there are of each, and how many of these wrong."""
    if len(confidences) != len(right) or not len(right):
        raise ValueError(f"{len(confidences)} confidences for {len(right)} outcomes")
    values, place, counts = np.unique(-np.asarray(confidences, dtype=float), return_inverse=True, return_counts=True)
    wrong = np.bincount(place, weights=~np.asarray(right, dtype=bool))
    return -values, counts, wrong
