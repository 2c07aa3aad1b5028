"""What all names of a concept say about a mention, in addition to the score of the best one, and how much each counts.

A concept that has the right name by chance has only that one near the mention. The weights are fitted on mentions that
the model was not trained on (`biosyn.evaluation.rerank`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import mul
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Evidence(NamedTuple):
    """What the names of a concept say about a mention; the scores are dense ones."""

    best_two: float  # the mean score of its two best names; of one if it has no more
    best_three: float
    centre: float  # the score of the mean of its names' vectors
    worst_token: float  # the lowest cosine, over the mention's tokens, with the most similar token of any name


@dataclass(frozen=True)
class Reranking:
    """The weights of the evidence for one checkpoint and one score mode; the score of the best name has the weight 1.

    Parameters
    ----------
    weights
        One weight for each kind of evidence.
    fitted_on
        The mentions and the dictionary that were used, as JSON for the manifest.

    Raises
    ------
    ValueError
        If a number is not finite.
    """

    weights: Evidence
    fitted_on: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.weights)):
            raise ValueError("a weight of the evidence is not a finite number")

    def added(self, evidence: Mapping[str, Evidence]) -> dict[str, float]:
        """Return what the evidence adds to the score of each concept, compared with the first of them.

        Examples
        --------
        >>> Reranking(Evidence(2.0, 0.0, 1.0, 0.0)).added({"D1": Evidence(0, 0, 1, 0), "D2": Evidence(1, 0, 0.5, 0)})
        {'D1': 0.0, 'D2': 1.5}
        """
        sums = {cui: sum(map(mul, self.weights, one)) for cui, one in evidence.items()}
        first = next(iter(sums.values()), 0.0)
        return {cui: found - first for cui, found in sums.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the JSON for the manifest."""
        return {"weights": self.weights._asdict(), "fitted_on": dict(self.fitted_on)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Reranking":
        """Return the weights of what `to_json` returns.

        Raises
        ------
        KeyError, TypeError, ValueError
            If ``values`` is anything else.
        """
        weights = {name: float(value) for name, value in dict(values["weights"]).items()}
        return cls(Evidence(**weights), dict(values["fitted_on"]))


def dense_evidence(mention: Tensor, names: Tensor, *, is_unit: bool) -> tuple[float, float, float]:
    """Return the evidence of the vectors of a concept's names.

    Parameters
    ----------
    mention, names
        The vectors of the mention (H,), and of the N names of the concept (N, H).
    is_unit
        Whether scores are cosines, so that the mean vector gets the length 1.

    Examples
    --------
    >>> dense_evidence(torch.tensor([1.0, 0.0]), torch.tensor([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), is_unit=False)
    (2.5, 2.0, 2.0)
    """
    scores = (names @ mention).sort(descending=True).values  # (N,)
    centre = names.mean(dim=0)  # (H,)
    centre = torch.nn.functional.normalize(centre, dim=0) if is_unit else centre
    return scores[:2].mean().item(), scores[:3].mean().item(), (centre @ mention).item()


def worst_token(mention: Tensor, names: Tensor) -> float:
    """Return the lowest, over the mention's tokens, of the highest cosines with a token of the names.

    Parameters
    ----------
    mention, names
        The states of the tokens, of length 1: (L, H), and those of all names together (T, H).

    Examples
    --------
    >>> worst_token(torch.eye(2), torch.tensor([[0.0, 1.0], [0.6, 0.8]]))
    0.6000000238418579
    """
    return (mention @ names.T).max(dim=1).values.min().item()
