"""Acc@k, pure: predictions in, figures out. No query is ever dropped from the denominator."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biosyn.concept_ids import shares_any
from biosyn.records import MentionPrediction, QueryPrediction


def first_hit(prediction: MentionPrediction, gold_cui: str) -> int | None:
    """Return the rank (from 1) of the first candidate that shares an id with the gold field, or None."""
    ranks = (rank for rank, found in enumerate(prediction.candidates, 1) if shares_any(gold_cui, found.cui))
    return next(ranks, None)


def query_rank(prediction: QueryPrediction) -> int | None:
    """Return the smallest k at which every mention of the query has a hit, or None."""
    ranks = [first_hit(mention, prediction.query.cui) for mention in prediction.mentions]
    found = [rank for rank in ranks if rank is not None]
    return max(found) if found and len(found) == len(ranks) else None


def accuracy_at_k(predictions: Sequence[QueryPrediction], topk: int) -> dict[str, float]:
    """Return ``acc1`` .. ``accK``: the share of all queries whose rank is at most k.

    Source: the paper's evaluation; a composite query counts only when each of its parts does.

    Raises
    ------
    ValueError
        If there is no prediction: a share of nothing is no figure.
    """
    if not predictions:
        raise ValueError("no predictions to evaluate")
    ranks = query_ranks(predictions)
    return {f"acc{k}": int(hits_at(ranks, k).sum()) / len(predictions) for k in range(1, topk + 1)}


def query_ranks(predictions: Sequence[QueryPrediction]) -> NDArray[np.int64]:
    """Return the rank of each of Q queries, shape (Q,); 0 where a mention has no hit."""
    return np.array([query_rank(prediction) or 0 for prediction in predictions], dtype=np.int64)


def hits_at(ranks: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Say which queries count at k: their rank is at most k. Shape (Q,).

    Examples
    --------
    >>> hits_at(np.array([1, 3, 0]), 2)
    array([ True, False, False])
    """
    return (ranks > 0) & (ranks <= k)


def reciprocal_ranks(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 / rank, and 0 where there is none; their mean is the MRR of the top K (Voorhees, TREC-8, 1999).

    Examples
    --------
    >>> reciprocal_ranks(np.array([1, 4, 0]))
    array([1.  , 0.25, 0.  ])
    """
    return np.divide(1.0, ranks, out=np.zeros(len(ranks)), where=ranks > 0)
