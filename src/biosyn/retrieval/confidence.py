"""The probability that the best concept of a mention is right: a logistic model on the scores of its candidates.

The best concept is the one that the best name is resolved to (`biosyn.data.resolver`). Calibrations of earlier versions
give the probability that the best name shares an id with the gold ids, as Acc@1 counts. Two names that share an id
count as the same concept in the features, so that no ontology is needed to answer a mention.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from biosyn.concept_ids import name_ids
from biosyn.errors import InputError
from biosyn.records import Candidate
from biosyn.text.preprocess import lookup_text

OF_NAME, OF_CONCEPT = "name", "concept"  # what is right if the probability is: the best name, or its first concept
DEPTH = 20  # candidates from which the features are computed, the K of training


class Features(NamedTuple):
    """The model's input for a mention; all but ``exact`` have the scale of the scores, which depends on the model."""

    score: float  # of the best name
    gap: float  # score of the best name minus that of the best name of another concept
    log_odds: float  # of the softmax probability, over the candidates, of the best concept's names
    exact: float  # 1 if the best name equals the mention, otherwise 0


def features_of(text: str, candidates: Sequence[Candidate]) -> Features:
    """Return the features of a mention, with its text as embedded, and of its candidates, best first.

    If all candidates are of one concept, the last of them replaces the best name of another concept, which cannot score
    higher. The softmax is that of the marginalization in training (section 3.3 of the paper).

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
    return Features(best.score, best.score - others[0], log_odds, float(lookup_text(best.name) == text))


def _log_sum(scores: Sequence[float]) -> float:
    highest = max(scores)
    return highest + math.log(sum(math.exp(score - highest) for score in scores))


@dataclass(frozen=True)
class Calibration:
    """A fitted model for one checkpoint and one score mode.

    Parameters
    ----------
    weights
        One weight per feature, for unscaled features.
    fitted_on
        The mentions and the dictionary that were used, as JSON for the manifest.
    of
        ``concept`` for the probability that the concept of the best name is right; ``name`` for the probability that
        the name shares an id with the gold ids: without ``concepts.jsonl``, and before checkpoint format 4.

    Raises
    ------
    ValueError
        If a number is not finite.
    """

    intercept: float
    weights: Features
    fitted_on: Mapping[str, Any] = field(default_factory=dict)
    of: str = OF_NAME

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.intercept, *self.weights))):
            raise ValueError("a weight of the calibration is not a finite number")

    def probability(self, text: str, candidates: Sequence[Candidate]) -> float:
        """Return the probability for a mention, with its text as embedded, and its `DEPTH` best candidates.

        Examples
        --------
        >>> model = Calibration(-1.0, Features(0.0, 0.5, 0.0, 0.0))
        >>> names = [Candidate("ataxia", "D1", 3.0, 3.0, 0.0), Candidate("asthma", "D3", 1.0, 1.0, 0.0)]
        >>> model.probability("ataxias", names)  # the gap is 2: 1 / (1 + e^(1 - 1))
        0.5
        """
        return sigmoid(self.log_odds(features_of(text, candidates[:DEPTH])))

    def log_odds(self, features: Features) -> float:
        """Return the log-odds that the best concept is right, an InputError if they are NaN."""
        log_odds = self.intercept + sum(weight * value for weight, value in zip(self.weights, features, strict=True))
        if math.isnan(log_odds):
            raise InputError("the calibration gives no probability, its weights are too large: run biosyn calibrate")
        return log_odds

    def to_json(self) -> dict[str, Any]:
        """Return the JSON for the manifest."""
        weights = self.weights._asdict()
        return {"intercept": self.intercept, "weights": weights, "fitted_on": dict(self.fitted_on), "of": self.of}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Calibration":
        """Return the calibration of what `to_json` returns.

        Raises
        ------
        KeyError, TypeError, ValueError
            If ``values`` is anything else.
        """
        weights = {name: float(value) for name, value in dict(values["weights"]).items()}
        fitted_on, of = dict(values["fitted_on"]), str(values.get("of", OF_NAME))
        if of not in (OF_NAME, OF_CONCEPT):
            raise ValueError(f"of is '{of}'")
        return cls(float(values["intercept"]), Features(**weights), fitted_on, of)


def sigmoid(log_odds: float) -> float:
    """Return the probability of log-odds, without overflow at either end.

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(-1000.0), sigmoid(1000.0)
    (0.5, 0.0, 1.0)
    """
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return (odds := math.exp(log_odds)) / (1 + odds)


def is_unsure(probability: float | None, threshold: float | None) -> bool:
    """Return whether the answer is ``-1``: there is a threshold, and the probability is below it.

    Examples
    --------
    >>> is_unsure(0.4, 0.5), is_unsure(0.5, 0.5), is_unsure(0.4, None)
    (True, False, False)
    """
    return threshold is not None and (probability is None or probability < threshold)
