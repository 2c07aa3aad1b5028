"""When a query is right: the published, lenient rule and Acc@k; the strict rules; the queries that refined keeps."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from biosyn.concept_ids import NO_CONCEPT, name_ids, query_ids, shares_any
from biosyn.records import MentionPrediction, Query, QueryPrediction

# -- lenient: each mention of the query has a candidate that shares any gold id


def accuracy_at_k(predictions: Sequence[QueryPrediction], topk: int) -> dict[str, float]:
    """Return ``acc1`` .. ``accK``: the fraction of all queries whose rank is at most k.

    Source: the paper's evaluation; a composite query counts only if each of its parts does.

    Raises
    ------
    ValueError
        If there are no predictions.
    """
    if not predictions:
        raise ValueError("no predictions to evaluate")
    ranks = query_ranks(predictions)
    return {f"acc{k}": int(hits_at(ranks, k).sum()) / len(predictions) for k in range(1, topk + 1)}


def query_ranks(predictions: Sequence[QueryPrediction]) -> NDArray[np.int64]:
    """Return the rank of each of Q queries, shape (Q,); 0 if one of its mentions has no hit."""
    return np.array([query_rank(prediction) or 0 for prediction in predictions], dtype=np.int64)


def query_rank(prediction: QueryPrediction) -> int | None:
    """Return the smallest k at which every mention of the query has a hit, or None."""
    ranks = [first_hit(mention, prediction.query.cui) for mention in prediction.mentions]
    found = [rank for rank in ranks if rank is not None]
    return max(found) if found and len(found) == len(ranks) else None


def first_hit(prediction: MentionPrediction, gold_cui: str) -> int | None:
    """Return the rank (from 1) of the first candidate that shares an id with the gold field, or None."""
    ranks = (rank for rank, found in enumerate(prediction.candidates, 1) if shares_any(gold_cui, found.cui))
    return next(ranks, None)


def hits_at(ranks: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Return for each query whether its rank is at most k, shape (Q,).

    Examples
    --------
    >>> hits_at(np.array([1, 3, 0]), 2)
    array([ True, False, False])
    """
    return (ranks > 0) & (ranks <= k)


def reciprocal_ranks(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 / rank, or 0 without a rank, shape (Q,); their mean is the MRR of the top K (Voorhees, TREC-8, 1999).

    Examples
    --------
    >>> reciprocal_ranks(np.array([1, 4, 0]))
    array([1.  , 0.25, 0.  ])
    """
    return np.divide(1.0, ranks, out=np.zeros(len(ranks)), where=ranks > 0)


def found_at_all(predictions: Sequence[QueryPrediction]) -> NDArray[np.bool_]:
    """Return for each of Q queries whether any candidate of any part shares a gold id, shape (Q,)."""
    return np.array(
        [
            any(shares_any(found.query.cui, candidate.cui) for m in found.mentions for candidate in m.candidates)
            for found in predictions
        ],
        dtype=np.bool_,
    )


# -- strict: all gold ids, and each best name stands for one concept


def strict_hits(predictions: Sequence[QueryPrediction]) -> NDArray[np.bool_]:
    """Return for each of Q queries whether the concepts that its best names are resolved to are right, shape (Q,)."""
    return np.array(
        [
            is_strict_hit(gold_ids(found.query.cui), list(map(resolved_ids, found.mentions)), [1] * len(found.mentions))
            for found in predictions
        ],
        dtype=np.bool_,
    )


def resolved_ids(mention: MentionPrediction) -> frozenset[str]:
    """Return the ids of the best name that are of the concept it is resolved to; all if it is not resolved.

    The concept's other ids do not count: a strict hit is a lenient one.
    """
    ids = best_ids(mention)
    return ids.intersection(mention.resolved[0].ids) if mention.resolved else ids


def best_ids(mention: MentionPrediction) -> frozenset[str]:
    """Return the ids of the best name."""
    return name_ids(mention.candidates[0].cui)


def unresolved_hits(predictions: Sequence[QueryPrediction], n_concepts: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """Return for each of Q queries whether it is right if a name of several concepts is always wrong, shape (Q,).

    Parameters
    ----------
    n_concepts
        For each part of each query, the number of concepts that its best name belongs to.
    """
    return np.array(
        [
            is_strict_hit(gold_ids(found.query.cui), list(map(best_ids, found.mentions)), counts)
            for found, counts in zip(predictions, n_concepts, strict=True)
        ],
        dtype=np.bool_,
    )


def is_strict_hit(gold: AbstractSet[str], best: Sequence[AbstractSet[str]], n_concepts: Sequence[int]) -> bool:
    """Return whether a query is right by the strict protocol.

    The best name of every part must belong to one concept only; every gold id must be among the ids of some part's best
    name; and each part must have a gold id of its own, or, if there are more parts than ids, any gold id. The order of
    parts and ids is ignored: in the NCBI corpus "pineal tumours|retinal tumors" has the id of the retina first.

    Parameters
    ----------
    gold
        The query's ids, without -1.
    best, n_concepts
        For each part (one, if the query is not composite) the ids of the best name, and the number of concepts that
        this name belongs to.

    Examples
    --------
    >>> is_strict_hit({"D1"}, [{"D1", "208900"}], [1]), is_strict_hit({"D1"}, [{"D1", "D2"}], [2])
    (True, False)
    >>> is_strict_hit({"D1", "D2"}, [{"D2"}, {"D1"}], [1, 1]), is_strict_hit({"D1", "D2"}, [{"D1"}, {"D1"}], [1, 1])
    (True, False)
    """
    edges = [gold & ids for ids in best]
    if not gold or any(count != 1 for count in n_concepts) or not all(edges) or set().union(*edges) != gold:
        return False
    return len(edges) > len(gold) or _each_has_its_own(edges)


def _each_has_its_own(edges: Sequence[AbstractSet[str]]) -> bool:
    """Return whether every part can be assigned an id that no other part gets (Hopcroft and Karp's matching)."""
    ids = sorted(set().union(*edges))
    possible = sparse.csr_matrix([[cui in part for cui in ids] for part in edges], dtype=np.int8)  # (parts, ids)
    return bool((maximum_bipartite_matching(possible, perm_type="column") >= 0).all())


def gold_ids(cui: str) -> frozenset[str]:
    """Return the ids of a query's field as a set, without ``-1``."""
    return query_ids(cui) - {NO_CONCEPT}


# -- refined: the lenient rule on queries that are not seen in training


def refined_members(queries: Sequence[Query], train: Sequence[Query]) -> NDArray[np.bool_]:
    """Return for each of Q queries whether the refined protocol keeps it, shape (Q,).

    It drops a query whose pair of mention and ids is among the training queries, or earlier in the list. Source: the
    refined test sets of Tutubalina et al., COLING 2020, "Fair Evaluation in Concept Normalization".

    Examples
    --------
    >>> queries = [Query("a", "D1"), Query("b|c", "D1|D2"), Query("b|c", "D2+D1"), Query("a", "D2")]
    >>> refined_members(queries, [Query("a", "D1")])
    array([False,  True, False,  True])
    """
    seen = {_pair(query) for query in train}
    kept = []
    for query in queries:
        kept.append(_pair(query) not in seen)
        seen.add(_pair(query))
    return np.array(kept, dtype=np.bool_)


def _pair(query: Query) -> tuple[str, frozenset[str]]:
    return query.mention, query_ids(query.cui)
