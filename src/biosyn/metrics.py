"""Acc@k, pure: predictions in, figures out. No query is ever dropped from the denominator."""

from collections.abc import Sequence

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
    ranks = [query_rank(prediction) for prediction in predictions]
    return {
        f"acc{k}": sum(rank is not None and rank <= k for rank in ranks) / len(predictions) for k in range(1, topk + 1)
    }
