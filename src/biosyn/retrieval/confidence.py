"""The probability that the best concept of a mention is right: a logistic model on the scores of its candidates.

The best concept is that of the best name; right means that the name shares an id with the gold ids, as Acc@1 counts.
Two names are of one concept here where they share an id, so that no ontology is needed to answer a mention.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from biosyn.concept_ids import name_ids
from biosyn.records import Candidate

DEPTH = 20  # candidates that the features are made of, the K of training


class Features(NamedTuple):
    """What the model is given of a mention; all but ``exact`` are on the scale of the scores, so the model's own."""

    score: float  # of the best name
    gap: float  # from there to the best name of another concept
    log_odds: float  # of the share of the softmax over the candidates that names of the best concept hold
    exact: float  # 1 where the best name is the mention, letter by letter


def features_of(text: str, candidates: Sequence[Candidate]) -> Features:
    """Return the features of a mention as it was embedded, and of its candidates, best first.

    Where all candidates are of one concept, the last of them stands in for the rival: it is no better. The softmax is
    that of the marginalization in training (the paper, section 3.3).

    Examples
    --------
    >>> names = [("ataxia", "D1", 3.0), ("ataxias", "D1|D2", 3.0), ("asthma", "D3", 1.0)]
    >>> features = features_of("ataxia", [Candidate(*name, 0.0, 0.0) for name in names])
    >>> features.gap, features.exact, round(math.exp(features.log_odds), 3)  # (e^3 + e^3) / e^1
    (2.0, 1.0, 14.778)
    """
    best = candidates[0]
    ids = name_ids(best.cui)
    others = [found.score for found in candidates if ids.isdisjoint(name_ids(found.cui))] or [candidates[-1].score]
    own = [found.score for found in candidates if not ids.isdisjoint(name_ids(found.cui))]
    log_odds = _log_sum(own) - _log_sum(others)
    return Features(best.score, best.score - others[0], log_odds, float(best.name == text))


def _log_sum(scores: Sequence[float]) -> float:
    highest = max(scores)
    return highest + math.log(sum(math.exp(score - highest) for score in scores))


@dataclass(frozen=True)
class Calibration:
    """A fitted model of one checkpoint and one score mode.

    Parameters
    ----------
    weights
        One a feature, for the features as they are.
    fitted_on
        The mentions and dictionary: JSON, for the manifest.
    """

    intercept: float
    weights: Features
    fitted_on: Mapping[str, Any] = field(default_factory=dict)

    def probability(self, text: str, candidates: Sequence[Candidate]) -> float:
        """Return the probability for a mention as it was embedded, and its `DEPTH` best candidates.

        Examples
        --------
        >>> model = Calibration(-1.0, Features(0.0, 0.5, 0.0, 0.0))
        >>> names = [Candidate("ataxia", "D1", 3.0, 3.0, 0.0), Candidate("asthma", "D3", 1.0, 1.0, 0.0)]
        >>> model.probability("ataxias", names)  # the gap is 2: 1 / (1 + e^(1 - 1))
        0.5
        """
        return sigmoid(self.log_odds(features_of(text, candidates[:DEPTH])))

    def log_odds(self, features: Features) -> float:
        """Return the log-odds that the best concept is right."""
        return self.intercept + sum(weight * value for weight, value in zip(self.weights, features, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest holds."""
        return {"intercept": self.intercept, "weights": self.weights._asdict(), "fitted_on": dict(self.fitted_on)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Calibration":
        """Read what `to_json` gives.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is something else.
        """
        weights = {name: float(value) for name, value in dict(values["weights"]).items()}
        found = cls(float(values["intercept"]), Features(**weights), dict(values["fitted_on"]))
        if not all(map(math.isfinite, (found.intercept, *found.weights))):
            raise ValueError("a weight is no finite number")
        return found


def sigmoid(log_odds: float) -> float:
    """Return the probability of some log-odds, without an overflow at either end.

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(-1000.0), sigmoid(1000.0)
    (0.5, 0.0, 1.0)
    """
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return (odds := math.exp(log_odds)) / (1 + odds)


def is_unsure(probability: float | None, threshold: float | None) -> bool:
    """Say whether the answer is ``-1``: there is a threshold, and the probability is below it.

    Examples
    --------
    >>> is_unsure(0.4, 0.5), is_unsure(0.5, 0.5), is_unsure(0.4, None)
    (True, False, False)
    """
    return threshold is not None and (probability is None or probability < threshold)
